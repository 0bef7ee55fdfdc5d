import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { type AppliedMigration, checkMigrations, checksumOf, checkUnrecorded } from "../check-migrations.ts";
import { isoTime } from "../iso-time.ts";
import { type StateTables, stateTables } from "../state-tables.ts";
import { SQLITE_MIGRATIONS } from "./migrations/index.ts";
import type { SqliteMigration } from "./migrations/migration.ts";

/**
 * Brings Spine's own tables up to date, inside one write transaction: other processes wait, and a migration
 * that fails leaves nothing behind.
 */
export function migrate(
  connection: SqliteConnection,
  tables: StateTables,
  now: number,
  migrations: readonly SqliteMigration[] = SQLITE_MIGRATIONS,
): void {
  connection.script(
    `CREATE TABLE IF NOT EXISTS ${tables.migrations} (
  id TEXT NOT NULL PRIMARY KEY,
  checksum TEXT NOT NULL,
  min_reader TEXT NOT NULL,
  applied_at TEXT NOT NULL
) WITHOUT ROWID`,
  );
  const applied = connection.all<AppliedMigration>(
    `SELECT id, checksum, min_reader FROM ${tables.migrations} ORDER BY id`,
  );
  const plain = stateTables("");
  checkMigrations(applied, migrations, plain);
  const runs = tables.workflow_runs;
  const found = connection.get("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", runs);
  checkUnrecorded(applied, found ? runs : null);
  for (const migration of migrations.slice(applied.length)) {
    connection.script(migration.sql(tables));
    connection.insert(tables.migrations, {
      id: migration.id,
      checksum: checksumOf(migration, plain),
      min_reader: migration.minReader,
      applied_at: isoTime(now),
    });
  }
}
