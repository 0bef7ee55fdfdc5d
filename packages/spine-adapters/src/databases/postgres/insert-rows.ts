import { setImmediate as immediate } from "node:timers/promises";
import { columnOf, isBlock, type RowBatch, type RowStamp, SpineError, type Table } from "spine-core";
import { keyColumns } from "../key-order.ts";
import { type Encode, encoderOf } from "./column-codec.ts";
import { CopyBlock, type KeyColumn } from "./copy-block.ts";
import { CopyBuffer } from "./copy-buffer.ts";
import { CopyIn, copyText } from "./copy-in.ts";
import { asDriverError, isDataError, sqlState, toSpineError } from "./postgres-error.ts";
import type { PostgresPools } from "./postgres-pools.ts";
import type { TransactionLease } from "./transaction-lease.ts";

/** Rows after which others get a turn, and what is sent goes on. */
const ROWS_AT_ONCE = 200;
const NUMBERS: ReadonlySet<string | undefined> = new Set(["integer", "decimal"]);
/** Bytes that are copied in one go. */
const COPY_BYTES = 1024 * 1024;
/** Bytes that are put into the order of the key: the more, the less work for its index. */
const BLOCK_BYTES = 8 * COPY_BYTES;

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

class RowCopy {
  readonly #target: CopyTarget;
  readonly #columns: readonly CopyColumn[];
  /** None where the rows go to a relation without the index of the key. */
  readonly #key: readonly KeyColumn[];
  readonly #sql: string;
  readonly #stamp: Buffer | null;
  /** Rows are gathered in one while those of the other one are sent. */
  #block: CopyBlock;
  #sent: CopyBlock;
  /** One is filled while the other one is on its way. */
  #buffer = new CopyBuffer(COPY_BYTES / 8);
  #other = new CopyBuffer(COPY_BYTES / 8);
  /** Null: nothing is sent. */
  #sending: Promise<void> | null = null;
  #under: Promise<void> | undefined;
  written = 0;

  constructor(target: CopyTarget) {
    this.#target = target;
    const { table, stamp } = target;
    this.#columns = Object.entries(table.columns).map(([name, column]) => ({
      name,
      encode: encoderOf(column),
    }));
    const names = this.#columns.map(({ name }) => name);
    const index = target.into === undefined ? keyColumns(table) : [];
    this.#key = index.map((name) => ({
      at: names.indexOf(name),
      isNumber: NUMBERS.has(table.columns[name]?.type),
    }));
    if (stamp) names.push("_spine_load_id", "_spine_loaded_at");
    const columns = names.map((name) => `"${name}"`).join(", ");
    const into = target.into ?? `"${target.pools.settings.tableSchema}"."${table.name}"`;
    this.#sql = `COPY ${into} (${columns}) FROM STDIN`;
    this.#stamp = stamp && Buffer.from(`${copyText(stamp.loadId)}\t${copyText(stamp.loadedAt)}`);
    this.#block = new CopyBlock(this.#key);
    this.#sent = new CopyBlock(this.#key);
  }

  async add(batch: RowBatch): Promise<void> {
    const size = isBlock(batch) ? batch.rows : batch.length;
    const columns = this.#columns.map((column) => this.#encode(column, batch, size));
    const most = this.#key.length > 0 ? BLOCK_BYTES : COPY_BYTES;
    for (let row = 0; row < size; row += 1) {
      this.#block.add(columns, row, this.#stamp);
      this.written += 1;
      if (this.#block.bytes >= most) await this.#turnOver();
      else if (row % ROWS_AT_ONCE === 0 && this.#sending) await immediate();
    }
  }

  async end(): Promise<void> {
    await this.#turnOver();
    await this.#sending;
    await this.#under;
  }

  /** Nothing is under way any more. */
  async settled(): Promise<void> {
    await this.#sending?.catch(() => {});
    await this.#under?.catch(() => {});
  }

  /** Begins to send what was gathered, once what was gathered before has been. */
  async #turnOver(): Promise<void> {
    await this.#sending;
    [this.#block, this.#sent] = [this.#sent, this.#block];
    this.#block.begin(this.written);
    const sending = this.#send(this.#sent);
    this.#sending = sending;
    // Whoever comes next sees why it failed; until then nobody is told.
    sending.then(
      () => {
        if (this.#sending === sending) this.#sending = null;
      },
      () => {},
    );
  }

  /** Piece by piece in the order of the key, each put together while the one before is on its way. */
  async #send(block: CopyBlock): Promise<void> {
    const order = block.order();
    for (let from = 0; from < order.length; ) {
      this.#buffer.length = 0;
      let to = from;
      for (; to < order.length && this.#buffer.length < COPY_BYTES; to += 1)
        block.writeTo(this.#buffer, order[to] as number);
      await this.#under;
      this.#copy(this.#buffer.bytes, block.before, order.subarray(from, to));
      [this.#buffer, this.#other] = [this.#other, this.#buffer];
      from = to;
    }
  }

  #copy(lines: Buffer, before: number, order: Uint32Array): void {
    const copy = new CopyIn(this.#sql, lines);
    this.#target.lease.client.query(copy);
    this.#under = copy.done.catch((error) => {
      throw this.#refused(error, before, order);
    });
    this.#under.catch(() => {});
  }

  #encode({ name, encode }: CopyColumn, batch: RowBatch, size: number): readonly (string | null)[] {
    const values = isBlock(batch) ? columnOf(batch, name) : batch.map((row) => row[name]);
    const cells: (string | null)[] = [];
    for (let row = 0; row < size; row += 1) {
      try {
        cells.push(encode(values?.[row]));
      } catch (error) {
        throw this.#misfit(error, name, this.written + row + 1);
      }
    }
    return cells;
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
  #refused(error: unknown, before: number, order: Uint32Array): unknown {
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
