import type { Row } from "../sources/source.ts";

/** Rows by their columns: what works on a column at a time need not make a row of each. */
export interface ColumnBlock {
  /** The names of the columns. */
  readonly keys: readonly string[];
  /** How many rows there are. */
  readonly rows: number;
  /**
   * The values of the column at a position of `keys`, one for each row; undefined where a row has no such column. They are
   * made when somebody asks for them: few checks ask for all.
   */
  values(position: number): readonly unknown[];
}

/** Rows at a time, one by one or column by column: whichever is at hand, so that nothing is turned over and back. */
export type RowBatch = readonly Row[] | ColumnBlock;

export function isBlock(batch: RowBatch): batch is ColumnBlock {
  return !Array.isArray(batch);
}

/** The rows of a chunk as they are at hand. */
export function batchesOf(chunk: {
  readonly rows: readonly Row[];
  readonly blocks?: readonly ColumnBlock[];
}): readonly RowBatch[] {
  return chunk.blocks ?? [chunk.rows];
}

/** How many rows there are. */
export function sizeOf(batch: RowBatch): number {
  return isBlock(batch) ? batch.rows : batch.length;
}

/** The values of a column; null where no row of the block has it. */
export function columnOf(block: ColumnBlock, name: string): readonly unknown[] | null {
  const position = block.keys.indexOf(name);
  return position < 0 ? null : block.values(position);
}

/** One row of a block, from 0. */
export function rowAt(block: ColumnBlock, index: number): Row {
  return rowOf(block.keys, columnsOf(block), index);
}

/** The rows of a block as objects. */
export function rowsOf(block: ColumnBlock): Row[] {
  const columns = columnsOf(block);
  const made: Row[] = [];
  for (let index = 0; index < block.rows; index += 1) made.push(rowOf(block.keys, columns, index));
  return made;
}

function columnsOf(block: ColumnBlock): readonly (readonly unknown[])[] {
  return block.keys.map((_, position) => block.values(position));
}

function rowOf(keys: readonly string[], columns: readonly (readonly unknown[])[], index: number): Row {
  const row: Record<string, unknown> = {};
  for (let position = 0; position < keys.length; position += 1) {
    const value = columns[position]?.[index];
    if (value !== undefined) row[keys[position] as string] = value;
  }
  return row;
}
