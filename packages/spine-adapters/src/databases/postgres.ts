import { type Database, type StateOptions, type StateStores, silentHints } from "spine-core";
import { PostgresDatasetStore } from "../data/postgres-dataset-store.ts";
import { migrate } from "../history/postgres/migrate.ts";
import { PostgresHistoryStore } from "../history/postgres/postgres-history-store.ts";
import { PostgresPartitionStore } from "../history/postgres/postgres-partition-store.ts";
import { PostgresRunLogs } from "../history/postgres/postgres-run-logs.ts";
import { PostgresRunStatistics } from "../history/postgres/postgres-run-statistics.ts";
import { WorkerBeats } from "../history/postgres/worker-beats.ts";
import { stateTables } from "../history/state-tables.ts";
import { diagnosePostgres } from "./postgres/diagnose-postgres.ts";
import { kyselyOn } from "./postgres/postgres-dialect.ts";
import { type PostgresOptions, postgresSettings } from "./postgres/postgres-options.ts";
import { PostgresPools } from "./postgres/postgres-pools.ts";
import { PostgresTransaction } from "./postgres/postgres-transaction.ts";
import { runTransaction } from "./postgres/run-transaction.ts";
import { createTargetTable } from "./postgres/target-table.ts";

/**
 * A Postgres database. Needs the package `pg`. Nothing is connected before its first use, and one process uses at most
 * ten connections.
 *
 * @example
 * const spine = await createSpine({ database: postgres("postgres://spine:secret@localhost/app") });
 */
export function postgres(target: string | PostgresOptions): Database {
  const pools = new PostgresPools(postgresSettings(target));
  const { schema, tableSchema } = pools.settings;
  const tables = stateTables(`"${schema}".`);

  return {
    dialect: "postgres",
    kysely: kyselyOn(pools),

    async connect({ clock }: StateOptions): Promise<StateStores> {
      await pools.inTransaction("write", (query) => migrate(query, schema));
      return {
        history: new PostgresHistoryStore({ pools, tables, clock, beats: new WorkerBeats(pools) }),
        datasets: new PostgresDatasetStore({ pools, tables, clock }),
        partitions: new PostgresPartitionStore({ pools, tables }),
        statistics: new PostgresRunStatistics({ pools, tables, clock }),
        logs: new PostgresRunLogs({ pools, tables }),
        hints: silentHints(1_000),
      };
    },

    async transaction(work) {
      return await runTransaction(pools, (lease) => work(new PostgresTransaction(pools, lease)));
    },

    async ensureTable(table) {
      await pools.inTransaction("write", (query) => createTargetTable(query, tableSchema, table));
    },

    async diagnose() {
      return await diagnosePostgres(pools);
    },

    async close() {
      await pools.close();
    },
  };
}
