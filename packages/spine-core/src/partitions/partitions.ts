import { anything, aText, checkArgument, checkOptions, type OptionKinds } from "../check-options.ts";
import type { Clock } from "../clock.ts";
import { ValidationError } from "../errors.ts";
import type { PartitionState, PartitionStore } from "../history/partition-store.ts";
import { isTerminal } from "../history/records.ts";
import { toInstant } from "../instant.ts";
import { shown } from "../shown.ts";
import { aPartitionSet, type PartitionSet } from "./define-partitions.ts";
import { checkRange, type DateRange, type ExpectedPartition, expectedPartitions } from "./expected.ts";

export const CELL_STATES = ["READY", "RUNNING", "FAILED", "MISSING", "NOT_DUE"] as const;
/**
 * READY: it is loaded. RUNNING: a run of it is under way, whatever is there. FAILED: its newest run failed, and no later one has loaded it.
 * MISSING: it is due and not there. NOT_DUE: it is not there, and cannot be yet.
 */
export type CellState = (typeof CELL_STATES)[number];

/** One partition of the grid. */
export interface PartitionCell extends ExpectedPartition {
  readonly state: CellState;
  /** The run that loaded it; of one that is RUNNING or FAILED its newest run; null where there is none. */
  readonly runId: string | null;
  /** The load whose rows are there; null where nothing is. */
  readonly loadId: string | null;
  readonly rows: number | null;
  /** ISO time in UTC. */
  readonly loadedAt: string | null;
}

export interface WindowOptions extends DateRange {
  /** Cells at most: 1 to 1,000, and 100 when left out. */
  readonly limit?: number;
  /** `next` of the window before. */
  readonly after?: string;
}

export interface PartitionWindow {
  readonly cells: readonly PartitionCell[];
  /** Where the next window begins; null behind the last partition. */
  readonly next: string | null;
}

export interface DoctorOptions extends DateRange {
  /** A time to look from, as a Date or ISO text with its zone; that of the clock when left out. */
  readonly now?: Date | string;
}

/** What is wrong with a partition, and what to do about it. */
export interface PartitionFinding extends PartitionCell {
  readonly toDo: string;
}

/** What a table is to have, against what it has. */
export interface PartitionReport {
  /** How many there are to be, and how many of them are due. */
  readonly expected: number;
  readonly due: number;
  /** How many are loaded, and how many are being loaded. */
  readonly loaded: number;
  readonly running: number;
  /** Due, not there, and nothing has failed. */
  readonly missing: readonly PartitionFinding[];
  readonly failed: readonly PartitionFinding[];
  /** Loaded, and to be loaded again: before they were due, or the table was changed since without saying which partition. */
  readonly stale: readonly PartitionFinding[];
  /** Loaded, and not due yet: what is there may be preliminary. */
  readonly early: readonly PartitionFinding[];
}

/** What is loaded, by partition, and what is not. */
export interface Partitions extends PartitionStore {
  /**
   * The partitions that there are to be, of periods that begin from `from` to `to`; with no `to`, up to today.
   *
   * @example
   * for (const { partition, dueAt } of spine.partitions.expected(weeks, { from: "2026-01-05", to: "2026-03-30" })) console.log(partition, dueAt);
   */
  expected(partitions: PartitionSet, range: DateRange): readonly ExpectedPartition[];
  /**
   * Compares what there is to be with what is loaded.
   *
   * @example
   * const { missing, failed } = await spine.partitions.doctor(weeks, { from: "2026-01-05" });
   * for (const { key, toDo } of [...missing, ...failed]) console.log(key, toDo);
   */
  doctor(partitions: PartitionSet, options?: DoctorOptions): Promise<PartitionReport>;
  /**
   * A part of the grid of partitions, with the state of each: what is not shown is not read.
   *
   * @example
   * const { cells, next } = await spine.partitions.window(weeks, { from: "2026-01-05", limit: 60 });
   */
  window(partitions: PartitionSet, options: WindowOptions): Promise<PartitionWindow>;
}

const WINDOW: OptionKinds<WindowOptions> = {
  from: anything,
  to: anything,
  limit: {
    is: "a whole number from 1 to 1,000",
    fits: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 1_000,
  },
  after: aText,
};
const DOCTOR: OptionKinds<DoctorOptions> = { from: anything, to: anything, now: anything };
/** Partitions that are looked at in one query. */
const PAGE = 1_000;

export function partitionsOf(store: PartitionStore, clock: Clock): Partitions {
  return {
    get: (table, partition, options) => store.get(table, partition, options),
    list: (table) => store.list(table),
    changed: (table, options) => store.changed(table, options),
    states: (query) => store.states(query),
    expected(set, range) {
      checkSet(set, "partitions.expected");
      checkRange(range);
      return [...expectedPartitions(set, range, clock.now())];
    },
    async window(set, options) {
      checkSet(set, "partitions.window");
      checkOptions(options, WINDOW, { of: "a window" });
      const { limit = 100, after, from, to } = options;
      const place = after === undefined ? undefined : readPlace(set, after);
      const range = { from: place?.start ?? from, to } as DateRange;
      const found: ExpectedPartition[] = [];
      let isBehind = place === undefined;
      let next: string | null = null;
      for (const each of expectedPartitions(set, range, clock.now())) {
        if (found.length === limit) {
          const last = found.at(-1) as ExpectedPartition;
          next = writePlace(last);
          break;
        }
        if (isBehind) found.push(each);
        else if (each.key === place?.key) isBehind = true;
      }
      return { cells: await cellsOf(store, set, found, clock.now()), next };
    },
    async doctor(set, options = {}) {
      checkSet(set, "partitions.doctor");
      checkOptions(options, DOCTOR, { of: "partitions.doctor" });
      const now = options.now === undefined ? clock.now() : instantOf(options.now);
      const report = new Report(set, now);
      for (const page of pagesOf(expectedPartitions(set, options, now))) {
        const states = await statesOf(store, set, page);
        for (const [index, each] of page.entries()) report.add(each, states[index] as PartitionState);
      }
      return report.done();
    },
  };
}

function checkSet(set: unknown, of: string): asserts set is PartitionSet {
  checkArgument("partitions", set, aPartitionSet, { of });
}

/** The cells of these partitions. */
export async function cellsOf(
  store: PartitionStore,
  set: PartitionSet,
  expected: readonly ExpectedPartition[],
  now: number,
): Promise<readonly PartitionCell[]> {
  const cells: PartitionCell[] = [];
  for (const page of pagesOf(expected)) {
    const states = await statesOf(store, set, page);
    for (const [index, each] of page.entries())
      cells.push(cellOf(each, states[index] as PartitionState, now));
  }
  return cells;
}

function statesOf(
  store: PartitionStore,
  { table, workflow }: PartitionSet,
  page: readonly ExpectedPartition[],
): Promise<readonly PartitionState[]> {
  return store.states({ table, workflow, keys: page.map(({ key }) => key) });
}

function cellOf(expected: ExpectedPartition, { loaded, newest }: PartitionState, now: number): PartitionCell {
  const isUnderWay = newest !== null && !isTerminal(newest.status);
  // Ids are in the order of creation: a load by the same run, or by a later one, has made good what failed.
  const hasFailed = newest?.status === "FAILED" && (loaded === null || loaded.runId < newest.runId);
  const isDue = Date.parse(expected.dueAt) <= now;
  const there: CellState = loaded ? "READY" : isDue ? "MISSING" : "NOT_DUE";
  const state = isUnderWay ? "RUNNING" : hasFailed ? "FAILED" : there;
  return {
    ...expected,
    state,
    runId: (isUnderWay || hasFailed ? newest?.runId : loaded?.runId) ?? null,
    loadId: loaded?.loadId ?? null,
    rows: loaded?.rows ?? null,
    loadedAt: loaded?.loadedAt ?? null,
  };
}

/** Collects what a doctor finds. */
class Report {
  readonly #now: number;
  readonly #run: string;
  readonly #counts = { expected: 0, due: 0, loaded: 0, running: 0 };
  readonly #missing: PartitionFinding[] = [];
  readonly #failed: PartitionFinding[] = [];
  readonly #stale: PartitionFinding[] = [];
  readonly #early: PartitionFinding[] = [];

  constructor({ workflow }: PartitionSet, now: number) {
    this.#now = now;
    this.#run = workflow === null ? "the workflow that loads it" : `"${workflow}"`;
  }

  add(expected: ExpectedPartition, state: PartitionState): void {
    const cell = cellOf(expected, state, this.#now);
    const isDue = Date.parse(cell.dueAt) <= this.#now;
    this.#counts.expected += 1;
    if (isDue) this.#counts.due += 1;
    if (state.loaded) this.#counts.loaded += 1;
    if (cell.state === "RUNNING") this.#counts.running += 1;
    const into = (list: PartitionFinding[], toDo: string) => list.push({ ...cell, toDo });
    if (cell.state === "FAILED")
      into(
        this.#failed,
        `See why run ${cell.runId ?? ""} failed, mend it, and go on: \`spine.retry\`, or a backfill of what is "failed".`,
      );
    else if (cell.state === "MISSING")
      into(this.#missing, `Run ${this.#run} for it, or a backfill of what is "missing".`);
    else if (cell.state === "READY" && state.loaded) {
      if (!isDue)
        into(
          this.#early,
          `It is due at ${cell.dueAt}: what is there may be preliminary. Load it again then.`,
        );
      else if (state.loaded.loadedAt < cell.dueAt)
        into(
          this.#stale,
          `It was loaded before it was due (${cell.dueAt}): load it again, e.g. a backfill of a list, with \`force\`.`,
        );
      else if (state.loaded.hash === "")
        into(
          this.#stale,
          `The table was changed since by a load that names no partition: what it holds is not known. Load it again.`,
        );
    }
  }

  done(): PartitionReport {
    return {
      ...this.#counts,
      missing: this.#missing,
      failed: this.#failed,
      stale: this.#stale,
      early: this.#early,
    };
  }
}

function* pagesOf(
  all: Iterable<ExpectedPartition>,
): Generator<readonly ExpectedPartition[], void, undefined> {
  let page: ExpectedPartition[] = [];
  for (const each of all) {
    page.push(each);
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function instantOf(given: Date | string): number {
  const ms = toInstant(given);
  if (ms !== null) return ms;
  throw new ValidationError(
    `The \`now\` of partitions.doctor is ${shown(given)}; use a Date, or ISO text with its zone.`,
    {
      detail: { issues: [{ path: "/now", message: "is no time" }] },
    },
  );
}

/** Where a window goes on: behind a partition. */
interface PartitionPlace {
  readonly start: string;
  readonly key: string;
}

function writePlace({ start, key }: ExpectedPartition): string {
  return Buffer.from(JSON.stringify([start, key])).toString("base64url");
}

function readPlace(set: PartitionSet, after: string): PartitionPlace {
  try {
    const [start, key] = JSON.parse(Buffer.from(after, "base64url").toString()) as unknown[];
    const [first] = typeof start === "string" ? expectedPartitions(set, { from: start, to: start }, 0) : [];
    if (first && typeof key === "string") return { start: first.start, key };
  } catch {
    // Refused below.
  }
  throw new ValidationError(
    "The `after` of a window is not the `next` of another one. Leave it out to begin at `from`.",
    {
      detail: { issues: [{ path: "/after", message: "is not the `next` of a window" }] },
    },
  );
}
