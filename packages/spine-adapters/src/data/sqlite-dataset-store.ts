import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import {
  type AnySchema,
  type ChunkWrite,
  type Clock,
  type DatasetChunk,
  type DatasetRef,
  type DatasetState,
  type DatasetStore,
  type DatasetWriter,
  DECIMAL_SCALE,
  newId,
  type RejectQuery,
  type Row,
  type SealOptions,
  SpineError,
  type StagedTables,
  type StoredReject,
  stagedPlans,
  ValidationError,
} from "spine-core";
import { insertAtOnce } from "../databases/sqlite/insert-rows.ts";
import type { SqliteConnection } from "../databases/sqlite/sqlite-connection.ts";
import type { SqlitePool } from "../databases/sqlite/sqlite-pool.ts";
import { createStaging, dropStaging } from "../databases/sqlite/staging-table.ts";
import { decimalText } from "../databases/sqlite/target-table.ts";
import { stagingName } from "../databases/staging-name.ts";
import { isoTime } from "../history/iso-time.ts";
import type { StateTables } from "../history/state-tables.ts";
import { describeRows, encodeChunk, mergeColumns, NO_DATA } from "./chunk-codec.ts";
import {
  type ChunkRow,
  chunkDamaged,
  type DatasetRow,
  datasetMissing,
  type RejectRow,
  readChunk,
  readRef,
  readReject,
  readState,
  writerFenced,
} from "./dataset-rows.ts";

import { withRowsInSqlite } from "./sqlite-staged-rows.ts";

interface SqliteDatasetOptions {
  readonly pool: SqlitePool;
  readonly tables: StateTables;
  readonly clock: Clock;
}

/** The next chunk is made meanwhile. */
const BESIDE = { beside: true };
const DEFAULT_REJECTS = 100;
/** Chunks removed in one database commit. */
const CHUNKS_PER_COMMIT = 100;
const ROWS_PER_READ = 5_000;

/** Datasets in a SQLite database: rows in compressed chunks, each committed with its rejects and its cursor. */
export class SqliteDatasetStore implements DatasetStore {
  readonly #pool: SqlitePool;
  readonly #t: StateTables;
  readonly #clock: Clock;

  constructor({ pool, tables, clock }: SqliteDatasetOptions) {
    this.#pool = pool;
    this.#t = tables;
    this.#clock = clock;
  }

  async open(writer: DatasetWriter, { fresh = false } = {}): Promise<DatasetState> {
    const { runId, step, token } = writer;
    return await this.#pool.write((connection) => {
      const present = connection.get<DatasetRow>(
        `SELECT * FROM ${this.#t.datasets} WHERE run_id = ? AND step_name = ?`,
        runId,
        step,
      );
      if (present && present.token > token) throw writerFenced(writer, present.token);
      if (present && !fresh) {
        connection.run(
          `UPDATE ${this.#t.datasets} SET token = ? WHERE dataset_id = ?`,
          token,
          present.dataset_id,
        );
        return readState(present);
      }
      if (present) this.#drop(connection, present.dataset_id);
      const dataset = newId();
      connection.insert(this.#t.datasets, {
        dataset_id: dataset,
        run_id: runId,
        step_name: step,
        token,
        chunks: 0,
        rows: 0,
        rejected: 0,
        bytes: 0,
        created_at: this.#now(),
      });
      return readState(this.#find(connection, dataset) as DatasetRow);
    });
  }

  async append(writer: DatasetWriter, dataset: string, chunk: ChunkWrite): Promise<DatasetState> {
    const { index, rows, lines, file = null, rejects, into } = chunk;
    const {
      data,
      hash,
      lines: lineRuns,
      columns,
    } = into ? { ...describeRows(rows), data: NO_DATA, lines: null } : encodeChunk(rows, lines);
    const cursor = JSON.stringify(chunk.cursor);
    const raws = rejects.map(({ raw }) => JSON.stringify(raw) ?? "null");
    const bytes = data.length + raws.reduce((sum, raw) => sum + raw.length, 0);
    return await this.#pool.write((connection) => {
      // The right to write is this WHERE: everything else hangs on the row that it returns.
      const row = connection.get<DatasetRow>(
        `UPDATE ${this.#t.datasets}
SET chunks = chunks + 1, rows = rows + ?, rejected = rejected + ?, bytes = bytes + ?, cursor = ?
WHERE dataset_id = ? AND run_id = ? AND step_name = ? AND token = ? AND chunks = ? AND sealed_at IS NULL
RETURNING *`,
        rows.length,
        rejects.length,
        bytes,
        cursor,
        dataset,
        writer.runId,
        writer.step,
        writer.token,
        index,
      );
      if (!row) throw this.#refusal(connection, writer, dataset, index);
      connection.insert(this.#t.dataset_chunks, {
        dataset_id: dataset,
        chunk: index,
        rows: rows.length,
        hash,
        lines: lineRuns,
        file,
        columns,
        data,
      });
      this.#insertRejects(connection, dataset, row.rejected - rejects.length, chunk, raws);
      if (into) {
        if (index === 0) connection.script(createStaging(dataset, into));
        insertAtOnce(connection, { table: into, stamp: null, into: `"${stagingName(dataset)}"` }, rows);
      }
      return readState(row);
    }, BESIDE);
  }

  async isStaged(dataset: string): Promise<boolean> {
    const sql = "SELECT 1 AS n FROM sqlite_schema WHERE type = 'table' AND name = ?";
    const found = await this.#pool.read((connection) => connection.get(sql, stagingName(dataset)));
    return found !== undefined;
  }

  async seal(writer: DatasetWriter, dataset: string, options: SealOptions = {}): Promise<DatasetRef> {
    return await this.#pool.write((connection) => {
      const row = this.#find(connection, dataset);
      if (!row || row.token !== writer.token || row.sealed_at === null)
        this.#seal(connection, writer, dataset, options);
      return readRef(this.#find(connection, dataset) as DatasetRow);
    });
  }

  async *read(
    dataset: string,
    { fromChunk = 0, signal }: { readonly fromChunk?: number; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<DatasetChunk> {
    const state = await this.#pool.read((connection) => this.#find(connection, dataset));
    if (!state) throw datasetMissing(dataset);
    if (state.sealed_at === null) {
      throw new SpineError(
        "HISTORY_CONFLICT",
        `The dataset ${dataset} of step "${state.step_name}" is still being written; it can be read once it is whole.`,
        { context: { dataset, runId: state.run_id, step: state.step_name } },
      );
    }
    for (let index = fromChunk; index < state.chunks; index += 1) {
      signal?.throwIfAborted();
      const chunk = await this.#pool.read((connection) =>
        connection.get<ChunkRow>(
          `SELECT rows, hash, lines, file, data FROM ${this.#t.dataset_chunks} WHERE dataset_id = ? AND chunk = ?`,
          dataset,
          index,
        ),
      );
      if (!chunk)
        throw (await this.#isGone(dataset)) ? datasetMissing(dataset) : chunkDamaged(dataset, index);
      yield readChunk(dataset, index, chunk);
    }
  }

  async withRows<T>(tables: StagedTables, work: (kysely: Kysely<AnySchema>) => Promise<T>): Promise<T> {
    const plans = stagedPlans(tables);
    await this.#pool.open();
    return await withRowsInSqlite(
      this.#pool.path,
      plans,
      {
        read: (dataset) => this.read(dataset),
        isStaged: (dataset) => this.isStaged(dataset),
        readStaged: (dataset) => this.#readStaged(dataset),
      },
      work,
    );
  }

  async rejects({
    runId,
    step,
    limit = DEFAULT_REJECTS,
    after,
  }: RejectQuery): Promise<readonly StoredReject[]> {
    if (after !== undefined && step === undefined) {
      throw new ValidationError("`after` counts within one step: name the step whose rejects go on.");
    }
    const rows = await this.#pool.read((connection) =>
      connection.all<RejectRow>(
        `SELECT d.step_name, r.position, r.code, r.message, r.line, r.file, r.raw
FROM ${this.#t.datasets} d JOIN ${this.#t.rejects} r ON r.dataset_id = d.dataset_id
WHERE d.run_id = ? ${step === undefined ? "" : "AND d.step_name = ?"} AND r.position > ?
ORDER BY d.dataset_id, r.position LIMIT ?`,
        runId,
        ...(step === undefined ? [] : [step]),
        after ?? -1,
        limit,
      ),
    );
    return rows.map((row) => readReject(runId, row));
  }

  async remove(runId: string): Promise<void> {
    const { datasets, dataset_chunks } = this.#t;
    // Bit by bit, and the dataset itself last: what is interrupted is removed by the next call.
    for (let removed = 1; removed > 0; ) {
      removed = await this.#pool.write((connection) =>
        connection.run(
          `DELETE FROM ${dataset_chunks} WHERE rowid IN (
  SELECT c.rowid FROM ${datasets} d JOIN ${dataset_chunks} c ON c.dataset_id = d.dataset_id
  WHERE d.run_id = ? LIMIT ${CHUNKS_PER_COMMIT})`,
          runId,
        ),
      );
    }
    await this.#pool.write((connection) => {
      const ids = connection.all<DatasetRow>(`SELECT dataset_id FROM ${datasets} WHERE run_id = ?`, runId);
      for (const { dataset_id } of ids) this.#drop(connection, dataset_id);
    });
  }

  async prune({ before, limit }: { readonly before: number; readonly limit: number }): Promise<number> {
    const orphans = await this.#pool.read((connection) =>
      findOrphans(connection, this.#t, isoTime(before), limit),
    );
    for (const runId of new Set(orphans)) await this.remove(runId);
    return orphans.length;
  }

  /** Of a database in memory, which no other connection sees: staged rows, with decimals as texts. */
  async *#readStaged(dataset: string): AsyncIterable<Pick<DatasetChunk, "rows">> {
    const table = stagingName(dataset);
    const columns = await this.#pool.read((connection) =>
      connection.all<{ name: string }>("SELECT name FROM pragma_table_info(?)", table),
    );
    const list = columns.map(({ name }) =>
      name.endsWith("_units") ? `${decimalText(name, DECIMAL_SCALE)} AS "${name.slice(0, -6)}"` : `"${name}"`,
    );
    const sql = `SELECT ${list.join(", ")} FROM "${table}" WHERE rowid > ? AND rowid <= ?`;
    for (let from = 0; ; from += ROWS_PER_READ) {
      const rows = await this.#pool.read((connection) =>
        connection.all<Row>(sql, from, from + ROWS_PER_READ),
      );
      if (rows.length === 0) return;
      yield { rows };
    }
  }

  #insertRejects(
    connection: SqliteConnection,
    dataset: string,
    first: number,
    { rejects, file: ofChunk = null }: Pick<ChunkWrite, "rejects" | "file">,
    raws: readonly string[],
  ): void {
    for (const [index, { code, message, line, file = ofChunk }] of rejects.entries()) {
      const raw = raws[index] ?? "null";
      const position = first + index;
      connection.insert(this.#t.rejects, { dataset_id: dataset, position, code, message, line, file, raw });
    }
  }

  #seal(
    connection: SqliteConnection,
    writer: DatasetWriter,
    dataset: string,
    { source = "", locator = null, madeOf = "" }: SealOptions,
  ): void {
    const hash = createHash("sha256");
    const chunks = connection.all<{ hash: string; columns: string | null }>(
      `SELECT hash, columns FROM ${this.#t.dataset_chunks} WHERE dataset_id = ? ORDER BY chunk`,
      dataset,
    );
    for (const chunk of chunks) hash.update(chunk.hash);
    const sealed = connection.run(
      `UPDATE ${this.#t.datasets} SET sealed_at = coalesce(sealed_at, ?), hash = ?, columns = ?,
  source_name = nullif(?, ''), locator = ?, made_of = nullif(?, '')
WHERE dataset_id = ? AND run_id = ? AND step_name = ? AND token = ?`,
      this.#now(),
      hash.digest("hex"),
      JSON.stringify(mergeColumns(chunks.map(({ columns }) => columns))),
      source,
      locator,
      madeOf,
      dataset,
      writer.runId,
      writer.step,
      writer.token,
    );
    if (sealed === 0) throw this.#refusal(connection, writer, dataset, null);
  }

  /** Why a write hit no row. */
  #refusal(
    connection: SqliteConnection,
    writer: DatasetWriter,
    dataset: string,
    index: number | null,
  ): SpineError {
    const row = this.#find(connection, dataset);
    if (!row || row.run_id !== writer.runId || row.step_name !== writer.step) return datasetMissing(dataset);
    if (row.token !== writer.token) return writerFenced(writer, row.token);
    const context = { dataset, runId: writer.runId, step: writer.step };
    if (row.sealed_at !== null) {
      return new SpineError("HISTORY_CONFLICT", `The dataset ${dataset} is sealed: nothing can be added.`, {
        context,
      });
    }
    return new SpineError(
      "HISTORY_CONFLICT",
      `Chunk ${index} cannot be added to dataset ${dataset}: its next chunk is ${row.chunks}.`,
      { context },
    );
  }

  #find(connection: SqliteConnection, dataset: string): DatasetRow | undefined {
    return connection.get<DatasetRow>(`SELECT * FROM ${this.#t.datasets} WHERE dataset_id = ?`, dataset);
  }

  async #isGone(dataset: string): Promise<boolean> {
    return (await this.#pool.read((connection) => this.#find(connection, dataset))) === undefined;
  }

  #drop(connection: SqliteConnection, dataset: string): void {
    connection.script(dropStaging(dataset));
    for (const table of [this.#t.dataset_chunks, this.#t.rejects, this.#t.datasets]) {
      connection.run(`DELETE FROM ${table} WHERE dataset_id = ?`, dataset);
    }
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}

interface OldDataset {
  readonly run_id: string;
  readonly created_at: string;
  readonly orphan: number;
}

/** The runs of datasets that have outlived them, one for each dataset. */
function findOrphans(
  connection: SqliteConnection,
  t: StateTables,
  cutOff: string,
  limit: number,
): readonly string[] {
  const orphans: string[] = [];
  const sql = `SELECT d.run_id, d.created_at, r.run_id IS NULL AS orphan
FROM ${t.datasets} d LEFT JOIN ${t.workflow_runs} r ON r.run_id = d.run_id ORDER BY d.dataset_id`;
  for (const { run_id, created_at, orphan } of connection.iterate<OldDataset>(sql)) {
    // Ids are in the order of creation: what follows is younger.
    if (created_at >= cutOff || orphans.length >= limit) break;
    if (orphan === 1) orphans.push(run_id);
  }
  return orphans;
}
