import type { Row } from "../sources/source.ts";

/** Rows with the same keys, column by column: `columns[c][r]` is what row `r` has under `keys[c]`. */
export interface ColumnBlock {
  readonly keys: readonly string[];
  readonly rows: number;
  readonly columns: readonly (readonly unknown[])[];
}

/** Rows at a time, one by one or column by column: whichever is at hand, so that nothing is turned over and back. */
export type RowBatch = readonly Row[] | ColumnBlock;

export function isBlock(batch: RowBatch): batch is ColumnBlock {
  return !Array.isArray(batch);
}

/** The rows of a block as objects. */
export function rowsOf({ keys, rows, columns }: ColumnBlock): Row[] {
  const made: Row[] = [];
  for (let index = 0; index < rows; index += 1) {
    const row: Record<string, unknown> = {};
    for (let position = 0; position < keys.length; position += 1)
      row[keys[position] as string] = columns[position]?.[index];
    made.push(row);
  }
  return made;
}
