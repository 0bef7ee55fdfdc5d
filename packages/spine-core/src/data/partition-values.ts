import type { Partition } from "../context.ts";
import { SpineError } from "../errors.ts";
import { type ColumnBlock, columnOf, isBlock, type RowBatch } from "./column-block.ts";
import { decimal } from "./decimal.ts";
import type { Column, Table } from "./table.ts";

/** A partition column, and what its rows hold in the partition at hand. */
export interface PartitionValue {
  readonly name: string;
  readonly column: Column;
  readonly value: string | number | boolean;
}

/**
 * What the rows of a partition hold in the partition columns of their table.
 *
 * @throws SpineError CONFIG_INVALID where the partition names other columns, LOAD_FAILED for a text that is no value of its column.
 */
export function partitionValues(table: Table, partition: Partition): readonly PartitionValue[] {
  const given = Object.keys(partition);
  const isForeign = (name: string) => !table.partition.includes(name);
  if (given.length === 0 || given.length !== table.partition.length || given.some(isForeign)) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The partition { ${given.join(", ")} } does not name the partition columns of table "${table.name}": ${table.partition.join(", ") || "it has none"}. Give the load its own \`partition\`, or the table its columns.`,
      { context: { table: table.name } },
    );
  }
  return table.partition.map((name) => valueIn(table, name, partition[name] ?? ""));
}

function valueIn(table: Table, name: string, text: string): PartitionValue {
  const column = table.columns[name];
  if (!column) throw new SpineError("CONFIG_INVALID", `Table "${table.name}" has no column "${name}".`);
  const value = read(column, text);
  if (value !== undefined) return { name, column, value };
  throw new SpineError(
    "LOAD_FAILED",
    `The partition says ${name} = ${JSON.stringify(text)}, which is no ${column.type} as column "${name}" of table "${table.name}" has it. Nothing was loaded. Mend the \`partition\` of the load, or of its workflow.`,
    { context: { table: table.name, column: name } },
  );
}

/** Read strictly: what another text would be taken for is another partition. */
function read({ type }: Column, text: string): string | number | boolean | undefined {
  if (type === "integer") return /^-?\d+$/.test(text) && isWhole(Number(text)) ? Number(text) : undefined;
  if (type === "boolean") return text === "true" || text === "false" ? text === "true" : undefined;
  return text;
}

const isWhole = Number.isSafeInteger;

/** Looks at the rows of a load before they are written; `before` of them were looked at already. */
export type InPartition = (batch: RowBatch, before: number) => void;

/**
 * Refuses rows of another partition than the one that they are loaded into: they would stand beside what that one has, and neither
 * would be what is recorded of it. Values that do not fit their column are left to whoever writes them.
 *
 * @throws SpineError LOAD_FAILED that names the row.
 */
export function inPartition(table: Table, partition: Partition | null): InPartition {
  const names = Object.keys(partition ?? {}).filter((name) => table.partition.includes(name));
  const columns = names.map((name) => valueIn(table, name, partition?.[name] ?? ""));
  return (batch, before) => {
    for (const one of columns) {
      const row = firstOutside(one, batch);
      if (row < 0) continue;
      const found = isBlock(batch) ? columnOf(batch, one.name)?.[row] : batch[row]?.[one.name];
      throw new SpineError(
        "LOAD_FAILED",
        `Row ${before + row + 1} is not of the partition that is loaded: its ${one.name} is ${JSON.stringify(found ?? null)}, and that of the partition of table "${table.name}" is ${JSON.stringify(one.value)}. Have the transform refuse such rows, or load them under their own partition.`,
        { context: { table: table.name, column: one.name, row: before + row + 1 } },
      );
    }
  };
}

function firstOutside(one: PartitionValue, batch: RowBatch): number {
  const isOutside = outside(one);
  if (isBlock(batch)) return firstInBlock(one, batch, isOutside);
  return batch.findIndex((row) => isOutside(row[one.name]));
}

function firstInBlock({ name }: PartitionValue, block: ColumnBlock, isOutside: IsOutside): number {
  const values = columnOf(block, name);
  if (values !== null) return values.findIndex(isOutside);
  return block.rows > 0 && isOutside(null) ? 0 : -1;
}

type IsOutside = (value: unknown) => boolean;

function outside({ column: { type, nullable }, value }: PartitionValue): IsOutside {
  const isSame = type === "decimal" ? sameDecimal : (given: unknown) => given === value;
  return (given) => {
    if (given === value) return false;
    if (given === null || given === undefined) return nullable;
    return typeof given === typeof value && !isSame(given, value);
  };
}

/** True too where one of them is no decimal: that is said where it is written. */
function sameDecimal(given: unknown, value: unknown): boolean {
  try {
    return decimal(String(given)) === decimal(String(value));
  } catch {
    return true;
  }
}
