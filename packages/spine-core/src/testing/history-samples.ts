import type {
  AdvanceCommit,
  CommitResult,
  CreateCommit,
  Fence,
  HistoryStore,
  NewRun,
  StepBegin,
  StepEnd,
  Transition,
} from "../history/history-store.ts";
import { newId } from "../ids.ts";

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

/** Everything that the history says about a run, to compare. */
export async function wholeRun(history: HistoryStore, runId: string): Promise<unknown> {
  return { detail: await history.get(runId), events: await history.events(runId) };
}

export function outcome(result: CommitResult | undefined): string {
  return result?.result ?? "none";
}
