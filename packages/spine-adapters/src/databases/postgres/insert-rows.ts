import { type Row, type RowStamp, SpineError, type Table } from "spine-core";
import { type Encode, encoderOf } from "./column-codec.ts";
import { CopyIn, copyText } from "./copy-in.ts";
import { asDriverError, isDataError, sqlState, toSpineError } from "./postgres-error.ts";
import type { PostgresPools } from "./postgres-pools.ts";
import type { TransactionLease } from "./transaction-lease.ts";

/** Characters that are copied in one go. */
const COPY_CHARACTERS = 1024 * 1024;

interface Target {
  readonly lease: TransactionLease;
  readonly pools: PostgresPools;
  readonly table: Table;
  readonly stamp: RowStamp;
}

/** Writes rows into a table inside the open transaction, by COPY; returns how many. */
export async function insertRows(target: Target, batches: AsyncIterable<readonly Row[]>): Promise<number> {
  const copy = new RowCopy(target);
  for await (const rows of batches) {
    for (const row of rows) {
      copy.add(row);
      if (copy.isFull) await copy.flush();
    }
  }
  await copy.flush();
  return copy.written;
}

class RowCopy {
  readonly #target: Target;
  readonly #columns: readonly { readonly name: string; readonly encode: Encode }[];
  readonly #sql: string;
  readonly #stamp: string;
  #lines: string[] = [];
  #characters = 0;
  written = 0;

  constructor(target: Target) {
    this.#target = target;
    const { table, stamp } = target;
    this.#columns = Object.entries(table.columns).map(([name, column]) => ({
      name,
      encode: encoderOf(column),
    }));
    const names = [...this.#columns.map(({ name }) => name), "_spine_load_id", "_spine_loaded_at"];
    const { tableSchema } = target.pools.settings;
    const columns = names.map((name) => `"${name}"`).join(", ");
    this.#sql = `COPY "${tableSchema}"."${table.name}" (${columns}) FROM STDIN`;
    this.#stamp = `${copyText(stamp.loadId)}\t${copyText(stamp.loadedAt)}\n`;
  }

  get isFull(): boolean {
    return this.#characters >= COPY_CHARACTERS;
  }

  add(row: Row): void {
    let line = "";
    for (const { name, encode } of this.#columns) {
      try {
        const value = encode(row[name]);
        line += value === null ? "\\N\t" : `${copyText(value)}\t`;
      } catch (error) {
        throw this.#misfit(error, name, this.written + this.#lines.length + 1);
      }
    }
    line += this.#stamp;
    this.#lines.push(line);
    this.#characters += line.length;
  }

  async flush(): Promise<void> {
    const rows = this.#lines.length;
    const { client } = this.#target.lease;
    if (rows === 0) return;
    const copy = new CopyIn(this.#sql, Buffer.from(this.#lines.join("")));
    this.#lines = [];
    this.#characters = 0;
    client.query(copy);
    try {
      await copy.done;
    } catch (error) {
      throw this.#refused(error);
    }
    this.written += rows;
  }

  #misfit(error: unknown, column: string, row: number): SpineError {
    const why = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
    const { name } = this.#target.table;
    return new SpineError(
      "LOAD_FAILED",
      `Row ${row} does not fit column "${column}" of table "${name}": ${why}.`,
      {
        context: { table: name, column, row },
      },
    );
  }

  /** The server says in which line of the COPY it stopped, and of which column. */
  #refused(error: unknown): unknown {
    if (!isDataError(error)) return toSpineError(error, this.#target.pools.settings.name);
    const { where = "", message, detail } = asDriverError(error);
    const at = /line (\d+)(?:, column ("?)([a-z0-9_]+)\2)?/.exec(where);
    const row = this.written + Number(at?.[1] ?? 0);
    const { name, key } = this.#target.table;
    if (sqlState(error) === "23505") {
      return new SpineError(
        "LOAD_FAILED",
        `Row ${row} is in table "${name}" already: its key (${key.join(", ")}) is there. ${detail ?? message} Add \`unique\` to the quality checks, or a column to the key.`,
        { context: { table: name, row }, cause: error },
      );
    }
    const column = at?.[3];
    if (column !== undefined) return this.#misfit(error, column, row);
    return new SpineError("LOAD_FAILED", `Row ${row} does not fit table "${name}": ${message}.`, {
      context: { table: name, row },
      cause: error,
    });
  }
}
