import { expect, test } from "vitest";
import type { RunDetail, RunEvent, StepRecord } from "../history/records.ts";
import { type AuditedRun, audit } from "./audit.ts";
import { Ledger } from "./ledger.ts";

// The auditor itself: a good book has no violations, and each way of breaking a promise is found and named.

const step = (seq: number, name: string, change: Partial<StepRecord> = {}): StepRecord => ({
  runId: "r",
  seq,
  name,
  kind: "lambda",
  attempt: 1,
  status: "COMPLETED",
  output: null,
  error: null,
  rows: { in: 3, out: 2, rejected: 1 },
  metrics: {},
  startedAt: "2026-01-05T09:00:00.000Z",
  completedAt: "2026-01-05T09:00:00.000Z",
  retryAt: null,
  waitingFor: null,
  waitingUntil: null,
  progress: null,
  ...change,
});
const eventsTo = (version: number): RunEvent[] =>
  Array.from({ length: version }, (_, index) => ({
    runId: "r",
    seq: index + 1,
    type: "t",
    at: "",
    data: null,
  }));

function good(): { ledger: Ledger; run: AuditedRun & { detail: RunDetail } } {
  const ledger = new Ledger();
  ledger.accepted("r");
  ledger.started("r", "one");
  ledger.died("r", "before advance", []);
  ledger.started("r", "one");
  ledger.acknowledged("r", "one");
  ledger.started("r", "two#page 1");
  ledger.acknowledged("r", "two#page 1");
  ledger.died("r", "after advance", ["one"]);
  ledger.started("r", "two#page 2");
  ledger.acknowledged("r", "two");
  const run = { runId: "r", status: "COMPLETED", version: 8, error: null } as RunDetail["run"];
  const steps = [
    step(1, "one", { status: "FAILED", rows: null }),
    step(2, "one", { attempt: 2 }),
    step(3, "two", { status: "FAILED", rows: null }),
    step(4, "two", { attempt: 2 }),
  ];
  return {
    ledger,
    run: {
      runId: "r",
      detail: { run, steps },
      events: eventsTo(8),
      effects: ["a", "b"],
      expected: ["a", "b"],
    },
  };
}

const withSteps = (change: (steps: readonly StepRecord[]) => readonly StepRecord[]) => {
  const { ledger, run } = good();
  return audit(ledger.entries, [{ ...run, detail: { ...run.detail, steps: change(run.detail.steps) } }]);
};
const withRun = (change: Partial<AuditedRun>) => {
  const { ledger, run } = good();
  return audit(ledger.entries, [{ ...run, ...change }]);
};
const withEntries = (change: (ledger: Ledger) => void) => {
  const { ledger, run } = good();
  change(ledger);
  return audit(ledger.entries, [run]);
};

test("a book in which every promise was kept has no violations", () => {
  const { ledger, run } = good();
  expect(audit(ledger.entries, [run])).toEqual([]);
});

test.each([
  ["a run that is gone", withRun({ detail: undefined, events: [] }), "RUN_LOST"],
  ["a run that nobody looked for", withEntries((ledger) => ledger.accepted("other")), "RUN_LOST"],
  [
    "a run that stopped on the way",
    withRun({ detail: { ...good().run.detail, run: { ...good().run.detail.run, status: "RUNNING" } } }),
    "RUN_LOST",
  ],
  ["a step that was told, and ran again", withEntries((ledger) => ledger.started("r", "two")), "RAN_AGAIN"],
  [
    "a page that was stored, and was read again",
    withEntries((ledger) => ledger.started("r", "two#page 1")),
    "RAN_AGAIN",
  ],
  [
    "a step that nobody was told of, but that was recorded when the process died, and ran again",
    withEntries((ledger) => {
      ledger.died("r", "after advance", ["one", "two", "three"]);
      ledger.started("r", "three");
    }),
    "RAN_AGAIN",
  ],
  [
    "a step that was told before it was recorded",
    withEntries((ledger) => ledger.died("r", "x", ["one"])),
    "TOLD_TOO_EARLY",
  ],
  ["two completions", withSteps((steps) => [...steps, step(5, "two", { attempt: 3 })]), "RECORDED_TWICE"],
  ["an effect that is missing", withRun({ effects: ["a"] }), "EFFECT_MISSING"],
  ["an effect made twice", withRun({ effects: ["a", "b", "b"] }), "EFFECT_DOUBLED"],
  ["an effect of nobody", withRun({ effects: ["a", "b", "c"] }), "EFFECT_DOUBLED"],
  ["an event too few", withRun({ events: eventsTo(7) }), "EVENTS_WRONG"],
  [
    "an event that was left out",
    withRun({ events: [...eventsTo(7), ...eventsTo(9).slice(-1)] }),
    "EVENTS_WRONG",
  ],
  [
    "an attempt that was left out",
    withSteps((steps) => steps.slice(0, 3).concat(step(4, "two", { attempt: 3 }))),
    "ATTEMPTS_WRONG",
  ],
  [
    "a position that was left out",
    withSteps((steps) => [...steps.slice(0, 3), step(5, "two", { attempt: 2 })]),
    "ATTEMPTS_WRONG",
  ],
  [
    "an attempt left open",
    withSteps((steps) => [...steps, step(5, "three", { status: "RUNNING" })]),
    "ATTEMPTS_WRONG",
  ],
  [
    "a row that disappeared",
    withSteps((steps) => [...steps, step(5, "three", { rows: { in: 3, out: 1, rejected: 1 } })]),
    "ROWS_WRONG",
  ],
] as const)("finds %s", (_, violations, code) => {
  expect(violations.map((violation) => violation.code)).toEqual([code]);
});
