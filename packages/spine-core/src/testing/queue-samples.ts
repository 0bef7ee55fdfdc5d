import type { Claim, HistoryStore, NewRun } from "../history/history-store.ts";
import type { RunStatus } from "../history/records.ts";
import { newId } from "../ids.ts";
import { advanceCommit, committed, createCommit } from "./history-samples.ts";
import type { TestContext } from "./suite.ts";

export const QUEUE = "q";

/** Runs that stand in a queue, in the order in which they may begin; returns their ids. */
export async function enqueue(
  { stores: { history }, clock }: TestContext,
  runs: readonly Partial<NewRun>[],
): Promise<readonly string[]> {
  const commits = runs.map((run, index) =>
    createCommit({
      runId: newId(clock.now()),
      queue: QUEUE,
      availableAt: clock.now() - runs.length + index,
      ...run,
    }),
  );
  await history.commit(commits);
  return commits.map(({ run }) => run.runId);
}

/** The same run so many times. */
export function times(count: number, run: Partial<NewRun> = {}): readonly Partial<NewRun>[] {
  return Array.from({ length: count }, () => run);
}

/** Claims for a worker that says that it is alive. */
export async function claim(
  history: HistoryStore,
  worker = "w",
  { limit = 100, workflows = ["demo"] }: { limit?: number; workflows?: readonly string[] } = {},
): Promise<Claim & { readonly ids: readonly string[] }> {
  await history.beat(worker, "alive");
  const claimed = await history.claim({ worker, workflows, limit });
  return { ...claimed, ids: claimed.runs.map(({ run }) => run.runId) };
}

/** Ends a run of a worker, or lets it wait. */
export async function leave(
  history: HistoryStore,
  runId: string,
  status: RunStatus = "COMPLETED",
  availableAt?: number,
): Promise<void> {
  const run = (await history.get(runId))?.run;
  if (!run?.worker) throw new Error(`Run ${runId} is not at work.`);
  const change = availableAt === undefined ? { status } : { status, availableAt };
  await committed(history, advanceCommit(runId, { worker: run.worker, token: run.token }, { run: change }));
}
