import {
  type AdvanceCommit,
  type CreateCommit,
  isTerminal,
  type RunChange,
  SpineError,
  type StepBegin,
  type StepEnd,
} from "spine-core";
import {
  type BegunStep,
  began,
  isAttempt,
  type OpenBase,
  type OpenStep,
  withWaits,
  writeOpenSteps,
} from "../open-steps.ts";
import { errorCode, type NewEvent, runChanged, skippedStep, stepWaits } from "../run-events.ts";
import type { RunPosition } from "../run-positions.ts";
import { AttachmentRows } from "./attachment-rows.ts";
import { CreatedRows, childCells } from "./created-rows.ts";
import type { DatabaseTime } from "./database-time.ts";
import type { FlushPart } from "./flush-columns.ts";
import { type Cell, RowSet } from "./row-set.ts";
import { parentOf } from "./run-parent.ts";

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
  /** What the run's attempts were before, once one of the commits changes them. */
  before: RunPosition | null;
  attempts: number;
  open: readonly (OpenStep | BegunStep)[];
  /** The run that waits for the end of this one. */
  parent: string | null;
  change: RunChange | undefined;
  metrics: Record<string, Cell>;
}

/**
 * Commits that go into one statement, folded by run: Postgres updates a row once per statement. A commit
 * that does not fit beside the others (`add` says so) waits for the next one.
 */
export class Flush {
  readonly #created = new CreatedRows();
  readonly #inherited = new RowSet();
  readonly #ended = new RowSet();
  readonly #events = new RowSet();
  readonly #children = new RowSet();
  readonly #taken = new RowSet();
  readonly #parents = new RowSet();
  readonly #woken = new Set<string>();
  readonly #attachments = new AttachmentRows();
  readonly #folds = new Map<string, Fold>();
  readonly #time: DatabaseTime;
  #count = 0;

  constructor(time: DatabaseTime) {
    this.#time = time;
  }

  /** How many commits there are in it. */
  get count(): number {
    return this.#count;
  }

  get folds(): IterableIterator<Fold> {
    return this.#folds.values();
  }

  /** Runs that are told of the end of others: what is written of them themselves has to go with another statement. */
  get woken(): ReadonlySet<string> {
    return this.#woken;
  }

  /**
   * Takes a commit up, unless it has to come after what is there.
   *
   * @param start what its run is known to be; needed where its attempts change, and where it ends.
   * @throws SpineError HISTORY_CONFLICT when what is to end is not under way.
   */
  add(commit: QueuedCommit, start: RunPosition | null): boolean {
    const added = commit.kind === "create" ? this.#create(commit) : this.#advance(commit, start);
    if (added) this.#count += 1;
    return added;
  }

  /** What each of its runs is known to be once it has been written; null for one that has left our hands. */
  *after(bases: ReadonlyMap<string, OpenBase>): Iterable<readonly [string, RunPosition | null]> {
    for (const { runId, worker, token, before, attempts, open, parent, change } of this.#folds.values()) {
      const base = bases.get(runId);
      const leaves = change !== undefined && change.status !== "RUNNING";
      if (worker === null || leaves || !base) yield [runId, null];
      else if (before) {
        const steps = open.map((step) => ("event" in step ? step : began(step, base)));
        yield [runId, { worker, token, attempts, open: steps, seen: base.version, parent }];
      }
    }
  }

  /** The rows that it writes, in the order of their parameters; only where there are any. */
  parts(): readonly (readonly [FlushPart, RowSet])[] {
    const { loads, partitions, quality, alerts, logs, progress, cursors, manifest, checkpoints } =
      this.#attachments;
    const all: readonly (readonly [FlushPart, RowSet])[] = [
      [this.#created.shape, this.#created.rows],
      this.#moves(),
      ["ended", this.#ended],
      ["events", this.#events],
      ["loads", loads],
      ["partitions", partitions],
      ["quality", quality],
      ["alerts", alerts],
      ["logs", logs],
      ["progress", progress],
      ["cursors", cursors],
      ["manifest", manifest],
      ["checkpoints", checkpoints],
      ["inherited", this.#inherited],
      ["children", this.#children],
      ["taken", this.#taken],
      ["parents", this.#parents],
    ];
    return all.filter(([, rows]) => rows.count > 0);
  }

  /** The rows of the UPDATE, in the order of their ids, in which all processes lock them. */
  #moves(): readonly ["moves" | "changes" | "turns", RowSet] {
    const folds = [...this.#folds.values()]
      .filter(({ commits }) => commits[0]?.kind === "advance")
      .sort((a, b) => (a.runId < b.runId ? -1 : 1));
    const changed = folds.some(
      ({ before, change, metrics }) => !before || change !== undefined || hasKeys(metrics),
    );
    const turns = folds.some(({ change }) => change?.inbox !== undefined || change?.endsAs !== undefined);
    const rows = new RowSet();
    for (const fold of folds) {
      const { runId, worker, token, events, before, attempts, open } = fold;
      const position = before
        ? ([attempts, writeOpenSteps(open), before.seen] as const)
        : ([null, null, null] as const);
      rows.add(
        runId,
        worker,
        token,
        events,
        ...position,
        ...(changed ? changeCells(fold, this.#time) : []),
        ...(turns ? turnCells(fold) : []),
      );
    }
    return [turns ? "turns" : changed ? "changes" : "moves", rows];
  }

  #create(commit: CreateCommit): boolean {
    const { run, begun, inherited = [], checkpoints = [] } = commit;
    const { runId, worker } = run;
    if (this.#folds.has(runId) || this.#woken.has(runId)) return false;
    // Its creation, and its start: they are columns of the run, not rows of their own.
    const events = worker === null ? 1 : 2;
    const nothing = { worker: worker ?? "", token: 1, attempts: 0, open: [], seen: 0 };
    const parent = parentOf(run.parentRunId, run.parentStep);
    const fold: Fold = { ...emptyFold(runId, worker, 1), events, before: nothing, parent };
    for (const end of inherited) this.#inherit(fold, end);
    for (const step of begun) begin(fold, step);
    this.#attachments.add(runId, fold.events, checkpoints);
    fold.commits.push(commit);
    fold.positions.push(fold.events);
    this.#folds.set(runId, fold);
    const state = {
      version: fold.events,
      attempts: fold.attempts,
      openSteps: writeOpenSteps(fold.open),
      inherited: inherited.length,
    };
    this.#created.add(run, state, this.#time);
    return true;
  }

  #advance(commit: AdvanceCommit, start: RunPosition | null): boolean {
    const { runId, fence, transition } = commit;
    const { ended, begun, waiting = [], taken = [], children = [], run, metrics, attachments } = transition;
    const { skipped = [] } = transition;
    const fold = this.#folds.get(runId) ?? emptyFold(runId, fence.worker, fence.token);
    const first = fold.commits.length === 0;
    if ((!first && !fitsBehind(fold, commit)) || this.#woken.has(runId)) return false;
    const waker = endsRun(commit) ? (start?.parent ?? null) : null;
    if (waker !== null && this.#folds.has(waker)) return false;
    if (start && !fold.before && changesAttempts(commit)) {
      Object.assign(fold, { before: start, attempts: start.attempts, open: start.open });
      fold.parent = start.parent ?? null;
    }
    // What begins with a commit may end with it; behind one that it began with, its end waits for the next statement.
    const within = ended.filter((end) => !fold.open.some(isAttempt(end)));
    for (const end of within) if (!begun.some(isAttempt(end))) refuse(runId, "end", end);
    const ending = within.length === 0 ? ended : ended.filter((end) => !within.includes(end));
    const steps = ending.map((end) => fold.open.find(isAttempt(end)));
    if (steps.some((step) => step && "pos" in step) || !this.#attachments.fits(attachments)) return false;
    for (const wait of waiting) {
      const isIt = isAttempt(wait);
      const ends = ended.some(isIt);
      if (ends || !(fold.open.some(isIt) || begun.some(isIt))) refuse(runId, "wait", wait);
    }
    this.#folds.set(runId, fold);

    for (const [index, end] of ending.entries()) {
      const step = steps[index];
      if (step) this.#end(fold, step, end);
    }
    for (const step of begun) begin(fold, step);
    for (const end of within) {
      const step = fold.open.find(isAttempt(end));
      if (step) this.#end(fold, step, end);
    }
    for (const skip of skipped) this.#inherit(fold, skippedStep(skip));
    for (const wait of waiting) {
      fold.events += 1;
      this.#event(fold, stepWaits(wait));
    }
    fold.open = withWaits(fold.open, waiting, (ms) => this.#time.toDatabase(ms));
    for (const child of children) {
      this.#children.add(...childCells({ ...child, parentRunId: runId }, this.#time));
    }
    for (const signalId of taken) this.#taken.add(runId, signalId);
    if (waker !== null) {
      this.#woken.add(waker);
      this.#parents.add(runId, waker);
    }
    if (run && run.status !== "RUNNING") {
      fold.events += 1;
      // The end of a run is a column of its row.
      if (!isTerminal(run.status)) this.#event(fold, runChanged(run.status, errorCode(run.error)));
    }
    if (run) fold.change = fold.change ? { ...fold.change, ...run } : run;
    // Every write has an event, so that whoever follows the events misses nothing.
    if (
      ended.length + begun.length + waiting.length + skipped.length === 0 &&
      (!run || run.status === "RUNNING")
    ) {
      fold.events += 1;
      this.#event(fold, { type: "run.updated", data: {} });
    }
    if (metrics) Object.assign(fold.metrics, metrics);
    this.#attachments.add(runId, fold.events, attachments);
    fold.commits.push(commit);
    fold.positions.push(fold.events);
    return true;
  }

  /** Without a time, a step began in this statement: `begun_event` is then its number among those of the statement. */
  #end(
    fold: Fold,
    step: OpenStep | BegunStep,
    { status, output, error, rows, metrics, retryAt }: StepEnd,
  ): void {
    fold.events += 1;
    fold.open = fold.open.filter((open) => open !== step);
    this.#ended.add(
      fold.runId,
      fold.events,
      step.seq,
      step.name,
      step.kind,
      step.attempt,
      ...("event" in step ? [step.event, step.at] : [step.pos, null]),
      status,
      output,
      error && JSON.stringify(error),
      rows?.in ?? null,
      rows?.out ?? null,
      rows?.rejected ?? null,
      hasKeys(metrics) ? JSON.stringify(metrics) : null,
      retryAt === null ? null : this.#time.toDatabase(retryAt),
    );
  }

  /** An attempt of the run that it repeats: it has the events of its beginning and of its end, like any other. */
  #inherit(fold: Fold, end: StepEnd & { readonly kind: string }): void {
    const { name, kind, attempt, status, output, error, rows, metrics, retryAt } = end;
    fold.events += 2;
    fold.attempts += 1;
    this.#inherited.add(
      fold.runId,
      fold.events,
      fold.attempts,
      name,
      kind,
      attempt,
      status,
      output,
      error && JSON.stringify(error),
      rows?.in ?? null,
      rows?.out ?? null,
      rows?.rejected ?? null,
      hasKeys(metrics) ? JSON.stringify(metrics) : null,
      retryAt === null ? null : this.#time.toDatabase(retryAt),
    );
  }

  #event(fold: Fold, { type, data }: NewEvent): void {
    this.#events.add(fold.runId, fold.events, type, JSON.stringify(data));
  }
}

/** The id of the run that a commit is about. */
export function runOf(commit: QueuedCommit): string {
  return commit.kind === "create" ? commit.run.runId : commit.runId;
}

/** True for a commit with which attempts end or begin, or only wait from now on. */
export function changesAttempts({ transition }: AdvanceCommit): boolean {
  const { ended, begun, waiting, skipped } = transition;
  return ended.length + begun.length + (waiting?.length ?? 0) + (skipped?.length ?? 0) > 0;
}

/** True for a commit with which a run ends. */
export function endsRun({ transition: { run } }: AdvanceCommit): boolean {
  return run !== undefined && isTerminal(run.status);
}

function begin(fold: Fold, { name, kind, attempt }: StepBegin): void {
  fold.attempts += 1;
  fold.events += 1;
  fold.open = [...fold.open, { name, kind, attempt, seq: fold.attempts, pos: fold.events }];
}

function refuse(
  runId: string,
  what: string,
  { name, attempt }: { readonly name: string; readonly attempt: number },
): never {
  throw new SpineError(
    "HISTORY_CONFLICT",
    `Attempt ${attempt} of step "${name}" cannot ${what}: it is not under way. Nothing was recorded.`,
    { context: { runId, step: name, attempt } },
  );
}

function emptyFold(runId: string, worker: string | null, token: number): Fold {
  const position = { before: null, attempts: 0, open: [], parent: null };
  return {
    runId,
    worker,
    token,
    commits: [],
    positions: [],
    events: 0,
    ...position,
    change: undefined,
    metrics: {},
  };
}

/** Behind the same owner's commits, as long as these leave it the run. */
function fitsBehind(fold: Fold, { fence }: AdvanceCommit): boolean {
  const goesOn = fold.change === undefined || fold.change.status === "RUNNING";
  return goesOn && fold.worker === fence.worker && fold.token === fence.token;
}

function changeCells({ change, metrics }: Fold, time: DatabaseTime): readonly Cell[] {
  const merged = hasKeys(metrics) ? JSON.stringify(metrics) : null;
  if (!change) return [null, null, null, null, null, null, merged];
  const { status, outputs, error, availableAt } = change;
  return [
    status,
    isTerminal(status),
    outputs ?? null,
    error !== undefined,
    error ? JSON.stringify(error) : null,
    availableAt == null ? null : time.toDatabase(availableAt),
    merged,
  ];
}

function turnCells({ change }: Fold): readonly Cell[] {
  return [change?.inbox ?? null, change?.endsAs !== undefined, change?.endsAs ?? null];
}

function hasKeys(object: object): boolean {
  for (const _key in object) return true;
  return false;
}
