import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import type { PoolClient } from "pg";
import {
  type AnySchema,
  type ChunkWrite,
  type Clock,
  type DatasetChunk,
  type DatasetRef,
  type DatasetState,
  type DatasetStore,
  type DatasetWriter,
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
import { insertRows } from "../databases/postgres/insert-rows.ts";
import type { PostgresPools, Query } from "../databases/postgres/postgres-pools.ts";
import { createStaging, dropStaging, stagingTable } from "../databases/postgres/staging-table.ts";
import { TransactionLease } from "../databases/postgres/transaction-lease.ts";
import { DatabaseTime } from "../history/postgres/database-time.ts";
import { isRunId } from "../history/postgres/run-id.ts";
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

import { withRowsInPostgres } from "./postgres-staged-rows.ts";

interface PostgresDatasetOptions {
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  readonly clock: Clock;
}

const DEFAULT_REJECTS = 100;
/** Datasets that are looked at in one query. */
const PAGE = 1_000;

interface OldDataset {
  readonly dataset_id: string;
  readonly run_id: string;
  readonly young: boolean;
}

/** Datasets in a Postgres database: rows in compressed chunks, each committed with its rejects and its cursor. */
export class PostgresDatasetStore implements DatasetStore {
  readonly #pools: PostgresPools;
  readonly #t: StateTables;
  readonly #time: DatabaseTime;

  constructor({ pools, tables, clock }: PostgresDatasetOptions) {
    this.#pools = pools;
    this.#t = tables;
    this.#time = new DatabaseTime(clock);
  }

  async open(writer: DatasetWriter, { fresh = false } = {}): Promise<DatasetState> {
    const { runId, step, token } = writer;
    const t = this.#t;
    // Done again when its answer was lost, it finds the same dataset, or empties once more what nobody has written to since.
    return await this.#again(writer.signal, async (query) => {
      // The row that is there stays locked; a new one is made by whoever comes first.
      await query(
        `INSERT INTO ${t.datasets} (dataset_id, run_id, step_name, token, chunks, rows, rejected, bytes, created_at)
VALUES ($1, $2, $3, $4, 0, 0, 0, 0, coalesce($5::timestamptz, now())) ON CONFLICT (run_id, step_name) DO NOTHING`,
        [newId(), runId, step, token, this.#time.virtual],
      );
      const [present] = await query<DatasetRow>(
        `SELECT * FROM ${t.datasets} WHERE run_id = $1 AND step_name = $2 FOR UPDATE`,
        [runId, step],
      );
      if (!present) throw new SpineError("HISTORY_CONFLICT", "The dataset was removed while it was opened.");
      if (present.token > token) throw writerFenced(writer, present.token);
      if (fresh) return readState(await this.#renew(query, present, token));
      await query(`UPDATE ${t.datasets} SET token = $2 WHERE dataset_id = $1`, [present.dataset_id, token]);
      return readState(present);
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
    const raws = rejects.map(({ raw }) => JSON.stringify(raw) ?? "null");
    const bytes = data.length + raws.reduce((sum, raw) => sum + raw.length, 0);
    const t = this.#t;
    // The right to write is the WHERE of the UPDATE: everything else hangs on the row that it returns.
    const sql = `WITH owned AS (
  UPDATE ${t.datasets}
  SET chunks = chunks + 1, rows = rows + $6, rejected = rejected + $7, bytes = bytes + $8, cursor = $9
  WHERE dataset_id = $1 AND run_id = $2 AND step_name = $3 AND token = $4 AND chunks = $5 AND sealed_at IS NULL
  RETURNING *),
kept AS (
  INSERT INTO ${t.dataset_chunks} (dataset_id, chunk, rows, hash, lines, data, columns, file)
  SELECT dataset_id, $5, $6, $10, $11, $12, $17, $18 FROM owned),
refused AS (
  INSERT INTO ${t.rejects} (dataset_id, position, code, message, line, raw, file)
  SELECT dataset_id, rejected - $7::int8 + j.nth - 1, j.code, j.message, j.line, j.raw, j.file
  FROM owned, unnest($13::text[], $14::text[], $15::int8[], $16::json[], $19::text[])
    WITH ORDINALITY AS j(code, message, line, raw, file, nth))
SELECT * FROM owned`;
    const values = [
      isRunId(dataset) ? dataset : null,
      writer.runId,
      writer.step,
      writer.token,
      index,
      rows.length,
      rejects.length,
      bytes,
      JSON.stringify(chunk.cursor),
      hash,
      lineRuns,
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
      rejects.map(({ code }) => code),
      rejects.map(({ message }) => message),
      rejects.map(({ line }) => line),
      raws,
      columns,
      file,
      rejects.map((reject) => (reject.file === undefined ? file : reject.file)),
    ];
    let tries = 0;
    const [row] = await this.#pools.throughOutage(() => {
      tries += 1;
      if (!into) return this.#pools.query<DatasetRow>("data", sql, values);
      return this.#pools.inTransaction("data", async (query, client) => {
        const owned = await query<DatasetRow>(sql, values);
        if (owned.length > 0) await this.#stage(client, dataset, { index, rows, into });
        return owned;
      });
    }, writer.signal);
    // What was lost may have been no more than the answer to an earlier try.
    const stored = row ?? (tries > 1 ? await this.#appended(writer, dataset, chunk, hash) : undefined);
    if (!stored) throw await this.#refusal(writer, dataset, index);
    return readState(stored);
  }

  async isStaged(dataset: string): Promise<boolean> {
    if (!isRunId(dataset)) return false;
    const sql = "SELECT to_regclass($1) IS NOT NULL AS staged";
    const name = stagingTable(this.#pools.settings.schema, dataset);
    return (await this.#pools.ask<{ staged: boolean }>("data", sql, [name]))[0]?.staged === true;
  }

  async seal(
    writer: DatasetWriter,
    dataset: string,
    { source, locator, madeOf }: SealOptions = {},
  ): Promise<DatasetRef> {
    const row = await this.#find(dataset);
    if (row?.token === writer.token && row.sealed_at !== null) return readRef(row);
    const hash = createHash("sha256");
    const chunks = await this.#pools.ask<{ hash: string; columns: string | null }>(
      "data",
      `SELECT hash, columns FROM ${this.#t.dataset_chunks} WHERE dataset_id = $1 ORDER BY chunk`,
      [isRunId(dataset) ? dataset : null],
    );
    for (const chunk of chunks) hash.update(chunk.hash);
    // Not while a chunk is added that the hash does not know.
    const [sealed] = await this.#pools.ask<DatasetRow>(
      "data",
      `UPDATE ${this.#t.datasets} SET sealed_at = coalesce(sealed_at, $5::timestamptz, now()), hash = $6, columns = $8,
  source_name = $9, locator = $10, made_of = $11
WHERE dataset_id = $1 AND run_id = $2 AND step_name = $3 AND token = $4 AND chunks = $7 RETURNING *`,
      [
        isRunId(dataset) ? dataset : null,
        writer.runId,
        writer.step,
        writer.token,
        this.#time.virtual,
        hash.digest("hex"),
        chunks.length,
        JSON.stringify(mergeColumns(chunks.map(({ columns }) => columns))),
        source ?? null,
        locator ?? null,
        madeOf !== undefined && isRunId(madeOf) ? madeOf : null,
      ],
    );
    if (!sealed) throw await this.#refusal(writer, dataset, null);
    return readRef(sealed);
  }

  async *read(
    dataset: string,
    { fromChunk = 0, signal }: { readonly fromChunk?: number; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<DatasetChunk> {
    const state = await this.#find(dataset);
    if (!state) throw datasetMissing(dataset);
    if (state.sealed_at === null) {
      throw new SpineError(
        "HISTORY_CONFLICT",
        `The dataset ${dataset} of step "${state.step_name}" is still being written; it can be read once it is whole.`,
        { context: { dataset, runId: state.run_id, step: state.step_name } },
      );
    }
    const ask = (index: number) => {
      const asked = index < state.chunks ? this.#chunk(dataset, index) : undefined;
      // Whoever comes to it is told.
      asked?.catch(() => {});
      return asked;
    };
    // The next one is on its way while one is worked on.
    for (let index = fromChunk, asked = ask(index); index < state.chunks; index += 1) {
      signal?.throwIfAborted();
      const chunk = await asked;
      if (!chunk) throw (await this.#find(dataset)) ? chunkDamaged(dataset, index) : datasetMissing(dataset);
      asked = ask(index + 1);
      yield readChunk(dataset, index, chunk);
    }
  }

  async withRows<T>(tables: StagedTables, work: (kysely: Kysely<AnySchema>) => Promise<T>): Promise<T> {
    return await withRowsInPostgres(
      this.#pools,
      stagedPlans(tables),
      { read: (dataset) => this.read(dataset), isStaged: (dataset) => this.isStaged(dataset) },
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
    const rows = await this.#pools.ask<RejectRow>(
      "read",
      `SELECT d.step_name, r.position, r.code, r.message, r.line, r.file, r.raw
FROM ${this.#t.datasets} d JOIN ${this.#t.rejects} r ON r.dataset_id = d.dataset_id
WHERE d.run_id = $1 AND ($2::text IS NULL OR d.step_name = $2) AND r.position > $3
ORDER BY d.dataset_id, r.position LIMIT $4`,
      [runId, step ?? null, after ?? -1, limit],
    );
    return rows.map((row) => readReject(runId, row));
  }

  async remove(runId: string): Promise<void> {
    await this.#again(undefined, async (query) => {
      const datasets = await query<DatasetRow>(
        `SELECT dataset_id FROM ${this.#t.datasets} WHERE run_id = $1 ORDER BY dataset_id FOR UPDATE`,
        [runId],
      );
      for (const { dataset_id } of datasets) {
        await this.#drop(query, dataset_id);
        await query(`DELETE FROM ${this.#t.datasets} WHERE dataset_id = $1`, [dataset_id]);
      }
    });
  }

  async prune({ before, limit }: { readonly before: number; readonly limit: number }): Promise<number> {
    const orphans = await this.#orphans(new Date(before).toISOString(), limit);
    for (const runId of new Set(orphans)) await this.remove(runId);
    return orphans.length;
  }

  /** The runs of datasets that have outlived them, one for each dataset. */
  async #orphans(before: string, limit: number): Promise<readonly string[]> {
    const orphans: string[] = [];
    for (let last = "00000000-0000-0000-0000-000000000000"; ; ) {
      const page = await this.#pools.ask<OldDataset>(
        "data",
        `SELECT dataset_id, run_id, created_at >= $2::timestamptz AS young FROM ${this.#t.datasets}
WHERE dataset_id > $1 ORDER BY dataset_id LIMIT ${PAGE}`,
        [last, before],
      );
      const old = page.filter(({ young }) => !young);
      const present = await this.#present(old.map(({ run_id }) => run_id).filter(isRunId));
      for (const { run_id } of old) if (!present.has(run_id)) orphans.push(run_id);
      // Ids are in the order of creation: behind the first young one all are young.
      if (old.length < PAGE || orphans.length >= limit) return orphans.slice(0, limit);
      last = old.at(-1)?.dataset_id ?? last;
    }
  }

  /** Of runs, those that the history has. */
  async #present(runIds: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#pools.ask<{ run_id: string }>(
      "data",
      `SELECT run_id FROM ${this.#t.workflow_runs} WHERE run_id = ANY ($1::uuid[])`,
      [runIds],
    );
    return new Set(rows.map(({ run_id }) => run_id));
  }

  async #chunk(dataset: string, index: number): Promise<ChunkRow | undefined> {
    const [chunk] = await this.#pools.ask<ChunkRow>(
      "read",
      `SELECT rows, hash, lines, file, data FROM ${this.#t.dataset_chunks} WHERE dataset_id = $1 AND chunk = $2`,
      [dataset, index],
    );
    return chunk;
  }

  /** A transaction that may be done again, because it leaves the same: it waits for a server that is away. */
  async #again<T>(signal: AbortSignal | undefined, work: (query: Query) => Promise<T>): Promise<T> {
    return await this.#pools.throughOutage(() => this.#pools.inTransaction("data", work), signal);
  }

  /** The dataset after a chunk that is its last one. Only who has the token can have written that, and writes one at a time. */
  async #appended(
    writer: DatasetWriter,
    dataset: string,
    { index, cursor }: ChunkWrite,
    hash: string,
  ): Promise<DatasetRow | undefined> {
    const t = this.#t;
    const [row] = await this.#pools.ask<DatasetRow>(
      "data",
      `SELECT d.* FROM ${t.datasets} d JOIN ${t.dataset_chunks} c ON c.dataset_id = d.dataset_id AND c.chunk = $5
WHERE d.dataset_id = $1 AND d.run_id = $2 AND d.step_name = $3 AND d.token = $4 AND d.chunks = $5 + 1
  AND c.hash = $6 AND d.cursor::text = $7`,
      [
        isRunId(dataset) ? dataset : null,
        writer.runId,
        writer.step,
        writer.token,
        index,
        hash,
        JSON.stringify(cursor),
      ],
    );
    return row;
  }

  async #renew(query: Query, { dataset_id }: DatasetRow, token: number): Promise<DatasetRow> {
    await this.#drop(query, dataset_id);
    const [row] = await query<DatasetRow>(
      `UPDATE ${this.#t.datasets} SET dataset_id = $2, token = $3, chunks = 0, rows = 0, rejected = 0, bytes = 0,
  cursor = NULL, hash = NULL, columns = NULL, sealed_at = NULL
WHERE dataset_id = $1 RETURNING *`,
      [dataset_id, newId(), token],
    );
    return row as DatasetRow;
  }

  /** Adds rows to the staging table of a dataset, by COPY; the first ones make it. */
  async #stage(
    client: PoolClient,
    dataset: string,
    { index, rows, into }: Required<Pick<ChunkWrite, "index" | "rows" | "into">>,
  ): Promise<void> {
    const { schema } = this.#pools.settings;
    if (index === 0) await client.query(createStaging(schema, dataset, into));
    const lease = new TransactionLease(client);
    const target = { lease, pools: this.#pools, table: into, stamp: null };
    await insertRows({ ...target, into: stagingTable(schema, dataset) }, once(rows));
  }

  async #drop(query: Query, dataset: string): Promise<void> {
    await query(dropStaging(this.#pools.settings.schema, dataset));
    for (const table of [this.#t.dataset_chunks, this.#t.rejects]) {
      await query(`DELETE FROM ${table} WHERE dataset_id = $1`, [dataset]);
    }
  }

  /** Why a write hit no row. */
  async #refusal(writer: DatasetWriter, dataset: string, index: number | null): Promise<SpineError> {
    const row = await this.#find(dataset);
    if (!row || row.run_id !== writer.runId || row.step_name !== writer.step) return datasetMissing(dataset);
    if (row.token !== writer.token) return writerFenced(writer, row.token);
    const context = { dataset, runId: writer.runId, step: writer.step };
    if (row.sealed_at !== null) {
      return new SpineError("HISTORY_CONFLICT", `The dataset ${dataset} is sealed: nothing can be added.`, {
        context,
      });
    }
    const what = index === null ? `Dataset ${dataset} cannot be sealed` : `Chunk ${index} cannot be added`;
    return new SpineError(
      "HISTORY_CONFLICT",
      `${what} now: the next chunk of dataset ${dataset} is ${row.chunks}.`,
      { context },
    );
  }

  async #find(dataset: string): Promise<DatasetRow | undefined> {
    if (!isRunId(dataset)) return undefined;
    const sql = `SELECT * FROM ${this.#t.datasets} WHERE dataset_id = $1`;
    return (await this.#pools.ask<DatasetRow>("data", sql, [dataset]))[0];
  }
}

async function* once(rows: readonly Row[]): AsyncIterable<readonly Row[]> {
  yield await Promise.resolve(rows);
}
