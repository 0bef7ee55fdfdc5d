import type { RunEvent, StepRecord } from "spine-core";
import type { AuditedRun } from "spine-core/testing";
import { expect, test } from "vitest";
import { auditKills, p99 } from "./audit-kills.ts";
import type { Entry } from "./book.ts";
import { undoFindings } from "./undone.ts";

const RUN = "r";
const DEAD = 11;
const HEIR = 22;
const START = Date.parse("2026-01-01T00:00:00.000Z");
const iso = (ms: number) => new Date(START + ms).toISOString();
const worker = (pid: number) => `host-${pid}-abcdefabcdef`;

const step = (attempt: number, status: "COMPLETED" | "FAILED", from: number, to: number): StepRecord => ({
  runId: RUN,
  seq: attempt,
  name: "one",
  kind: "lambda",
  attempt,
  status,
  output: null,
  error: null,
  rows: null,
  metrics: {},
  startedAt: iso(from),
  completedAt: iso(to),
  retryAt: null,
  waitingFor: null,
  waitingUntil: null,
  progress: null,
});
const event = (seq: number, at: number, data: RunEvent["data"] = {}): RunEvent => ({
  runId: RUN,
  seq,
  type: "e",
  at: iso(at),
  data,
});
const takeover = event(2, 300, { worker: worker(HEIR), reason: "takeover", lost_worker: worker(DEAD) });

/** A run whose worker died at 100, that was taken over at 300 and ended at 500. */
function takenOver(
  change: { steps?: readonly StepRecord[]; effects?: readonly string[]; status?: string } = {},
) {
  const steps = change.steps ?? [step(1, "FAILED", 0, 310), step(2, "COMPLETED", 310, 500)];
  const run = {
    runId: RUN,
    workflow: "w",
    key: "k",
    status: change.status ?? "COMPLETED",
    version: 3,
    error: null,
  };
  return {
    runId: RUN,
    detail: { run, steps },
    events: [event(1, 0), takeover, event(3, 500)],
    effects: change.effects ?? ["effect"],
    expected: ["effect"],
  } as unknown as AuditedRun;
}

const entry = (what: Entry["what"], pid: number, at: number, more: Partial<Entry> = {}): Entry => ({
  what,
  pid,
  at: START + at,
  runId: RUN,
  step: "one",
  ...more,
});
const BODIES = [
  entry("accepted", 1, 1, { key: "k" }),
  entry("began", DEAD, 20, { attempt: 1 }),
  entry("began", HEIR, 320, { attempt: 2 }),
  entry("kept", HEIR, 501),
];
const deaths = new Map([[DEAD, START + 100]]);

const codes = (entries: readonly Entry[], runs: readonly AuditedRun[], dead: typeof deaths | null = deaths) =>
  auditKills({ entries, runs, deaths: dead }).violations.map(({ count, code }) => `${count} ${code}`);

test("a run that was cut by a death and went on elsewhere is in order, and its recovery is measured", () => {
  expect(auditKills({ entries: BODIES, runs: [takenOver()], deaths })).toEqual({
    lost: 0,
    double_commits: 0,
    finished_reexecuted: 0,
    stale_accepted: 0,
    recoveries: [200],
    takeovers: 1,
    zombie_bodies: 0,
    violations: [],
  });
});

test.each([
  ["an accepted run is not there", "lost RUN_LOST", BODIES, []],
  ["a run has not ended", "lost RUN_LOST", BODIES, [takenOver({ status: "RUNNING" })]],
  ["a step was told too early", "lost TOLD_TOO_EARLY", [entry("kept", HEIR, 400)], [takenOver()]],
  [
    "a step is recorded twice",
    "double_commits RECORDED_TWICE",
    BODIES,
    [takenOver({ steps: [step(1, "COMPLETED", 0, 310), step(2, "COMPLETED", 310, 500)] })],
  ],
  [
    "an effect is there twice",
    "double_commits EFFECT_DOUBLED",
    BODIES,
    [takenOver({ effects: ["effect", "effect"] })],
  ],
  ["an effect is missing", "double_commits EFFECT_MISSING", BODIES, [takenOver({ effects: [] })]],
  ["a key has two runs", "double_commits KEY_TWICE", BODIES, [takenOver(), { ...takenOver(), runId: "s" }]],
  [
    "a finished step begins again",
    "finished_reexecuted BEGAN_FINISHED",
    [...BODIES, entry("began", HEIR, 600, { attempt: 3 })],
    [takenOver()],
  ],
  [
    "an attempt has two bodies",
    "finished_reexecuted BEGAN_TWICE",
    [...BODIES, entry("began", HEIR, 350, { attempt: 2 })],
    [takenOver()],
  ],
  [
    "attempts overlap",
    "stale_accepted OUT_OF_ORDER",
    BODIES,
    [takenOver({ steps: [step(1, "FAILED", 0, 310), step(2, "COMPLETED", 200, 500)] })],
  ],
] as const)("%s: %s", (_, code, entries, runs) => {
  expect(codes(entries, runs)).toContain(code);
});

test("a run that was taken from a process that lives is a finding, unless processes are cut off on purpose", () => {
  expect(codes(BODIES, [takenOver()], new Map())).toEqual(["finished_reexecuted TAKEN_FROM_LIVING"]);
  const zombie = [...BODIES, entry("began", DEAD, 700, { attempt: 1 })];
  const { violations, zombie_bodies } = auditKills({ entries: zombie, runs: [takenOver()], deaths: null });
  expect([violations, zombie_bodies]).toEqual([[], 1]);
});

test("the 99th of a hundred", () => {
  expect(p99([])).toBeNull();
  expect(p99([5])).toBe(5);
  expect(p99(Array.from({ length: 100 }, (_value, index) => index + 1))).toBe(99);
});

test("a run that is undone: what is left, what is undone in another order, and what is undone of one that succeeded", () => {
  const at = (seq: number, name: string): StepRecord => ({ ...step(1, "COMPLETED", seq, seq), name, seq });
  const prepares = ["a", "b"].map((group) => `groups/${group}/prepare`);
  const done = prepares.map((name, index) => at(1 + index, name));
  const findings = (status: string, undos: readonly string[]) => {
    const steps = [...done, ...undos.map((group, index) => at(3 + index, `undo/groups/${group}/prepare`))];
    const run = { workflow: "kill.kinds", status };
    return undoFindings({ run, steps } as unknown as Parameters<typeof undoFindings>[0]).map(
      ([code]) => code,
    );
  };
  expect(findings("FAILED", ["b", "a"])).toEqual([]);
  expect(findings("CANCELLED", ["b"])).toEqual(["NOT_UNDONE"]);
  expect(findings("FAILED", ["a", "b"])).toEqual(["UNDO_ORDER"]);
  expect(findings("COMPLETED", ["b"])).toEqual(["UNDONE"]);
  expect(findings("COMPLETED", [])).toEqual([]);
});
