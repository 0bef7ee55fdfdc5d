import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

async function linesOf(example: string): Promise<readonly string[]> {
  const file = join(import.meta.dirname, example);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--conditions=spine-source", "--no-warnings", file],
    { env: { ...process.env, SPINE_LOG_LEVEL: "SILENT" } },
  );
  return stdout.trim().split("\n");
}

test("the steps of docs/workflows.md", async () => {
  expect(await linesOf("steps.ts")).toEqual([
    "1: o-1, 2: o-2",
    "43 items, by truck, forecast: none",
    "truck 7 is free again",
    "nobody drives on Sundays",
    "[",
    "  'list COMPLETED',",
    "  'facts COMPLETED',",
    "  'facts/largest COMPLETED',",
    "  'facts/total/sum COMPLETED',",
    "  'facts/total/text COMPLETED',",
    "  'labels COMPLETED'",
    "]",
  ]);
});

test("the waits", async () => {
  expect(await linesOf("waits.ts")).toEqual(["waits for signal review", "5+6, said Ada"]);
});

test("the progress", async () => {
  expect(await linesOf("progress.ts")).toEqual([
    "attempt 1: a.csv",
    "attempt 1: b.csv",
    "attempt 1: c.csv",
    "2 of 3 files",
    "attempt 2: a.csv",
    "attempt 2: b.csv",
    "attempt 2: c.csv",
    "[ 'FAILED STEP_HEARTBEAT_TIMEOUT', 'COMPLETED' ]",
  ]);
});

test("the controls", async () => {
  expect(await linesOf("controls.ts")).toEqual([
    "the printer is out of paper",
    "100 rows",
    "100 rows true",
    "PAUSED",
    "{ work: 'half' }",
    "400",
    "3 cancelled",
  ]);
});

test("the rest of it", async () => {
  expect((await linesOf("more.ts")).filter((line) => !line.startsWith("{"))).toEqual([
    "[ '4 letters', '4 letters', 101.5, 'closed' ]",
    "news: WAIT_TIMEOUT",
    "release: APPROVAL_REJECTED",
    "the other one: RUN_CANCELLED",
    "other steps: WORKFLOW_CHANGED",
  ]);
});
