import type { Spine } from "spine-core";
import type { Output } from "./output.ts";

const WIDTH = 24;

/**
 * Shows what a Spine does while it does it: one line a step, redrawn in place on a terminal, written once
 * it has ended elsewhere. Returns the function that ends it.
 */
export function showProgress(spine: Spine, output: Output, label: (runId: string) => string): () => void {
  const began = new Map<string, number>();
  const key = (runId: string, step: string) => `${runId}/${step}`;
  // Null for a step whose beginning was not seen: it ended with the process that it began in.
  const elapsed = (runId: string, step: string) => {
    const from = began.get(key(runId, step));
    return from === undefined ? null : (performance.now() - from) / 1000;
  };
  const line = (runId: string, step: string, middle: string, rows: number, rejected: number) => {
    const time = elapsed(runId, step);
    const rate = time !== null && time > 0.001 && rows > 0 ? `${count(rows / time)} rows/s` : "";
    const refused = rejected > 0 ? `${count(rejected)} rejected` : "";
    return `  ${label(runId).padEnd(5)} ${step.padEnd(10)} ${middle} ${(rows > 0 ? `${count(rows)} rows` : "").padStart(12)} ${rate.padStart(18)} ${(time === null ? "" : `${time.toFixed(2)} s`).padStart(9)}  ${refused}`.trimEnd();
  };
  const ends = [
    spine.on("step.started", ({ runId, step }) => began.set(key(runId, step), performance.now())),
    spine.on("step.progress", ({ runId, step, rows, done, total }) => {
      const part = done !== null && total ? done / total : null;
      output.redraw(line(runId, step, bar(part), rows?.in ?? 0, rows?.rejected ?? 0));
    }),
    spine.on("step.ended", ({ runId, step, rows, error, retryAt }) => {
      const mark =
        error === null ? output.green("✔") : retryAt === null ? output.red("✘") : output.yellow("↻");
      const middle = error === null ? bar(1) : error.code.padEnd(WIDTH);
      output.settle(
        `${line(runId, step, middle, rows?.in ?? 0, rows?.rejected ?? 0)}`.replace(/^ {2}/, `${mark} `),
      );
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

function bar(part: number | null): string {
  if (part === null) return "·".repeat(WIDTH);
  const full = Math.round(Math.min(1, part) * WIDTH);
  return "█".repeat(full) + "░".repeat(WIDTH - full);
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
