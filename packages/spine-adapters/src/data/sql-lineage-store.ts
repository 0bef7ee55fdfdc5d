import { type Kysely, sql } from "kysely";
import {
  type AffectedLoad,
  type Affecting,
  type AnySchema,
  type DatasetOrigin,
  type LineageStore,
  type LoadRecord,
  type Partition,
  partitionKey,
} from "spine-core";
import { isRunId } from "../history/postgres/run-id.ts";
import type { StateTables } from "../history/state-tables.ts";

interface LineageOptions {
  readonly kysely: Kysely<AnySchema>;
  readonly dialect: "sqlite" | "postgres";
  readonly tables: StateTables;
}

interface LoadRow {
  readonly load_id: string;
  readonly run_id: string;
  readonly step_name: string;
  readonly table_name: string;
  readonly partition: unknown;
  readonly disposition: string;
  readonly dataset_id: string;
  readonly inserted: number | string;
  readonly superseded: number | string;
  readonly loaded_at: string;
}

interface OriginRow {
  readonly dataset_id: string;
  readonly run_id: string;
  readonly step_name: string;
  readonly rows: number | string;
  readonly source_name: string | null;
  readonly locator: string | null;
  readonly made_of: string | null;
}

const LOAD =
  sql.raw(`l.load_id, l.run_id, l.step_name, l.table_name, l.partition, l.disposition, l.dataset_id, l.inserted,
  l.superseded, l.loaded_at`);
const MOST_FILES = 1_000;

/** Where rows came from, in the tables of datasets and loads: each question goes by an index. */
export class SqlLineageStore implements LineageStore {
  readonly #kysely: Kysely<AnySchema>;
  readonly #isPostgres: boolean;
  readonly #t: Readonly<Record<"datasets" | "chunks" | "loads", ReturnType<typeof sql.raw>>>;

  constructor({ kysely, dialect, tables }: LineageOptions) {
    this.#kysely = kysely;
    this.#isPostgres = dialect === "postgres";
    const { datasets, dataset_chunks, loads } = tables;
    this.#t = {
      datasets: sql.raw(datasets),
      chunks: sql.raw(dataset_chunks),
      loads: sql.raw(loads),
    };
  }

  async load(loadId: string): Promise<LoadRecord | undefined> {
    const { rows } =
      await sql<LoadRow>`SELECT ${LOAD} FROM ${this.#t.loads} l WHERE l.load_id = ${loadId}`.execute(
        this.#kysely,
      );
    return rows[0] && readLoad(rows[0]);
  }

  async dataset(dataset: string): Promise<DatasetOrigin | undefined> {
    if (!isRunId(dataset)) return undefined;
    const { rows } =
      await sql<OriginRow>`SELECT dataset_id, run_id, step_name, rows, source_name, locator, made_of
FROM ${this.#t.datasets} WHERE dataset_id = ${dataset}`.execute(this.#kysely);
    const [row] = rows;
    if (!row) return undefined;
    const files = await sql<{ file: string }>`SELECT DISTINCT file FROM ${this.#t.chunks}
WHERE dataset_id = ${dataset} AND file IS NOT NULL ORDER BY file LIMIT ${MOST_FILES}`.execute(this.#kysely);
    return {
      dataset: row.dataset_id,
      runId: row.run_id,
      step: row.step_name,
      rows: Number(row.rows),
      source: row.source_name,
      locator: row.locator,
      madeOf: row.made_of,
      files: files.rows.map(({ file }) => file),
    };
  }

  async affectedBy(
    what: Affecting,
    { limit, after }: { readonly limit: number; readonly after: string | null },
  ): Promise<readonly AffectedLoad[]> {
    const { datasets, loads } = this.#t;
    const behind = after === null ? sql`` : sql`AND l.load_id > ${after}`;
    const replaced = sql`EXISTS (SELECT 1 FROM ${loads} n WHERE n.table_name = l.table_name AND n.partition_key = l.partition_key
  AND n.disposition = 'replace-partition' AND ${later}) AS replaced`;
    const id = this.#isPostgres ? sql`m.dataset_id::text` : sql`m.dataset_id`;
    const query =
      "table" in what
        ? sql<AffectedRow>`SELECT ${LOAD}, ${replaced} FROM ${loads} l
WHERE l.table_name = ${what.table} AND l.partition_key = ${partitionKey(what.partition)} ${behind}
ORDER BY l.load_id LIMIT ${limit}`
        : sql<AffectedRow>`WITH RECURSIVE made (dataset_id) AS (
  ${this.#beginning(what)}
  UNION SELECT d.dataset_id FROM ${datasets} d JOIN made m ON d.made_of = m.dataset_id)
SELECT ${LOAD}, ${replaced} FROM made m JOIN ${loads} l ON l.dataset_id = ${id}
WHERE true ${behind} ORDER BY l.load_id LIMIT ${limit}`;
    const { rows } = await query.execute(this.#kysely);
    const last = await this.#lastReplace(new Set(rows.map((row) => row.table_name)));
    return rows.map((row) => {
      const whole = last.get(row.table_name);
      const current = !row.replaced && !(whole && isLater(whole, row));
      return { ...readLoad(row), current };
    });
  }

  /** Of each table the load that has replaced all of it last: asked for once, because a table may have many loads of no partition. */
  async #lastReplace(tables: ReadonlySet<string>): Promise<ReadonlyMap<string, Stamped>> {
    const found = new Map<string, Stamped>();
    for (const table of tables) {
      const { rows } = await sql<Stamped>`SELECT n.load_id, n.loaded_at FROM ${this.#t.loads} n
WHERE n.table_name = ${table} AND n.partition_key IS NULL AND n.disposition = 'replace'
ORDER BY n.loaded_at DESC, n.load_id DESC LIMIT 1`.execute(this.#kysely);
      if (rows[0]) found.set(table, rows[0]);
    }
    return found;
  }

  /** The datasets that it is about. */
  #beginning(what: Exclude<Affecting, { readonly table: string }>) {
    const { datasets, chunks } = this.#t;
    if ("source" in what) return sql`SELECT dataset_id FROM ${datasets} WHERE source_name = ${what.source}`;
    if ("dataset" in what)
      return sql`SELECT dataset_id FROM ${datasets} WHERE dataset_id = ${isRunId(what.dataset) ? what.dataset : null}`;
    return sql`SELECT s.dataset_id FROM (SELECT dataset_id FROM ${datasets} WHERE locator = ${what.file}
  UNION SELECT dataset_id FROM ${chunks} WHERE file = ${what.file}) s`;
  }
}

interface AffectedRow extends LoadRow {
  /** 0 or 1 on SQLite. */
  readonly replaced: boolean | number;
}

type Stamped = Pick<LoadRow, "load_id" | "loaded_at">;

/** The order of loads. Ids alone do not say it: that of a load into another database begins with the time of its run. */
const later = sql.raw("(n.loaded_at, n.load_id) > (l.loaded_at, l.load_id)");

function isLater(one: Stamped, other: Stamped): boolean {
  return one.loaded_at === other.loaded_at ? one.load_id > other.load_id : one.loaded_at > other.loaded_at;
}

function readLoad(row: LoadRow): LoadRecord {
  const { partition } = row;
  return {
    loadId: row.load_id,
    runId: row.run_id,
    step: row.step_name,
    table: row.table_name,
    partition: (typeof partition === "string" ? JSON.parse(partition) : partition) as Partition | null,
    disposition: row.disposition,
    dataset: row.dataset_id,
    inserted: Number(row.inserted),
    superseded: Number(row.superseded),
    loadedAt: row.loaded_at,
  };
}
