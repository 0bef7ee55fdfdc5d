import { describe, expect, test } from "vitest";
import { SourceError, SpineError, TransientError } from "../errors.ts";
import type { SignalRecord } from "../history/history-store.ts";
import type { RunDetail, RunRecord, StepRecord } from "../history/records.ts";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { advance as plan } from "./advance.ts";
import type { Ended, StepResult } from "./durable.ts";
import { restore } from "./restore.ts";
import { type Advance, apply, newRun, type RunState } from "./run-state.ts";

const flow = defineWorkflow({ name: "demo.flow" })
  .step("a", () => 1)
  .step("b", () => 2, { retry: { attempts: 2, delay: 1_000 } })
  .step("c", () => 3);

const result = (output: unknown): StepResult => ({
  output: JSON.stringify(output),
  rows: null,
  metrics: {},
  attachments: [],
  error: null,
});
const done = (step: string, output: unknown, attempt = 1): Ended => ({
  step,
  attempt,
  result: result(output),
});
const failed = (step: string, failure: SpineError, attempt = 1): Ended => ({ step, attempt, failure });

/** Plans, and makes the plan the state, as the interpreter does once it is recorded. */
function advance(
  workflow: WorkflowData,
  state: RunState,
  ended: readonly Ended[],
  now: number,
  random: number,
): Advance & { readonly state: RunState } {
  const next = plan(workflow, state, { ended }, now, random);
  const after = structuredClone(state);
  apply(after, next);
  return { ...next, state: after };
}

const NEW_RUN = newRun();

describe("timeouts of steps around others", () => {
  const code = () => 1;
  const nested = (inner: number, outer: number) =>
    defineWorkflow({ name: "demo.nested" })
      .parallel(
        "outer",
        (block) => ({
          b: block.parallel("inner", { a: code }, { timeout: inner, onError: "continue" }),
          c: code,
        }),
        { timeout: outer },
      )
      .step("end", code);

  test.each([
    [
      "what was over first fails first",
      1_000,
      2_000,
      ["outer/b/inner/a", "outer/b/inner", "outer/c", "outer"],
    ],
    [
      "of two that are over together, the outer one",
      1_000,
      1_000,
      ["outer/b/inner/a", "outer/c", "outer/b/inner", "outer"],
    ],
  ])("%s", (_what, inner, outer, ended) => {
    const flow = nested(inner, outer);
    const { state } = advance(flow, NEW_RUN, [], 0, 0);
    const late = advance(flow, state, [], 5_000, 0);
    expect(late.transition.ended.map(({ name }) => name)).toEqual(ended);
    expect(late.transition.run).toMatchObject({
      status: "FAILED",
      error: { code: "STEP_TIMEOUT", context: { step: "outer" } },
    });
  });

  test("what has ended by the time at which it is looked at has ended in time", () => {
    const flow = nested(1_000, 1_000);
    const { state } = advance(flow, NEW_RUN, [], 0, 0);
    const late = advance(flow, state, [done("outer/b/inner/a", 1), done("outer/c", 1)], 5_000, 0);
    expect(late.transition.begun).toEqual([{ name: "end", kind: "lambda", attempt: 1 }]);
  });

  test("what has come for a step inside is read before the time is over, however late", () => {
    const waits = defineWorkflow({ name: "demo.waits" }).parallel(
      "outer",
      (block) => ({ a: block.wait("go", { signal: "go" }) }),
      { timeout: 1_000 },
    );
    const began = advance(waits, NEW_RUN, [], 0, 0).state;
    const planned: Ended = {
      step: "outer/a/go",
      attempt: 1,
      result: { ...result(null), plan: { signal: "go" } },
    };
    const { state } = advance(waits, began, [planned], 0, 0);
    const look = advance(waits, { ...state, status: "RUNNING", unread: false }, [], 5_000, 0);
    expect(look.transition).toMatchObject({ ended: [] });
    expect(look.transition.run).toBeUndefined();
    expect(look.state.unread).toBe(true);
    const read = (signals: readonly SignalRecord[]) => {
      const inbox = { count: signals.length, signals, children: [] };
      return plan(waits, look.state, { ended: [], inbox }, 5_000, 0).transition.run;
    };
    const signal = { signalId: "1", name: "go", payload: 7, sentAt: new Date(500).toISOString() };
    expect(read([signal])).toMatchObject({ status: "COMPLETED" });
    expect(read([])).toMatchObject({ status: "FAILED", error: { code: "STEP_TIMEOUT" } });
  });
});

describe("advance", () => {
  test("ends one step and begins the next in one transition; the last one completes the run", () => {
    const start = advance(flow, NEW_RUN, [], 0, 0);
    expect(start.transition).toMatchObject({ ended: [], begun: [{ name: "a", attempt: 1 }] });
    const second = advance(flow, start.state, [done("a", 1)], 0, 0);
    expect(second.transition).toMatchObject({
      ended: [{ name: "a", status: "COMPLETED" }],
      begun: [{ name: "b" }],
    });
    expect(second.transition.run).toBeUndefined();
    const third = advance(flow, second.state, [done("b", 2)], 0, 0);
    const last = advance(flow, third.state, [done("c", 3)], 0, 0);
    expect(last.transition).toMatchObject({ begun: [], run: { status: "COMPLETED" } });
    expect(last.state).toMatchObject({ status: "COMPLETED", outputs: { a: 1, b: 2, c: 3 } });
  });

  test("a retryable failure makes the run wait, the last attempt fails it", () => {
    const atB = advance(flow, advance(flow, NEW_RUN, [], 0, 0).state, [done("a", 1)], 0, 0).state;
    const once = advance(flow, atB, [failed("b", new TransientError("busy"))], 10_000, 0);
    expect(once.transition).toMatchObject({
      ended: [{ name: "b", status: "FAILED", retryAt: 10_500 }],
      begun: [],
      run: { status: "WAITING", availableAt: 10_500 },
    });
    const again = advance(flow, { ...once.state, status: "RUNNING" }, [], 10_500, 0);
    expect(again.transition.begun).toEqual([{ name: "b", kind: "lambda", attempt: 2 }]);
    const twice = advance(flow, again.state, [failed("b", new TransientError("busy"), 2)], 20_000, 0);
    expect(twice.transition.run).toMatchObject({
      status: "FAILED",
      error: { code: "TRANSIENT", context: { step: "b" } },
    });
  });

  test("a failure that is not retryable fails the run at once and begins nothing", () => {
    const { state } = advance(flow, NEW_RUN, [], 0, 0);
    const { transition } = advance(flow, state, [failed("a", new SourceError("gone"))], 0, 0);
    expect(transition).toMatchObject({ begun: [], run: { status: "FAILED" }, ended: [{ retryAt: null }] });
  });

  test("a verdict of failure keeps the output and what is attached", () => {
    const { state } = advance(flow, NEW_RUN, [], 0, 0);
    const verdict: Ended = {
      step: "a",
      attempt: 1,
      result: { ...result({ passed: false }), error: new SpineError("QUALITY_FAILED", "no") },
    };
    const { transition } = advance(flow, state, [verdict], 0, 0);
    expect(transition).toMatchObject({
      ended: [{ status: "FAILED", output: '{"passed":false}' }],
      run: { status: "FAILED" },
    });
  });

  test("outputs that are too long together fail their step, and again when it is retried", () => {
    const keys = Array.from({ length: 17 }, (_, index) => String(index));
    const long = defineWorkflow({ name: "demo.long" }).map("m", { over: () => keys, run: () => "" });
    let { state } = advance(long, NEW_RUN, [], 0, 0);
    const planned: Ended = {
      step: "m",
      attempt: 1,
      result: { ...result(null), plan: { keys, items: keys } },
    };
    state = advance(long, state, [planned], 0, 0).state;
    const output = "x".repeat(1_000_000);
    while (state.running.size > 0) {
      const ended = [...state.running.keys()].map((path) => done(path, output));
      const { transition, state: after } = advance(long, state, ended, 0, 0);
      state = after;
      if (state.running.size === 0) {
        expect(transition.run).toMatchObject({ status: "FAILED", error: { code: "PAYLOAD_INVALID" } });
      }
    }
    // Retried: all items are done, so that it begins and ends at once.
    const again = plan(long, { ...state, status: "RUNNING" }, { ended: [] }, 0, 0);
    expect(again.transition).toMatchObject({
      begun: [{ name: "m", attempt: 2 }],
      ended: [{ name: "m", attempt: 2, status: "FAILED" }],
      run: { status: "FAILED", error: { code: "PAYLOAD_INVALID" } },
    });
  });

  test("is pure: the same facts give the same answer, and the state before is untouched", () => {
    const { state } = advance(flow, NEW_RUN, [], 0, 0);
    const before = structuredClone(state);
    const happened = { ended: [done("a", 1)] };
    expect(plan(flow, state, happened, 5, 0)).toEqual(plan(flow, state, happened, 5, 0));
    expect(state).toEqual(before);
  });
});

describe("restore", () => {
  const run = { worker: "w0", status: "RUNNING", deadline: null, endsAs: null } as RunRecord;
  const record = (
    name: string,
    attempt: number,
    status: StepRecord["status"],
    more: Partial<StepRecord> = {},
  ): StepRecord => ({
    runId: "r",
    seq: 1,
    name,
    kind: "lambda",
    attempt,
    status,
    output: null,
    error: null,
    rows: null,
    metrics: {},
    startedAt: "2026-01-01T00:00:00.000Z",
    completedAt: null,
    retryAt: null,
    waitingFor: null,
    waitingUntil: null,
    progress: null,
    ...more,
  });
  const next = (detail: RunDetail, now = Date.parse("2026-01-01T00:01:00.000Z")) => {
    const { state, lost } = restore(flow, detail, []);
    return { lost, ...advance(flow, state, lost, now, 0) };
  };

  test("finished steps stay finished; a lost attempt is ended and followed by the next, without counting", () => {
    const { lost, transition, state } = next({
      run,
      steps: [record("a", 1, "COMPLETED", { output: 1 }), record("b", 1, "RUNNING")],
    });
    expect(lost).toHaveLength(1);
    expect(transition.ended).toMatchObject([
      { name: "b", attempt: 1, status: "FAILED", error: { code: "WORKER_LOST" } },
    ]);
    expect(transition.begun).toEqual([{ name: "b", kind: "lambda", attempt: 2 }]);
    expect([...state.running]).toEqual([["b", 2]]);
    // Both attempts of its policy are still there.
    expect(advance(flow, state, [failed("b", new TransientError("x"), 2)], 0, 0).transition.run?.status).toBe(
      "WAITING",
    );
  });

  test("a waiting step goes on when its time has come, with the failures counted", () => {
    const retryAt = "2026-01-01T00:00:30.000Z";
    const steps = [
      record("a", 1, "COMPLETED"),
      record("b", 1, "FAILED", { retryAt, error: new TransientError("x").toJSON() }),
    ];
    const { transition, state } = next({ run, steps });
    expect(transition.begun).toEqual([{ name: "b", kind: "lambda", attempt: 2 }]);
    expect(advance(flow, state, [failed("b", new TransientError("x"), 2)], 0, 0).transition.run?.status).toBe(
      "FAILED",
    );
    expect(next({ run, steps }, Date.parse("2026-01-01T00:00:01.000Z")).transition.run).toEqual({
      status: "WAITING",
      availableAt: Date.parse(retryAt),
    });
  });

  test("a run that had failed and is taken up again begins at the failed step, with all its attempts", () => {
    const steps = [
      record("a", 1, "COMPLETED"),
      record("b", 1, "FAILED", { error: new SourceError("x").toJSON() }),
    ];
    const { transition, state } = next({ run, steps });
    expect(transition.begun).toEqual([{ name: "b", kind: "lambda", attempt: 2 }]);
    expect(advance(flow, state, [failed("b", new TransientError("x"), 2)], 0, 0).transition.run?.status).toBe(
      "WAITING",
    );
  });

  test("a cancelled attempt is begun again under the next number", () => {
    expect(next({ run, steps: [record("a", 3, "CANCELLED")] }).transition.begun).toEqual([
      { name: "a", kind: "lambda", attempt: 4 },
    ]);
  });
});
