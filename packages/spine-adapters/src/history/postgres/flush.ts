import {
  type AdvanceCommit,
  type CreateCommit,
  isTerminal,
  partitionKey,
  type RunChange,
  type StepBegin,
  type StepEnd,
} from "spine-core";
import { isoTime } from "../iso-time.ts";
import { type NewEvent, runChanged } from "../run-events.ts";
import { tagsText } from "../run-rows.ts";
import { AttachmentRows } from "./attachment-rows.ts";
import type { FlushPart } from "./flush-columns.ts";
import { type Cell, RowSet } from "./row-set.ts";

/** A commit that goes with others into one statement. */
export type QueuedCommit = CreateCommit | AdvanceCommit;

/** What belongs to one run in a flush: a run that is created, or one row of the UPDATE for all its commits. */
interface Fold {
  readonly runId: string;
  readonly commits: QueuedCommit[];
  /** Of the commits: how many events there were after each. */
  readonly positions: number[];
  readonly worker: string | null;
  readonly token: number;
  events: number;
  begun: number;
  ended: number;
  change: RunChange | undefined;
  metrics: Record<string, Cell>;
}

/**
 * Commits that go into one statement, folded by run: Postgres updates a row once per statement. A commit
 * that does not fit beside the others (`add` says so) waits for the next one.
 */
export class Flush {
  readonly #created = new RowSet();
  readonly #begun = new RowSet();
  readonly #ended = new RowSet();
  readonly #events = new RowSet();
  readonly #attachments = new AttachmentRows();
  readonly #folds = new Map<string, Fold>();
  readonly #attempts = new Set<string>();
  #count = 0;

  /** How many commits there are in it. */
  get count(): number {
    return this.#count;
  }

  get folds(): IterableIterator<Fold> {
    return this.#folds.values();
  }

  /** Takes a commit up, unless it has to come after what is there. */
  add(commit: QueuedCommit): boolean {
    const added = commit.kind === "create" ? this.#create(commit) : this.#advance(commit);
    if (added) this.#count += 1;
    return added;
  }

  /** The rows that it writes, in the order of their parameters; only where there are any. */
  parts(): readonly (readonly [FlushPart, RowSet])[] {
    const { loads, partitions, quality, checkpoints } = this.#attachments;
    const all: readonly (readonly [FlushPart, RowSet])[] = [
      ["created", this.#created],
      this.#moves(),
      ["ended", this.#ended],
      ["begun", this.#begun],
      ["events", this.#events],
      ["loads", loads],
      ["partitions", partitions],
      ["quality", quality],
      ["checkpoints", checkpoints],
    ];
    return all.filter(([, rows]) => rows.count > 0);
  }

  /** The rows of the UPDATE, in the order of their ids, in which all processes lock them. */
  #moves(): readonly ["moves" | "changes", RowSet] {
    const folds = [...this.#folds.values()]
      .filter(({ worker, commits }) => worker !== null && commits[0]?.kind === "advance")
      .sort((a, b) => (a.runId < b.runId ? -1 : 1));
    const changed = folds.some(({ change, metrics }) => change !== undefined || hasKeys(metrics));
    const rows = new RowSet();
    for (const fold of folds) {
      const { runId, worker, token, events, begun, ended } = fold;
      rows.add(runId, worker, token, events, begun, ended, ...(changed ? changeCells(fold) : []));
    }
    return [changed ? "changes" : "moves", rows];
  }

  #create(commit: CreateCommit): boolean {
    const { run, begun } = commit;
    const { runId, worker, partition } = run;
    if (this.#folds.has(runId)) return false;
    // Its creation, and its start: they are columns of the run, not rows of their own.
    const before = worker === null ? 1 : 2;
    const version = before + begun.length;
    this.#folds.set(runId, {
      ...emptyFold(runId, null, 1),
      commits: [commit],
      positions: [version],
      events: version,
    });
    this.#created.add(
      runId,
      run.workflow,
      run.domain,
      partition && partitionKey(partition),
      partition && JSON.stringify(partition),
      tagsText(run.tags),
      run.key,
      worker,
      run.fingerprint,
      run.params,
      run.paramsHash,
      run.triggeredBy,
      run.parentRunId,
      version,
      begun.length,
      worker === null ? isoTime(run.availableAt) : null,
    );
    for (const [index, step] of begun.entries()) this.#begin(runId, index + 1, before + index + 1, step);
    return true;
  }

  #advance(commit: AdvanceCommit): boolean {
    const { runId, fence, transition } = commit;
    const { ended, begun, run, metrics, attachments } = transition;
    const fold = this.#folds.get(runId) ?? emptyFold(runId, fence.worker, fence.token);
    const first = fold.commits.length === 0;
    if (!first && !fitsBehind(fold, commit)) return false;
    // One statement sees one state: what it inserts it cannot update, and nothing twice.
    const keys = [...ended, ...begun].map(({ name, attempt }) => `${runId}/${attempt}/${name}`);
    if (keys.some((key) => this.#attempts.has(key)) || !this.#attachments.fits(attachments)) return false;
    for (const key of keys) this.#attempts.add(key);
    this.#folds.set(runId, fold);

    for (const end of ended) this.#end(fold, end);
    for (const begin of begun) {
      fold.begun += 1;
      fold.events += 1;
      this.#begin(runId, fold.begun, fold.events, begin);
    }
    if (run && run.status !== "RUNNING") {
      fold.events += 1;
      // The end of a run is a column of its row.
      if (!isTerminal(run.status)) this.#event(fold, runChanged(run.status, errorCode(run)));
    }
    if (run) fold.change = fold.change ? { ...fold.change, ...run } : run;
    // Every write has an event, so that whoever follows the events misses nothing.
    if (ended.length + begun.length === 0 && (!run || run.status === "RUNNING")) {
      fold.events += 1;
      this.#event(fold, { type: "run.updated", data: {} });
    }
    if (metrics) Object.assign(fold.metrics, metrics);
    this.#attachments.add(runId, fold.events, attachments);
    fold.commits.push(commit);
    fold.positions.push(fold.events);
    return true;
  }

  #begin(runId: string, nth: number, position: number, { name, kind, attempt }: StepBegin): void {
    this.#begun.add(runId, nth, position, name, kind, attempt);
  }

  #end(fold: Fold, { name, attempt, status, output, error, rows, metrics, retryAt }: StepEnd): void {
    fold.events += 1;
    fold.ended += 1;
    this.#ended.add(
      fold.runId,
      fold.events,
      name,
      attempt,
      status,
      output,
      error && JSON.stringify(error),
      rows?.in ?? null,
      rows?.out ?? null,
      rows?.rejected ?? null,
      hasKeys(metrics) ? JSON.stringify(metrics) : null,
      retryAt === null ? null : isoTime(retryAt),
    );
  }

  #event(fold: Fold, { type, data }: NewEvent): void {
    this.#events.add(fold.runId, fold.events, type, JSON.stringify(data));
  }
}

function emptyFold(runId: string, worker: string | null, token: number): Fold {
  const counts = { events: 0, begun: 0, ended: 0 };
  return { runId, worker, token, commits: [], positions: [], change: undefined, metrics: {}, ...counts };
}

/** Behind the same owner's commits, as long as these leave it the run. */
function fitsBehind(fold: Fold, { fence }: AdvanceCommit): boolean {
  const goesOn = fold.change === undefined || fold.change.status === "RUNNING";
  return goesOn && fold.worker === fence.worker && fold.token === fence.token;
}

function changeCells({ change, metrics }: Fold): readonly Cell[] {
  const merged = hasKeys(metrics) ? JSON.stringify(metrics) : null;
  if (!change) return [null, null, null, null, null, null, merged];
  const { status, outputs, error, availableAt } = change;
  return [
    status,
    isTerminal(status),
    outputs ?? null,
    error !== undefined,
    error ? JSON.stringify(error) : null,
    availableAt === undefined ? null : isoTime(availableAt),
    merged,
  ];
}

function errorCode({ error }: RunChange): { readonly error_code?: string } {
  return error ? { error_code: error.code } : {};
}

function hasKeys(object: object): boolean {
  for (const _key in object) return true;
  return false;
}
