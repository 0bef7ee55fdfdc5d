import type { Row } from "../sources/source.ts";

/** Rows by their columns: what judges a column at a time need not make a row of each. */
export interface ColumnBlock {
  /** The names of the columns. */
  readonly keys: readonly string[];
  /** How many rows there are. */
  readonly rows: number;
  /** Parallel to `keys`: the values of each, one for each row; undefined where a row has no such column. */
  readonly columns: readonly (readonly unknown[])[];
}

/** The values of a column; null where no row of the block has it. */
export function columnOf(block: ColumnBlock, name: string): readonly unknown[] | null {
  return block.columns[block.keys.indexOf(name)] ?? null;
}

/** One row of a block, from 0. */
export function rowAt({ keys, columns }: ColumnBlock, index: number): Row {
  const row: Record<string, unknown> = {};
  for (const [at, key] of keys.entries()) {
    const value = columns[at]?.[index];
    if (value !== undefined) row[key] = value;
  }
  return row as Row;
}
