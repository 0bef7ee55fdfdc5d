import { type Kysely, sql } from "kysely";
import {
  type AnySchema,
  type Clock,
  type ManifestEntry,
  type ManifestStore,
  type Metrics,
  type Partition,
  partitionKey,
} from "spine-core";
import { isoTime } from "../history/iso-time.ts";
import type { StateTables } from "../history/state-tables.ts";

interface ManifestRow {
  readonly stage: string;
  readonly stage_rank: number;
  readonly partition: string;
  readonly rows: number | string | null;
  readonly run_id: string | null;
  readonly metrics: string;
  readonly advanced_at: string;
}

/** How far partitions have come, in SQL that both databases understand. */
export class SqlManifestStore implements ManifestStore {
  readonly #kysely: Kysely<AnySchema>;
  readonly #clock: Clock;
  readonly #table: ReturnType<typeof sql.raw>;

  constructor(options: {
    readonly kysely: Kysely<AnySchema>;
    readonly tables: StateTables;
    readonly clock: Clock;
  }) {
    this.#kysely = options.kysely;
    this.#clock = options.clock;
    this.#table = sql.raw(options.tables.work_manifest);
  }

  async list(domain: string, partition: Partition): Promise<readonly ManifestEntry[]> {
    const { rows } =
      await sql<ManifestRow>`SELECT stage, stage_rank, CAST(partition AS TEXT) AS partition, rows, run_id,
  CAST(metrics AS TEXT) AS metrics, advanced_at FROM ${this.#table}
WHERE domain = ${domain} AND partition_key = ${partitionKey(partition)} ORDER BY stage_rank, stage`.execute(
        this.#kysely,
      );
    return rows.map((row) => ({
      domain,
      partition: JSON.parse(row.partition) as Partition,
      stage: row.stage,
      rank: row.stage_rank,
      rows: row.rows === null ? null : Number(row.rows),
      runId: row.run_id,
      metrics: JSON.parse(row.metrics) as Metrics,
      advancedAt: row.advanced_at,
    }));
  }

  async advance(entry: Omit<ManifestEntry, "advancedAt">): Promise<void> {
    const { domain, partition, stage, rank, rows, runId, metrics } = entry;
    await sql`INSERT INTO ${this.#table} (domain, partition_key, stage, stage_rank, partition, rows, run_id, metrics, advanced_at)
VALUES (${domain}, ${partitionKey(partition)}, ${stage}, ${rank}, ${JSON.stringify(partition)}, ${rows}, ${runId},
  ${JSON.stringify(metrics)}, ${isoTime(this.#clock.now())})
ON CONFLICT (domain, partition_key, stage) DO UPDATE SET stage_rank = excluded.stage_rank, rows = excluded.rows,
  run_id = excluded.run_id, metrics = excluded.metrics, advanced_at = excluded.advanced_at`.execute(
      this.#kysely,
    );
  }
}
