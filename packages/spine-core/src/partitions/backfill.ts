import {
  aBoolean,
  aFunction,
  anObject,
  anything,
  checkOptions,
  type OptionKinds,
  oneOf,
  required,
} from "../check-options.ts";
import type { Clock } from "../clock.ts";
import { type Partition, partitionKey } from "../context.ts";
import { textOf, ValidationError } from "../errors.ts";
import type { PartitionStore } from "../history/partition-store.ts";
import type { RunOptions } from "../runner/runner.ts";
import { planRun } from "../runner/start-run.ts";
import { shown } from "../shown.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { BackfillParams, BackfillStep } from "./backfill-flow.ts";
import { aPartitionSet, type PartitionSet } from "./define-partitions.ts";
import { checkRange, type DateRange, expectedPartitions, isOfGrid } from "./expected.ts";
import { type CellState, cellsOf, type PartitionCell } from "./partitions.ts";

/** Which partitions: those of a range that are due, those that are due and not there, those whose newest run failed, or these. */
export type BackfillSelect =
  | "missing"
  | "failed"
  | { readonly range: DateRange }
  | { readonly list: readonly Partition[] };

export interface BackfillOptions<Params> extends Pick<RunOptions, "key" | "tags" | "queue" | "priority"> {
  readonly partitions: PartitionSet;
  readonly select: BackfillSelect;
  /** The parameters of the run for a partition: it has to be the partition of that run. */
  readonly params: (partition: Partition) => Params;
  /** True: only says what it would do. */
  readonly dryRun?: boolean;
  /** Runs at a time; 4 when left out. */
  readonly concurrency?: number;
  /** Which of them begin first; `oldest` when left out. A list is taken in its own order. */
  readonly order?: "oldest" | "newest";
  /** True: what is loaded already is loaded again. */
  readonly force?: boolean;
}

/** What a backfill would do with a partition. */
export interface BackfillItem<Params = unknown> {
  readonly partition: Partition;
  readonly key: string;
  readonly params: Params;
  readonly state: CellState;
  /** False: it is loaded already. */
  readonly loads: boolean;
}

const BACKFILL: OptionKinds<BackfillOptions<unknown>> = {
  partitions: required(aPartitionSet),
  select: required({
    is: '"missing", "failed", { range: { from, to } } or { list: [...] }',
    fits: (value) =>
      value === "missing" ||
      value === "failed" ||
      (anObject.fits(value) && isOneOf(Object.keys(value as object))),
  }),
  params: required(aFunction),
  dryRun: aBoolean,
  concurrency: {
    is: "a whole number from 1 to 1,000",
    fits: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 1_000,
  },
  order: oneOf(["oldest", "newest"]),
  force: aBoolean,
  // Checked where the run is started.
  key: anything,
  tags: anything,
  queue: anything,
  priority: anything,
};
const CONCURRENCY = 4;

function isOneOf(names: readonly string[]): boolean {
  return names.length === 1 && (names[0] === "range" || names[0] === "list");
}

export interface BackfillScope {
  readonly partitions: PartitionStore;
  readonly clock: Clock;
}

/** What a backfill is to do: nothing is stored yet. @throws ValidationError that names what does not fit. */
export async function planBackfill(
  { partitions, clock }: BackfillScope,
  workflow: WorkflowData,
  options: BackfillOptions<unknown>,
): Promise<{ readonly items: readonly BackfillItem[]; readonly params: BackfillParams }> {
  checkOptions(options, BACKFILL, { of: "a backfill" });
  const { params, force = false, concurrency = CONCURRENCY } = options;
  const set: PartitionSet = { ...options.partitions, workflow: workflow.name };
  const cells = await selected(partitions, set, options, clock.now());
  const items: BackfillItem[] = [];
  const steps: BackfillStep[] = [];
  for (const cell of cells) {
    const { partition, key, state, loadId } = cell;
    const own = paramsOf(params, cell);
    await checkRun(workflow, own, cell, clock);
    const load = force ? "always" : state === "FAILED" ? "again" : "missing";
    items.push({ partition, key, params: own, state, loads: load !== "missing" || loadId === null });
    steps.push({ partition: { ...partition }, key, params: own, load, was: loadId });
  }
  return { items, params: { table: set.table, concurrency, items: steps } };
}

async function selected(
  store: PartitionStore,
  set: PartitionSet,
  { select, order = "oldest" }: BackfillOptions<unknown>,
  now: number,
): Promise<readonly PartitionCell[]> {
  if (typeof select === "object" && "list" in select) return await listed(store, set, select.list, now);
  const range = typeof select === "object" ? select.range : {};
  checkRange(range);
  const due = [...expectedPartitions(set, range, now)].filter(({ dueAt }) => Date.parse(dueAt) <= now);
  const all = await cellsOf(store, set, due, now);
  const state = select === "missing" ? "MISSING" : select === "failed" ? "FAILED" : null;
  const chosen = state === null ? all : all.filter((cell) => cell.state === state);
  return order === "newest" ? chosen.toReversed() : chosen;
}

async function listed(
  store: PartitionStore,
  set: PartitionSet,
  list: readonly Partition[],
  now: number,
): Promise<readonly PartitionCell[]> {
  const names = [...set.names].sort().join();
  const seen = new Set<string>();
  const at = new Date(now).toISOString();
  const all = (Array.isArray(list) ? list : [list]).map((partition: unknown) => {
    const isOne =
      anObject.fits(partition) &&
      Object.keys(partition as object)
        .sort()
        .join() === names;
    if (!isOne) throw refusal("select", `holds ${shown(partition)}; a partition of this set has ${names}`);
    const key = partitionKey(partition as Partition);
    if (!isOfGrid(set, partition as Partition))
      throw refusal("select", `holds the partition ${key}, which is none of this set`);
    if (seen.has(key)) throw refusal("select", `holds the partition ${key} twice`);
    seen.add(key);
    return { partition: partition as Partition, key, start: "", end: "", dueAt: at };
  });
  return await cellsOf(store, set, all, now);
}

/** The function is somebody's: what it throws says nothing of where. */
function paramsOf(params: BackfillOptions<unknown>["params"], { partition, key }: PartitionCell): unknown {
  try {
    return params(partition);
  } catch (error) {
    throw new ValidationError(`The params of a backfill threw for partition ${key}: ${textOf(error)}.`, {
      context: { partition: key },
      detail: { issues: [{ path: "/params", message: `threw for partition ${key}` }] },
      cause: error,
    });
  }
}

/** Its partition is what says that it was loaded: another one would be loaded, and this one never. */
async function checkRun(
  workflow: WorkflowData,
  params: unknown,
  { key }: PartitionCell,
  clock: Clock,
): Promise<void> {
  const { commit } = await planRun(workflow, params, {}, null, clock);
  const { partition } = commit.run;
  if (partition !== null && partitionKey(partition) === key) return;
  const is = partition === null ? "has no partition" : `is of partition ${partitionKey(partition)}`;
  throw refusal(
    "params",
    `do not fit: the run of "${workflow.name}" that they are for ${is}, and it was to be ${key}. Mend them, or the \`partition\` of the workflow`,
  );
}

function refusal(option: string, why: string): ValidationError {
  return new ValidationError(`The ${option} of a backfill ${why}.`, {
    detail: { issues: [{ path: `/${option}`, message: why }] },
  });
}
