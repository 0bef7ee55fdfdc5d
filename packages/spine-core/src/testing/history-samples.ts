import { expect } from "vitest";
import type {
  AdvanceCommit,
  CommitResult,
  ControlCommit,
  CreateCommit,
  Fence,
  HistoryStore,
  NewRun,
  RunChange,
  SignalCommit,
  StepBegin,
  StepEnd,
  StepWait,
  Transition,
} from "../history/history-store.ts";
import type { RunRecord, RunStatus } from "../history/records.ts";
import { newId } from "../ids.ts";

/** The statuses of runs that have not ended. */
export const ACTIVE: readonly RunStatus[] = ["PENDING", "RUNNING", "WAITING", "PAUSED"];

/** A new run that waits in the queue. */
function newRun(changes: Partial<NewRun> = {}): NewRun {
  return {
    runId: newId(),
    workflow: "demo",
    domain: null,
    partition: null,
    key: null,
    fingerprint: "f1",
    params: '{"week":"2025-01-06"}',
    paramsHash: "h1",
    triggeredBy: "test",
    parentRunId: null,
    worker: null,
    availableAt: 0,
    ...changes,
  };
}

export function createCommit(changes: Partial<NewRun> = {}, begun: readonly StepBegin[] = []): CreateCommit {
  return { kind: "create", run: newRun(changes), begun };
}

export function stepBegin(name: string, attempt = 1): StepBegin {
  return { name, kind: "lambda", attempt };
}

export function stepEnd(name: string, changes: Partial<StepEnd> = {}): StepEnd {
  return {
    name,
    attempt: 1,
    status: "COMPLETED",
    output: null,
    error: null,
    rows: null,
    metrics: {},
    retryAt: null,
    ...changes,
  };
}

export function advanceCommit(runId: string, fence: Fence, transition: Partial<Transition>): AdvanceCommit {
  return {
    kind: "advance",
    runId,
    fence,
    transition: { ended: [], begun: [], attachments: [], ...transition },
  };
}

export function stepWait(name: string, changes: Partial<StepWait> = {}): StepWait {
  return { name, attempt: 1, until: null, reason: null, ...changes };
}

export function controlCommit(
  runId: string,
  from: readonly RunStatus[],
  change: RunChange,
  more: Partial<ControlCommit> = {},
): ControlCommit {
  return { kind: "control", runId, from, change, reason: "test", ...more };
}

export function signalCommit(runId: string, changes: Partial<SignalCommit> = {}): SignalCommit {
  return { kind: "signal", runId, signalId: newId(), name: "approve", payload: "null", ...changes };
}

/** Stores a run that a worker has begun to work on; returns its id and the right to go on. */
export async function startRun(
  history: HistoryStore,
  changes: Partial<NewRun> = {},
  steps: readonly string[] = ["first"],
): Promise<{ readonly runId: string; readonly fence: Fence }> {
  const worker = changes.worker ?? "worker-1";
  await history.beat(worker, "alive");
  const commit = createCommit(
    { ...changes, worker },
    steps.map((name) => stepBegin(name)),
  );
  await committed(history, commit);
  return { runId: commit.run.runId, fence: { worker, token: 1 } };
}

/** Applies one commit that has to succeed; returns the version that it led to. */
export async function committed(
  history: HistoryStore,
  commit: Parameters<HistoryStore["commit"]>[0][number],
): Promise<number> {
  const [result] = await history.commit([commit]);
  if (result?.result === "committed") return result.version;
  throw new Error(`The commit was not made: ${JSON.stringify(result)}`);
}

/** Stores a run whose first step waits, and for a message only. */
export async function startWaitingRun(
  history: HistoryStore,
  changes: Partial<NewRun> = {},
): Promise<{ readonly runId: string; readonly fence: Fence }> {
  const started = await startRun(history, changes);
  const transition = {
    waiting: [stepWait("first", { reason: "a message" })],
    run: { status: "WAITING", availableAt: null, inbox: 0 },
  } as const;
  await committed(history, advanceCommit(started.runId, started.fence, transition));
  return started;
}

/** The row of a run that has to exist. */
export async function runOf(history: HistoryStore, runId: string): Promise<RunRecord> {
  const detail = await history.get(runId);
  if (!detail) throw new Error(`There is no run ${runId}.`);
  return detail.run;
}

/** The events of a run behind a number, as `<number> <type>`. */
export async function eventsOf(history: HistoryStore, runId: string, after = 0): Promise<readonly string[]> {
  return (await history.events(runId, { after })).map(({ seq, type }) => `${seq} ${type}`);
}

/** That the events of a run are numbered without gaps, up to its version. */
export async function expectNoGaps(history: HistoryStore, runId: string): Promise<void> {
  const events = await history.events(runId);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect((await history.get(runId))?.run.version).toBe(events.length);
}

/** Everything that the history says about a run, to compare. */
export async function wholeRun(history: HistoryStore, runId: string): Promise<unknown> {
  return { detail: await history.get(runId), events: await history.events(runId) };
}

export function outcome(result: CommitResult | undefined): string {
  return result?.result ?? "none";
}
