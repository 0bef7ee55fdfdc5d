import { expect, test } from "vitest";
import {
  ago,
  attemptFixture,
  doneStep,
  longRun,
  retriedFetch,
  runFixture,
  stepFixture,
} from "./testing/fixtures.ts";
import { roomyEnd, scalePlan, timeScale } from "./time-scale.ts";
import { queueOf, rowsOf, segmentsOf } from "./timeline-rows.ts";

const at = (iso: string) => Date.parse(iso);

test("attempts, and the waits between them, are drawn apart", () => {
  expect(segmentsOf(retriedFetch).map(({ kind, attempt, status }) => [kind, attempt, status])).toEqual([
    ["work", 1, "FAILED"],
    ["backoff", 1, "FAILED"],
    ["work", 2, "FAILED"],
    ["backoff", 2, "FAILED"],
    ["work", 3, "COMPLETED"],
  ]);
  const [, backoff] = segmentsOf(retriedFetch);
  expect([backoff?.from, backoff?.to]).toEqual([at(ago(41)), at(ago(38))]);
});

test("what is to be retried waits until then; what somebody retried by hand has not waited", () => {
  const failed = attemptFixture({ attempt: 1, retry_at: ago(-60) });
  const waits = stepFixture("fetch", { status: "FAILED", attempts: 1, history: [failed] });
  expect(segmentsOf(waits).at(-1)).toMatchObject({ kind: "backoff", to: at(ago(-60)) });
  const byHand = stepFixture("fetch", {
    status: "RUNNING",
    attempts: 2,
    history: [
      attemptFixture({ attempt: 1, retry_at: null }),
      attemptFixture({ attempt: 2, status: "RUNNING", started_at: ago(5), completed_at: null }),
    ],
  });
  expect(segmentsOf(byHand).map(({ kind, to }) => [kind, to])).toEqual([
    ["work", at(ago(41))],
    ["work", null],
  ]);
});

test("a step that waits is no work, one that has not begun has no bar, one without attempts has its newest", () => {
  expect(segmentsOf(stepFixture("confirm", { status: "WAITING", started_at: ago(9) }))).toMatchObject([
    { kind: "wait", to: null },
  ]);
  expect(segmentsOf(stepFixture("load"))).toEqual([]);
  expect(segmentsOf(doneStep("load", 9, 3))).toMatchObject([
    { kind: "work", from: at(ago(9)), to: at(ago(6)) },
  ]);
});

test("a run has waited in a queue from when it was made to when it began; some milliseconds are no queue", () => {
  const run = runFixture({ created_at: ago(9), started_at: ago(4) });
  expect(queueOf(run)).toMatchObject({ from: at(ago(9)), to: at(ago(4)) });
  expect(queueOf({ ...run, started_at: null })).toMatchObject({ to: null });
  expect(queueOf({ ...run, started_at: ago(8.95) })).toBeNull();
});

test("inner steps are rows below their own, by the rest of their name", () => {
  const rows = rowsOf([
    stepFixture("venues"),
    stepFixture("venues/XNYS", { parent: "venues" }),
    stepFixture("venues/XNYS/load", { parent: "venues/XNYS" }),
    stepFixture("orphan/of/nobody", { parent: "orphan/of" }),
  ]);
  expect(rows.map(({ depth, label, isOuter }) => [depth, label, isOuter])).toEqual([
    [0, "venues", true],
    [1, "XNYS", true],
    [2, "load", false],
    [0, "orphan/of/nobody", false],
  ]);
});

const work = (from: number, to: number | null) =>
  ({ kind: "work", from, to, status: "COMPLETED", attempt: 1 }) as const;

test("timed: as it was; waterfall: time in which nothing works is cut short", () => {
  const segments = [work(0, 10_000), work(90_000, 100_000)];
  const options = { from: 0, to: 100_000, hasMore: false, segments };
  const timed = timeScale(scalePlan({ ...options, isTimed: true }));
  expect([0, 10_000, 90_000, 100_000].map(timed.at)).toEqual([0, 10, 90, 100]);
  expect(timed.marks).toEqual([0, 30, 60, 90]);
  const waterfall = timeScale(scalePlan({ ...options, isTimed: false }));
  const [a = 0, b = 0, c = 0, d = 0] = [0, 10_000, 90_000, 100_000].map(waterfall.at);
  expect([a, d]).toEqual([0, 100]);
  expect(c - b).toBeLessThan(7);
  expect(b - a).toBeCloseTo(d - c, 5);
});

test("what is to come has room behind the present; times outside of the axis stay on it", () => {
  const scale = timeScale(scalePlan({ from: 0, to: 10_000, hasMore: true, isTimed: true, segments: [] }));
  expect(scale.end).toBe(88);
  expect([scale.at(10_000), scale.at(99_000), scale.at(-5)]).toEqual([88, 88, 0]);
});

test("the end of a growing axis stays for a while, and never lies before the present", () => {
  const ends = Array.from({ length: 600 }, (_, second) => roomyEnd(0, second * 1_000));
  ends.forEach((end, second) => {
    expect(end).toBeGreaterThanOrEqual(second * 1_000);
    // No more than a third of the axis is empty, once there is something.
    if (second > 3) expect(end).toBeLessThan(second * 1_500);
  });
  expect(new Set(ends).size).toBeLessThan(30);
});

test("a change of one step of many leaves the plan of the scale as it is", () => {
  const plan = (steps: typeof longRun.steps) =>
    JSON.stringify(
      scalePlan({
        from: at(ago(610)),
        to: at(ago(0)),
        hasMore: true,
        isTimed: false,
        segments: steps.flatMap(segmentsOf),
      }),
    );
  const changed = longRun.steps.map((step, index) =>
    index === 455 ? { ...step, ...doneStep(step.name, 9, 3) } : step,
  );
  expect(plan(changed)).toBe(plan(longRun.steps));
});
