import { type AdvanceCommit, type CommitResult, SpineError } from "spine-core";
import type { RunPosition, RunPositions } from "../run-positions.ts";
import type { DatabaseTime } from "./database-time.ts";
import { changesAttempts, endsRun, Flush, type QueuedCommit, runOf } from "./flush.ts";

/** Commits in one statement: more do not go faster, and one bad one among them takes longer to find. */
const MOST_COMMITS = 256;
/** Characters of what they carry, after which no more are taken: a statement is in memory several times, here and in the server. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

export interface TakeOptions {
  readonly positions: RunPositions;
  readonly time: DatabaseTime;
  readonly most?: number;
  /** Runs whose commits have to wait. */
  readonly underWay?: ReadonlySet<string>;
}

export interface Taken<T> {
  readonly flush: Flush;
  readonly taken: readonly T[];
  /** What is left, in its order. */
  readonly rest: T[];
  /** What cannot be made at all. */
  readonly refused: readonly { readonly each: T; readonly refusal: CommitResult | SpineError }[];
  /** The runs that have to be looked at first. */
  readonly unknown: ReadonlySet<string>;
}

/** As many commits as go together into one statement, in their order. */
export function takeFlush<T>(
  queue: readonly T[],
  commitOf: (each: T) => QueuedCommit,
  { positions, time, most = MOST_COMMITS, underWay }: TakeOptions,
): Taken<T> {
  const flush = new Flush(time);
  const limit = Math.min(most, MOST_COMMITS);
  const taken: T[] = [];
  const rest: T[] = [];
  const refused: { each: T; refusal: CommitResult | SpineError }[] = [];
  const unknown = new Set<string>();
  const later = new Set(underWay);
  let carried = 0;
  for (const each of queue) {
    const commit = commitOf(each);
    const runId = runOf(commit);
    // What comes behind a commit that waits, for the same run, waits too.
    let fits = flush.count < limit && carried < MOST_CHARACTERS && !later.has(runId);
    if (fits) {
      const start = startsFrom(commit) ? positions.of(commit) : null;
      if (start === undefined) unknown.add(runId);
      if (start === "missing" || start === "lost") {
        positions.forget(runId);
        refused.push({ each, refusal: { result: start === "lost" ? "fenced" : "missing" } });
        continue;
      }
      try {
        fits = start !== undefined && !wakes(commit, start, underWay) && flush.add(commit, start);
      } catch (error) {
        refused.push({ each, refusal: SpineError.from(error) });
        continue;
      }
    }
    if (fits) {
      taken.push(each);
      carried += charactersOf(commit);
    } else {
      later.add(runId);
      rest.push(each);
    }
  }
  return { flush, taken, rest, refused, unknown };
}

/** How much a commit carries of what steps and hosts made; the rest is small. */
function charactersOf(commit: QueuedCommit): number {
  let sum = 0;
  if (commit.kind === "create") {
    const { run, inherited = [], checkpoints = [] } = commit;
    sum = run.params.length;
    for (const { output } of inherited) sum += output?.length ?? 0;
    for (const { value } of checkpoints) sum += value.length;
    return sum;
  }
  const { ended, attachments, children = [] } = commit.transition;
  for (const { output } of ended) sum += output?.length ?? 0;
  for (const each of attachments) if (each.kind === "checkpoint") sum += each.value.length;
  for (const { params } of children) sum += params.length;
  return sum;
}

/** True for a commit that cannot be written without knowing its run: what is under way, or who waits for its end. */
function startsFrom(commit: QueuedCommit): commit is AdvanceCommit {
  return commit.kind === "advance" && (changesAttempts(commit) || endsRun(commit));
}

/**
 * True for the end of a run that tells one of these. Two statements that are under way at once and each want a row that the
 * other one has would be a deadlock; within a process there is none.
 */
function wakes(
  commit: QueuedCommit,
  start: RunPosition | null,
  runs: ReadonlySet<string> | undefined,
): boolean {
  const parent = commit.kind === "advance" && endsRun(commit) ? start?.parent : null;
  return parent != null && (runs?.has(parent) ?? false);
}
