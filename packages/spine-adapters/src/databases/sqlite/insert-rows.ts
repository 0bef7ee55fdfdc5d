import {
  type Column,
  columnOf,
  isBlock,
  type RowBatch,
  type RowStamp,
  SpineError,
  type Table,
} from "spine-core";
import { allColumns, mergeColumns, stampValues } from "../merge-statements.ts";
import { type Encode, encoderOf, storedName } from "./column-codec.ts";
import type { SqliteConnection, SqlValue } from "./sqlite-connection.ts";
import { isUniqueViolation } from "./sqlite-error.ts";

/** Rows after which other work of the process gets its turn. */
const ROWS_PER_TURN = 2_000;

export interface InsertTarget {
  /** Asked for before each batch, because the transaction may have ended in between. */
  readonly connection: () => SqliteConnection;
  readonly table: Table;
  /** Null where the rows are not loaded yet, and the table has no columns for it. */
  readonly stamp: RowStamp | null;
  /** The table that is written to, as SQL; the one of the definition when left out. */
  readonly into?: string;
}

/** Writes rows into a table inside the open transaction; returns how many. */
export async function insertRows(target: InsertTarget, batches: AsyncIterable<RowBatch>): Promise<number> {
  const insert = new RowInsert(target);
  let written = 0;
  for await (const batch of batches) {
    const size = isBlock(batch) ? batch.rows : batch.length;
    for (let start = 0; start < size; start += ROWS_PER_TURN) {
      const end = Math.min(start + ROWS_PER_TURN, size);
      insert.write(target.connection(), batch, { start, end, before: written });
      written += end - start;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return written;
}

/** Some rows of a batch, and how many were written before them. */
interface Slice {
  readonly start: number;
  readonly end: number;
  readonly before: number;
}

/** The same at one go, for a commit of its own. */
export function insertAtOnce(
  connection: SqliteConnection,
  target: Omit<InsertTarget, "connection">,
  rows: RowBatch,
): void {
  const insert = new RowInsert(target);
  insert.write(connection, rows, { start: 0, end: isBlock(rows) ? rows.rows : rows.length, before: 0 });
}

/** One statement for each row: with many rows in one, SQLite takes twice the time. */
class RowInsert {
  readonly #table: Table;
  readonly #columns: readonly { readonly name: string; readonly encode: Encode }[];
  readonly #sql: string;

  constructor({ table, stamp, into = `"${table.name}"` }: Omit<InsertTarget, "connection">) {
    this.#table = table;
    const columns = mergeColumns(table, storedName);
    this.#columns = columns.map(({ of }) => ({ name: of, encode: encoderOf(table.columns[of] as Column) }));
    const marks = columns.map(() => "?").join(", ");
    this.#sql = stamp
      ? `INSERT INTO ${into} (${allColumns({ columns })}) VALUES (${marks}, ${stampValues(stamp)})`
      : `INSERT INTO ${into} (${columns.map(({ name }) => name).join(", ")}) VALUES (${marks})`;
  }

  write(connection: SqliteConnection, batch: RowBatch, slice: Slice): void {
    const cells = this.#columns.map((column) => this.#encode(column, batch, slice));
    let row = 0;
    try {
      connection.runEach(this.#sql, slice.end - slice.start, (index) => {
        row = index;
        return cells.map((column) => column[index] ?? null);
      });
    } catch (error) {
      throw isUniqueViolation(error) ? this.#duplicate(cells, row, slice.before + row + 1, error) : error;
    }
  }

  #encode(
    { name, encode }: { readonly name: string; readonly encode: Encode },
    batch: RowBatch,
    { start, end, before }: Slice,
  ): readonly SqlValue[] {
    const values = isBlock(batch) ? columnOf(batch, name) : undefined;
    const cells: SqlValue[] = [];
    for (let row = start; row < end; row += 1) {
      try {
        cells.push(encode(isBlock(batch) ? values?.[row] : batch[row]?.[name]));
      } catch (error) {
        throw this.#misfit(error, name, before + row - start + 1);
      }
    }
    return cells;
  }

  #misfit(error: unknown, column: string, row: number): SpineError {
    const why = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
    return new SpineError(
      "LOAD_FAILED",
      `Row ${row} does not fit column "${column}" of table "${this.#table.name}": ${why}.`,
      { context: { table: this.#table.name, column, row } },
    );
  }

  #duplicate(
    cells: readonly (readonly SqlValue[])[],
    row: number,
    number: number,
    cause: unknown,
  ): SpineError {
    const { name, key } = this.#table;
    const values = key.map((column) => {
      const position = this.#columns.findIndex((one) => one.name === column);
      const value = cells[position]?.[row] ?? null;
      return `${column} = ${typeof value === "bigint" ? String(value) : JSON.stringify(value)}`;
    });
    return new SpineError(
      "LOAD_FAILED",
      `Row ${number} is in table "${name}" already: its key (${key.join(", ")}) is ${values.join(", ")}. Add \`unique\` to the quality checks, or a column to the key.`,
      { context: { table: name, row: number }, cause },
    );
  }
}
