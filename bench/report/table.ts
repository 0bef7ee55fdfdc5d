import type { Result } from "../harness/run-experiment.ts";
import { GOALS, type GoalName, type Summary } from "./goals.ts";

/** The figures of one experiment as a Markdown table. */
export function table(results: readonly Result[]): string {
  const title = results[0]?.experiment.title ?? "";
  const columns = [...new Set(results.flatMap(({ figures }) => Object.keys(figures)))];
  const rows = results.map(({ system, figures, error }) => [
    system.name,
    ...columns.map((name) => (error === null ? readable(figures[name]) : "-")),
    error === null ? "" : `failed: ${error.split("\n").at(0)?.slice(0, 120)}`,
  ]);
  const failed = results.some(({ error }) => error !== null);
  const head = ["system", ...columns.map(words), ...(failed ? ["error"] : [])];
  const all = [head, head.map(() => "---"), ...rows.map((row) => row.slice(0, head.length))];
  return `### ${title}\n\n${all.map((row) => `| ${row.join(" | ")} |`).join("\n")}\n`;
}

/** The summary beside its goals. */
export function goalsTable(summary: Summary, misses: readonly (keyof Summary)[]): string {
  const rows = (Object.keys(GOALS) as GoalName[]).map((name) => {
    const goal = GOALS[name];
    const wanted =
      "least" in goal ? `≥ ${goal.least}` : "most" in goal ? `≤ ${goal.most}` : `< ${goal.below}`;
    const value = summary[name];
    const verdict = value === null ? "not measured" : misses.includes(name) ? "**missed**" : "met";
    return `| ${name} | ${readable(value ?? undefined)} | ${wanted} | ${verdict} |`;
  });
  return `### Goals\n\n| figure | value | goal | |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
}

function readable(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "-";
  if (Number.isInteger(value)) return String(value);
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** `cpuMsPerRun` → `cpu ms per run`. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
