import {
  aFunction,
  checkArgument,
  type Database,
  type StateOptions,
  type StateStores,
  systemClock,
} from "spine-core";
import { PostgresDatasetStore } from "../data/postgres-dataset-store.ts";
import { SqlLineageStore } from "../data/sql-lineage-store.ts";
import { SqlManifestStore } from "../data/sql-manifest-store.ts";
import { SqlRejectStore } from "../data/sql-reject-store.ts";
import { compareClocks, DatabaseTime } from "../history/postgres/database-time.ts";
import { KeptConnection } from "../history/postgres/kept-connection.ts";
import { migrate } from "../history/postgres/migrate.ts";
import { PostgresAlertStore } from "../history/postgres/postgres-alert-store.ts";
import { PostgresCursorStore } from "../history/postgres/postgres-cursor-store.ts";
import { PostgresHints } from "../history/postgres/postgres-hints.ts";
import { PostgresHistoryStore } from "../history/postgres/postgres-history-store.ts";
import { PostgresPartitionStore } from "../history/postgres/postgres-partition-store.ts";
import { PostgresQualityStore } from "../history/postgres/postgres-quality-store.ts";
import { PostgresQueueStore } from "../history/postgres/postgres-queue-store.ts";
import { PostgresRateBudgets } from "../history/postgres/postgres-rate-budgets.ts";
import { PostgresRunLogs } from "../history/postgres/postgres-run-logs.ts";
import { PostgresRunStatistics } from "../history/postgres/postgres-run-statistics.ts";
import { WorkerBeats } from "../history/postgres/worker-beats.ts";
import { SqlNotificationStore } from "../history/sql-notification-store.ts";
import { SqlScheduleStore } from "../history/sql-schedule-store.ts";
import { stateTables } from "../history/state-tables.ts";
import { connectOnce } from "./connect-once.ts";
import { diagnosePostgres } from "./postgres/diagnose-postgres.ts";
import { findPooler } from "./postgres/find-pooler.ts";
import { kyselyOn } from "./postgres/postgres-dialect.ts";
import { type PostgresOptions, postgresSettings } from "./postgres/postgres-options.ts";
import { PostgresPools } from "./postgres/postgres-pools.ts";
import { openPostgresReader } from "./postgres/postgres-reader.ts";
import { PostgresTransaction } from "./postgres/postgres-transaction.ts";
import { runTransaction } from "./postgres/run-transaction.ts";
import { addColumns, createTargetTable } from "./postgres/target-table.ts";

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
  const closing: (() => Promise<void>)[] = [];
  let workerBeats: WorkerBeats | undefined;

  const kysely = kyselyOn(pools);

  return {
    dialect: "postgres",
    kysely,

    connect: connectOnce(
      pools.settings.name,
      async ({ clock, worker }: StateOptions): Promise<StateStores> => {
        const listening = new KeptConnection({
          connect: (onLost) => pools.single("listen", onLost),
          onConnected: (client) => hints.attend(client),
        });
        const hints = new PostgresHints({
          pools,
          listening,
          onPooler: async () => {
            pools.foundPooler();
            await beats.withoutLocks();
            await listening.close();
          },
        });
        const beats = new WorkerBeats({
          pools,
          tables,
          listening,
          // With a clock that tests drive, a claim looks by itself.
          beating: clock === systemClock,
          onGone: () => hints.wake({ work: true }),
        });
        workerBeats = beats;
        const close = async () => {
          await hints.close();
          await Promise.all([beats.close(), listening.close()]);
        };
        const time = new DatabaseTime(clock);
        try {
          // The thread needs longer to start than all that is asked of the server meanwhile.
          if (worker) beats.prepare();
          await findPooler(pools);
          if (worker && !pools.isPooled) listening.connected().catch(() => {});
          // It is there: what is cut from here on is done again.
          await pools.throughOutage(() =>
            pools.inTransaction("write", (_, client) => migrate(client, schema)),
          );
          await compareClocks(pools, time, clock);
        } catch (error) {
          await close();
          throw error;
        }
        closing.push(close);
        return {
          history: new PostgresHistoryStore({ pools, tables, clock, time, beats, hints }),
          datasets: new PostgresDatasetStore({ pools, tables, clock }),
          partitions: new PostgresPartitionStore({ pools, tables }),
          rejects: new SqlRejectStore({ kysely, dialect: "postgres", tables, clock }),
          cursors: new PostgresCursorStore({ pools, tables, time }),
          statistics: new PostgresRunStatistics({ pools, tables, clock }),
          logs: new PostgresRunLogs({ pools, tables }),
          quality: new PostgresQualityStore({ pools, tables }),
          alerts: new PostgresAlertStore({ pools, tables }),
          notifications: new SqlNotificationStore({
            kysely,
            dialect: "postgres",
            tables,
            clock,
            transaction: (work) =>
              runTransaction(pools, (lease) => work(new PostgresTransaction(pools, lease))),
          }),
          lineage: new SqlLineageStore({ kysely, dialect: "postgres", tables }),
          manifest: new SqlManifestStore({ kysely, tables, clock }),
          schedules: new SqlScheduleStore({ kysely, dialect: "postgres", tables, clock }),
          queues: new PostgresQueueStore({ pools, tables, clock }),
          budgets: new PostgresRateBudgets({ pools, tables, clock }),
          hints,
        };
      },
    ),

    async transaction(work) {
      checkArgument("work", work, aFunction, { of: "a transaction" });
      return await runTransaction(pools, (lease) => work(new PostgresTransaction(pools, lease)));
    },

    openReader: (options) => openPostgresReader(pools, options),

    async ensureTable(table) {
      await pools.throughOutage(() =>
        pools.inTransaction("write", (query) => createTargetTable(query, tableSchema, table)),
      );
    },

    async addColumns(table, columns) {
      return await pools.throughOutage(() =>
        pools.inTransaction("write", (query) => addColumns(query, tableSchema, table, columns)),
      );
    },

    async diagnose() {
      return await diagnosePostgres(pools, workerBeats ? { beats: workerBeats.by } : {});
    },

    async close() {
      for (const close of closing.splice(0)) await close();
      await pools.close();
    },
  };
}
