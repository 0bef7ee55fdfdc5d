import {
  anObject,
  anything,
  checkOptions,
  type OptionKind,
  type OptionKinds,
  required,
} from "../check-options.ts";
import type { Partition } from "../context.ts";
import { isTable } from "../data/table.ts";
import { type Duration, toMs } from "../duration.ts";
import { SpineError } from "../errors.ts";
import { checkPartition } from "../history/check-partition.ts";
import type { Periods } from "./period.ts";

export interface PartitionsOptions {
  /** The table that they are loaded into, or its name. Of a table, the dimensions are its partition columns. */
  readonly table: string | { readonly name: string };
  /** The names of a partition, with what each can be: exactly one of them is a time (`daily`, `weekly`, `monthly`), the others are lists. */
  readonly dimensions: Readonly<Record<string, Periods | readonly string[]>>;
  /** How long after the end of its period a partition is published; nothing when left out. */
  readonly delay?: Duration | ((partition: Partition) => Duration);
  /** The workflow that loads them, or its name: its runs say which are RUNNING and which FAILED. */
  readonly workflow?: string | { readonly name: string };
}

/** Which partitions a table is to have, and when: frozen plain data. */
export interface PartitionSet {
  readonly table: string;
  readonly workflow: string | null;
  /** The dimension that is a time. */
  readonly time: string;
  readonly periods: Periods;
  /** The other dimensions, each with its values. */
  readonly lists: readonly (readonly [name: string, values: readonly string[]])[];
  /** In the order in which they were given. */
  readonly names: readonly string[];
  delayMs(partition: Partition): number;
}

const OPTIONS: OptionKinds<PartitionsOptions> = {
  table: required(anything),
  dimensions: required(anObject),
  delay: anything,
  workflow: anything,
};

/**
 * Says which partitions a table is to have.
 *
 * @throws SpineError CONFIG_INVALID
 * @example
 * const weeks = definePartitions({
 *   table: "trades",
 *   workflow: "demo.ingest_week",
 *   dimensions: { week_start: weekly({ from: "2026-01-05" }), tier: ["T1", "T2", "OTCE"] },
 *   delay: "14d",
 * });
 */
export function definePartitions(options: PartitionsOptions): PartitionSet {
  checkOptions(options, OPTIONS, { of: "definePartitions", code: "CONFIG_INVALID" });
  const { dimensions, delay = 0 } = options;
  const times = Object.entries(dimensions).filter((one): one is [string, Periods] => isPeriods(one[1]));
  const [time] = times;
  if (!time || times.length > 1) {
    throw refusal(
      `has ${times.length} dimensions that are a time; give it one, e.g. \`day: daily({ from: "2026-01-01" })\``,
    );
  }
  const lists = Object.entries(dimensions).filter(([name]) => name !== time[0]);
  for (const [name, values] of lists) {
    const isList =
      Array.isArray(values) && values.length > 0 && values.every((value) => typeof value === "string");
    if (!isList || new Set(values).size !== values.length)
      throw refusal(`has a dimension "${name}" that is no list of different texts`);
    for (const value of values) checkPartition({ [name]: value }, "of definePartitions");
  }
  if (typeof delay !== "function") toMs(delay);
  checkColumns(options.table, Object.keys(dimensions));
  return Object.freeze({
    table: nameOf("table", options.table),
    workflow: options.workflow === undefined ? null : nameOf("workflow", options.workflow),
    time: time[0],
    periods: time[1],
    lists: lists.map(([name, values]) =>
      Object.freeze([name, Object.freeze([...(values as string[])])] as const),
    ),
    names: Object.freeze(Object.keys(dimensions)),
    delayMs: (partition: Partition) => toMs(typeof delay === "function" ? delay(partition) : delay),
  });
}

/** A set that names other columns would have a partition of it found nowhere. Of a name alone, nothing is known. */
function checkColumns(table: unknown, names: readonly string[]): void {
  if (!isTable(table)) return;
  const { name, partition } = table;
  if (partition.length === names.length && partition.every((column) => names.includes(column))) return;
  throw refusal(
    `has the dimensions ${names.join(", ")}, and the partition columns of table "${name}" are ${partition.join(", ") || "none"}. Give both the same names`,
  );
}

/** What `definePartitions` returns, where it is asked for. */
export const aPartitionSet: OptionKind = {
  is: "what `definePartitions` returns",
  fits: (value) => isPeriods((value as Partial<PartitionSet> | null | undefined)?.periods),
};

function isPeriods(given: unknown): given is Periods {
  return typeof given === "object" && given !== null && (given as Partial<Periods>).kind === "periods";
}

function nameOf(option: string, given: unknown): string {
  const name = typeof given === "string" ? given : (given as { readonly name?: unknown } | null)?.name;
  if (typeof name === "string" && name !== "") return name;
  throw refusal(`needs the name of a ${option}, or the ${option} itself, as \`${option}\``);
}

function refusal(why: string): SpineError {
  return new SpineError("CONFIG_INVALID", `definePartitions ${why}.`);
}
