import { columnOf, isBlock, type RowBatch, type RowStamp, SpineError, type Table } from "spine-core";
import { keyColumns, rowsByKey } from "../key-order.ts";
import { type Encode, encoderOf } from "./column-codec.ts";
import { CopyBuffer } from "./copy-buffer.ts";
import { CopyIn, copyText } from "./copy-in.ts";
import { asDriverError, isDataError, sqlState, toSpineError } from "./postgres-error.ts";
import type { PostgresPools } from "./postgres-pools.ts";
import type { TransactionLease } from "./transaction-lease.ts";

/** Rows after which is asked whether it is time to send. */
const ROWS_AT_ONCE = 200;
const NUMBERS: ReadonlySet<string | undefined> = new Set(["integer", "decimal"]);
/** Bytes that are copied in one go. */
const COPY_BYTES = 1024 * 1024;

export interface CopyTarget {
  readonly lease: TransactionLease;
  readonly pools: PostgresPools;
  readonly table: Table;
  /** Null where the rows are not loaded yet, and the relation has no columns for it. */
  readonly stamp: RowStamp | null;
  /** The relation that is written to, as SQL; the table itself when left out. */
  readonly into?: string;
}

/** Writes rows into a table inside the open transaction, by COPY; returns how many. */
export async function insertRows(target: CopyTarget, batches: AsyncIterable<RowBatch>): Promise<number> {
  const copy = new RowCopy(target);
  try {
    for await (const batch of batches) await copy.add(batch);
    await copy.end();
  } catch (error) {
    await copy.settled();
    throw error;
  }
  return copy.written;
}

interface CopyColumn {
  readonly name: string;
  readonly encode: Encode;
}

/** Rows that are about to be written: column by column, as COPY has them. */
type Gathered = readonly (string | null)[][];

class RowCopy {
  readonly #target: CopyTarget;
  readonly #columns: readonly CopyColumn[];
  /** The positions of the key's columns; none where the rows go to a relation without its index. */
  readonly #key: readonly number[];
  readonly #sql: string;
  readonly #stamp: Buffer | null;
  /** One is filled while the other one is on its way. */
  #buffer = new CopyBuffer(COPY_BYTES + COPY_BYTES / 8);
  #other = new CopyBuffer(COPY_BYTES + COPY_BYTES / 8);
  #gathered: Gathered;
  #rows = 0;
  /** An estimate of what is gathered. */
  #bytes = 0;
  #under: Promise<void> | undefined;
  written = 0;

  constructor(target: CopyTarget) {
    this.#target = target;
    const { table, stamp } = target;
    this.#columns = Object.entries(table.columns).map(([name, column]) => ({
      name,
      encode: encoderOf(column),
    }));
    this.#gathered = this.#columns.map(() => []);
    const names = this.#columns.map(({ name }) => name);
    const index = target.into === undefined ? keyColumns(table) : [];
    this.#key = index.map((name) => names.indexOf(name));
    if (stamp) names.push("_spine_load_id", "_spine_loaded_at");
    const columns = names.map((name) => `"${name}"`).join(", ");
    const into = target.into ?? `"${target.pools.settings.tableSchema}"."${table.name}"`;
    this.#sql = `COPY ${into} (${columns}) FROM STDIN`;
    this.#stamp = stamp && Buffer.from(`${copyText(stamp.loadId)}\t${copyText(stamp.loadedAt)}`);
  }

  async add(batch: RowBatch): Promise<void> {
    const size = isBlock(batch) ? batch.rows : batch.length;
    const columns = this.#columns.map((column) => this.#encode(column, batch, size));
    for (let from = 0; from < size; from += ROWS_AT_ONCE) {
      const to = Math.min(from + ROWS_AT_ONCE, size);
      for (const [at, cells] of columns.entries()) this.#gather(at, cells, from, to);
      this.#rows += to - from;
      this.#bytes += (to - from) * (this.#stamp?.length ?? 0);
      if (this.#bytes >= COPY_BYTES) await this.#send();
    }
  }

  #gather(at: number, cells: readonly (string | null)[], from: number, to: number): void {
    const gathered = this.#gathered[at] as (string | null)[];
    for (let row = from; row < to; row += 1) {
      const cell = cells[row] ?? null;
      gathered.push(cell);
      this.#bytes += cell === null ? 3 : cell.length + 1;
    }
  }

  /** Writes what is gathered, row by row in the order of the key; says in which order that was. */
  #write(): readonly number[] {
    const { columns } = this.#target.table;
    const keys = this.#key.map((at) => ({
      cells: this.#gathered[at] ?? [],
      isNumber: NUMBERS.has(columns[this.#columns[at]?.name ?? ""]?.type),
    }));
    const order = rowsByKey(keys, this.#rows);
    for (const row of order) {
      for (const cells of this.#gathered) this.#buffer.cell(cells[row] ?? null);
      if (this.#stamp) this.#buffer.endRow(this.#stamp);
      else this.#buffer.endCells();
    }
    for (const cells of this.#gathered) cells.length = 0;
    this.#bytes = 0;
    return order;
  }

  async end(): Promise<void> {
    await this.#send();
    await this.#under;
  }

  /** Nothing is under way any more. */
  async settled(): Promise<void> {
    await this.#under?.catch(() => {});
  }

  #encode({ name, encode }: CopyColumn, batch: RowBatch, size: number): readonly (string | null)[] {
    const values = isBlock(batch) ? columnOf(batch, name) : batch.map((row) => row[name]);
    const cells: (string | null)[] = [];
    for (let row = 0; row < size; row += 1) {
      try {
        cells.push(encode(values?.[row]));
      } catch (error) {
        throw this.#misfit(error, name, this.written + this.#rows + row + 1);
      }
    }
    return cells;
  }

  /** Sends what has been gathered, once the one before has arrived: it is written meanwhile. */
  async #send(): Promise<void> {
    const rows = this.#rows;
    const order = this.#write();
    this.#rows = 0;
    await this.#under;
    if (rows === 0) return;
    const copy = new CopyIn(this.#sql, this.#buffer.bytes);
    const before = this.written;
    this.written += rows;
    this.#target.lease.client.query(copy);
    this.#under = copy.done.catch((error) => {
      throw this.#refused(error, before, order);
    });
    // Whoever comes next sees it; until then nobody is told.
    this.#under.catch(() => {});
    [this.#buffer, this.#other] = [this.#other, this.#buffer];
    this.#buffer.length = 0;
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
  #refused(error: unknown, before: number, order: readonly number[]): unknown {
    if (!isDataError(error)) return toSpineError(error, this.#target.pools.settings.name);
    const { where = "", message, detail } = asDriverError(error);
    const at = /line (\d+)(?:, column ("?)([a-z0-9_]+)\2)?/.exec(where);
    const row = before + (order[Number(at?.[1] ?? 0) - 1] ?? -1) + 1;
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
