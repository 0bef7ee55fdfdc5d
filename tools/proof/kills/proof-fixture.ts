import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createTestDatabase } from "spine-adapters/testing";
import { afterAll, expect } from "vitest";
import { bundleProcess } from "../../bundle-process.ts";
import { readBooks } from "./book.ts";
import type { Member } from "./crew.ts";
import type { Address } from "./database-at.ts";
import type { Starts } from "./job.ts";
import { type Outcome, Stage } from "./stage.ts";

const folder = mkdtempSync(join(tmpdir(), "spine-kills-"));
let code: Promise<string> | undefined;
let stages = 0;

/** A stage on a Postgres database of its own, or on the one that is given. Call `proofFixture` once in the file. */
export async function openStage(address?: Address): Promise<Stage> {
  code ??= bundleProcess(join(import.meta.dirname, "kill-process.ts"), join(folder, "code"));
  const at = address ?? { url: await createTestDatabase() };
  return await Stage.open({ address: at, code: await code, folder: join(folder, `stage-${++stages}`) });
}

/** Removes what the stages of this file left behind. */
export function proofFixture(): void {
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
}

/** A client that starts so many runs, of all kinds unless it is told otherwise, and has been told of all of them. */
export async function startRuns(stage: Stage, count: number, starts: Partial<Starts> = {}): Promise<Member> {
  const client = await hireClient(stage, count, starts);
  await client.says("started all");
  return client;
}

/** A client that starts so many runs. */
export async function hireClient(stage: Stage, count: number, starts: Partial<Starts> = {}): Promise<Member> {
  const all = { prefix: "run-", again: [], from: 0, count, everyMs: 0, most: 1_000, ...starts };
  return await stage.hire({ worker: false, starts: all });
}

/** Waits for something that has to come; the tests of a file may run at once, which `expect.poll` does not bear. */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  ms = 60_000,
): Promise<void> {
  const until = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > until) throw new Error(`It did not come to this in ${ms / 1_000} s: ${what}.`);
    await delay(20);
  }
}

/** Nothing lost, nothing twice, nobody died by himself. */
export function expectKept(outcome: Outcome, runs: number): void {
  expect(outcome).toMatchObject({ violations: [], accidents: [] });
  // Children come on top.
  expect(outcome.runs.length).toBeGreaterThanOrEqual(runs);
}

/** Waits until bodies of so many different runs have begun, in these processes or in all. */
export async function begun(stage: Stage, runs: number, pid?: number): Promise<void> {
  const count = () =>
    new Set(
      readBooks(stage.books)
        .filter((entry) => entry.what === "began" && (pid === undefined || entry.pid === pid))
        .map(({ runId }) => runId),
    ).size;
  await eventually(`bodies of ${runs} runs have begun`, () => count() >= runs);
}
