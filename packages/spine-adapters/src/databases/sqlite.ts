import {
  aFunction,
  aText,
  checkArgument,
  checkOptions,
  type Database,
  type Hints,
  type OptionKinds,
  oneOf,
  SpineError,
  type StateOptions,
  type StateStores,
  silentHints,
} from "spine-core";
import { SqlLineageStore } from "../data/sql-lineage-store.ts";
import { SqlManifestStore } from "../data/sql-manifest-store.ts";
import { SqlRejectStore } from "../data/sql-reject-store.ts";
import { SqliteDatasetStore } from "../data/sqlite-dataset-store.ts";
import { SqlNotificationStore } from "../history/sql-notification-store.ts";
import { SqlScheduleStore } from "../history/sql-schedule-store.ts";
import { migrate } from "../history/sqlite/migrate.ts";
import { SqliteAlertStore } from "../history/sqlite/sqlite-alert-store.ts";
import { SqliteCursorStore } from "../history/sqlite/sqlite-cursor-store.ts";
import { SqliteHints } from "../history/sqlite/sqlite-hints.ts";
import { SqliteHistoryStore } from "../history/sqlite/sqlite-history-store.ts";
import { SqlitePartitionStore } from "../history/sqlite/sqlite-partition-store.ts";
import { SqliteQualityStore } from "../history/sqlite/sqlite-quality-store.ts";
import { SqliteQueueStore } from "../history/sqlite/sqlite-queue-store.ts";
import { SqliteRateBudgets } from "../history/sqlite/sqlite-rate-budgets.ts";
import { SqliteRunLogs } from "../history/sqlite/sqlite-run-logs.ts";
import { SqliteRunStatistics } from "../history/sqlite/sqlite-run-statistics.ts";
import { WorkerLocks } from "../history/sqlite/worker-locks.ts";
import { stateTables } from "../history/state-tables.ts";
import { connectOnce } from "./connect-once.ts";
import { diagnoseSqlite } from "./sqlite/diagnose-sqlite.ts";
import type { Durability } from "./sqlite/open-sqlite.ts";
import { kyselyOn } from "./sqlite/sqlite-dialect.ts";
import { SqlitePool } from "./sqlite/sqlite-pool.ts";
import { openSqliteReader } from "./sqlite/sqlite-reader.ts";
import { SqliteTransaction } from "./sqlite/sqlite-transaction.ts";
import { addColumns, createTargetTable } from "./sqlite/target-table.ts";

export interface SqliteOptions {
  /**
   * `full` (default): what was acknowledged survives a loss of power. `process`: it survives the death of the
   * process; a loss of power may take the newest commits, never the consistency. About seven times as fast.
   */
  readonly durability?: Durability;
  /** Put before the names of Spine's own tables, e.g. `spine_`; nothing by default. */
  readonly prefix?: string;
}

const OF = { of: "sqlite", code: "CONFIG_INVALID" } as const;
const PATH = { is: 'the path of a file, or ":memory:"', fits: aText.fits };
const OPTIONS: OptionKinds<SqliteOptions> = { durability: oneOf(["full", "process"]), prefix: aText };

/**
 * A SQLite database in a file, or `":memory:"`. Nothing is opened before its first use.
 *
 * @example
 * const spine = await createSpine({ database: sqlite("spine.db") });
 */
export function sqlite(path: string, options: SqliteOptions = {}): Database {
  checkArgument("path", path, PATH, OF);
  checkOptions(options, OPTIONS, OF);
  const { durability = "full", prefix = "" } = options;
  if (!/^(?:[a-z][a-z0-9_]{0,30})?$/.test(prefix)) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The prefix "${prefix}" cannot begin the name of a table. Use lower-case letters, digits and _, e.g. "spine_".`,
    );
  }
  const pool = new SqlitePool(path, durability);
  const tables = stateTables(prefix);
  let locks: WorkerLocks | undefined;
  let hints: Hints | undefined;

  const kysely = kyselyOn(pool);

  return {
    dialect: "sqlite",
    kysely,

    connect: connectOnce(path, async ({ clock }: StateOptions): Promise<StateStores> => {
      const file = await pool.open();
      await pool.write((connection) => migrate(connection, tables, clock.now()));
      hints ??= pool.inMemory ? silentHints(1_000) : new SqliteHints(pool, file);
      locks ??= new WorkerLocks(pool.inMemory ? null : `${file}.workers`);
      return {
        history: new SqliteHistoryStore({ pool, tables, clock, locks }),
        datasets: new SqliteDatasetStore({ pool, tables, clock }),
        partitions: new SqlitePartitionStore({ pool, tables }),
        rejects: new SqlRejectStore({ kysely, dialect: "sqlite", tables, clock }),
        cursors: new SqliteCursorStore({ pool, tables, clock }),
        statistics: new SqliteRunStatistics({ pool, tables, clock }),
        logs: new SqliteRunLogs({ pool, tables }),
        quality: new SqliteQualityStore({ pool, tables }),
        alerts: new SqliteAlertStore({ pool, tables }),
        notifications: new SqlNotificationStore({
          kysely,
          dialect: "sqlite",
          tables,
          clock,
          transaction: (work) => pool.transaction((lease) => work(new SqliteTransaction(pool, lease))),
        }),
        lineage: new SqlLineageStore({ kysely, dialect: "sqlite", tables }),
        manifest: new SqlManifestStore({ kysely, tables, clock }),
        schedules: new SqlScheduleStore({ kysely, dialect: "sqlite", tables, clock }),
        queues: new SqliteQueueStore({ pool, tables, clock }),
        budgets: new SqliteRateBudgets({ pool, tables, clock }),
        hints,
      };
    }),

    async transaction(work) {
      checkArgument("work", work, aFunction, { of: "a transaction" });
      return await pool.transaction((lease) => work(new SqliteTransaction(pool, lease)));
    },

    openReader: (options) => openSqliteReader(pool, options),

    async ensureTable(table) {
      await pool.write((connection) => createTargetTable(connection, table));
    },

    async addColumns(table, columns) {
      return await pool.write((connection) => addColumns(connection, table, columns));
    },

    async diagnose() {
      return await diagnoseSqlite(pool, tables, durability);
    },

    async close() {
      await hints?.close();
      await pool.close();
      locks?.close();
    },
  };
}

/**
 * A database in the memory of this process, for tests and first steps: all that Spine does, and gone with the process.
 *
 * @example
 * const spine = await createSpine({ database: memory() });
 */
export function memory(): Database {
  return sqlite(":memory:");
}
