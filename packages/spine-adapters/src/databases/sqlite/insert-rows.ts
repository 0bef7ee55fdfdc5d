import { type Row, type RowStamp, SpineError, type Table } from "spine-core";
import { type Encode, encoderOf, storedName } from "./column-codec.ts";
import type { SqliteConnection, SqlValue } from "./sqlite-connection.ts";
import { isUniqueViolation } from "./sqlite-error.ts";

/** Rows in one INSERT: more do not go faster. */
const ROWS_PER_STATEMENT = 100;
/** SQLite's limit on the parameters of a statement. */
const MOST_PARAMETERS = 32_766;
/** Rows after which other work of the process gets its turn. */
const ROWS_PER_TURN = 2_000;

/**
 * Writes rows into a table inside the open transaction; returns how many.
 *
 * @param connection asked for before each batch, because the transaction may have ended in between.
 */
export async function insertRows(
  connection: () => SqliteConnection,
  table: Table,
  batches: AsyncIterable<readonly Row[]>,
  stamp: RowStamp,
): Promise<number> {
  const insert = new RowInsert(table, stamp);
  let written = 0;
  for await (const rows of batches) {
    for (let start = 0; start < rows.length; start += ROWS_PER_TURN) {
      const turn = rows.slice(start, start + ROWS_PER_TURN);
      insert.write(connection(), turn, written);
      written += turn.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return written;
}

class RowInsert {
  readonly #table: Table;
  readonly #stamp: RowStamp;
  readonly #columns: readonly { readonly name: string; readonly encode: Encode }[];
  readonly #insert: string;
  readonly #tuple: string;
  readonly #perStatement: number;

  constructor(table: Table, stamp: RowStamp) {
    this.#table = table;
    this.#stamp = stamp;
    const columns = Object.entries(table.columns);
    this.#columns = columns.map(([name, column]) => ({ name, encode: encoderOf(column) }));
    const stored = [...columns.map(([name, column]) => storedName(name, column)), "_spine_load_id"];
    stored.push("_spine_loaded_at");
    this.#insert = `INSERT INTO "${table.name}" (${stored.map((name) => `"${name}"`).join(", ")}) VALUES `;
    this.#tuple = `(${stored.map(() => "?").join(", ")})`;
    this.#perStatement = Math.min(ROWS_PER_STATEMENT, Math.floor(MOST_PARAMETERS / stored.length));
  }

  /** @param before rows written before these, for the numbers in errors. */
  write(connection: SqliteConnection, rows: readonly Row[], before: number): void {
    const size = this.#perStatement;
    let next = 0;
    for (; next + size <= rows.length; next += size) {
      this.#insertBatch(connection, rows.slice(next, next + size), before + next);
    }
    for (; next < rows.length; next += 1) {
      this.#insertBatch(connection, rows.slice(next, next + 1), before + next);
    }
  }

  #insertBatch(connection: SqliteConnection, rows: readonly Row[], before: number): void {
    const values = rows.flatMap((row, index) => this.#encode(row, before + index + 1));
    const tuples = Array.from(rows, () => this.#tuple).join(", ");
    try {
      connection.run(this.#insert + tuples, ...values);
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      // The statement wrote nothing; one by one, the row that is there already shows itself.
      if (rows.length > 1) {
        for (const [index, row] of rows.entries()) this.#insertBatch(connection, [row], before + index);
      }
      throw this.#duplicate(rows[0] ?? {}, before + 1, error);
    }
  }

  #encode(row: Row, number: number): SqlValue[] {
    const values: SqlValue[] = [];
    for (const { name, encode } of this.#columns) {
      try {
        values.push(encode(row[name]));
      } catch (error) {
        throw this.#misfit(error, name, number);
      }
    }
    values.push(this.#stamp.loadId, this.#stamp.loadedAt);
    return values;
  }

  #misfit(error: unknown, column: string, row: number): SpineError {
    const why = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
    return new SpineError(
      "LOAD_FAILED",
      `Row ${row} does not fit column "${column}" of table "${this.#table.name}": ${why}.`,
      { context: { table: this.#table.name, column, row } },
    );
  }

  #duplicate(row: Row, number: number, cause: unknown): SpineError {
    const { name, key } = this.#table;
    const values = key.map((column) => `${column} = ${JSON.stringify(row[column])}`).join(", ");
    return new SpineError(
      "LOAD_FAILED",
      `Row ${number} is in table "${name}" already: its key (${key.join(", ")}) is ${values}. Add \`unique\` to the quality checks, or a column to the key.`,
      { context: { table: name, row: number }, cause },
    );
  }
}
