import { type CommitResult, type CreateCommit, SpineError } from "spine-core";
import { type Flush, type QueuedCommit, runOf } from "./flush.ts";
import { comeBehind } from "./write-seq.ts";

/** What became of a commit: an answer, or the error with which its caller is refused; `STALE` when it is to be made again. */
export type Answer = CommitResult | SpineError | typeof STALE;

/** What the commit started from is not what the run's row says, although its owner is the same: look, and make it again. */
export const STALE = Symbol("stale");

/** A row that is in the way of a commit: that of its run, or one that has its key. */
export interface Known {
  readonly run_id: string;
  readonly version: number;
  readonly open_version: number;
  readonly write_seq: number;
  readonly status: string;
  readonly worker: string | null;
  readonly token: number;
  readonly workflow_name: string;
  readonly run_scope: string;
  readonly run_key: string | null;
  readonly params_hash: string;
}

export interface ExplainOptions {
  readonly flush: Flush;
  readonly present: readonly Known[];
  readonly writeSeq: number;
  /** True when the flush was sent before, and its answer was lost. */
  readonly again: boolean;
}

/** Why a commit was not made, or that it was: by an earlier execution of the same flush. */
export function explain(commit: QueuedCommit, options: ExplainOptions): Answer {
  const { flush, present, writeSeq, again } = options;
  const runId = runOf(commit);
  const own = present.find((row) => row.run_id === runId);
  if (own?.write_seq === writeSeq) return { result: "committed", version: versionOf(commit, flush, own) };
  if (commit.kind === "advance") {
    if (!own) return { result: "missing" };
    const { worker, token } = commit.fence;
    const owned = own.status === "RUNNING" && own.worker === worker && own.token === token;
    // Sent again, it may have been made the first time, before somebody else claimed the run: that is in the run's rows,
    // and whoever claimed it goes on from there. The answer is the same, because it says who may go on; and as the fence
    // has refused the second copy, nothing is there twice.
    if (!owned) return { result: "fenced" };
    comeBehind(own.write_seq);
    return STALE;
  }
  if (own) {
    // Ids are random: a run that has ours is the one that was sent, whoever has claimed it since then.
    if (again && isThatRun(own, commit)) {
      return { result: "committed", version: versionOf(commit, flush, own) };
    }
    return new SpineError(
      "HISTORY_CONFLICT",
      `A run with the id ${runId} exists already. Nothing was recorded.`,
      {
        context: { runId },
      },
    );
  }
  const { workflow, scope = "", key } = commit.run;
  const isOther = (row: Known) =>
    row.workflow_name === workflow && row.run_scope === scope && row.run_key === key;
  const other = present.find(isOther);
  if (other) return { result: "duplicate", runId: other.run_id, paramsHash: other.params_hash };
  // One with its debounce key was in the way, which may have been claimed since: whoever makes it looks for that one again.
  if (commit.run.debounce != null) return { result: "debounced", runId };
  return new SpineError("HISTORY_CONFLICT", `A run of "${workflow}" was neither stored nor found.`, {
    context: { runId },
    retryable: true,
  });
}

function isThatRun(row: Known, { run }: CreateCommit): boolean {
  // Another start may have changed a debounced one meanwhile.
  return row.workflow_name === run.workflow && (row.params_hash === run.paramsHash || run.debounce != null);
}

/** The version that a commit led to, when its run may have been changed since then. */
function versionOf(commit: QueuedCommit, flush: Flush, row: Known): number {
  for (const { runId, commits, positions, events } of flush.folds) {
    if (runId !== row.run_id) continue;
    const position = positions[commits.indexOf(commit)] ?? events;
    if (commits[0]?.kind === "create") return position;
    // Signals have their events, and whoever has cancelled it since then has his. The row still says what the last change of
    // its attempts started from: that is this commit, or one before it. Who reads on from a number that is too small misses
    // nothing.
    return row.open_version + position;
  }
  return row.version;
}
