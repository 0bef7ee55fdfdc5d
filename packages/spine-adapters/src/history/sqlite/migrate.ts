import { createHash } from "node:crypto";
import { SpineError } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { isoTime } from "../iso-time.ts";
import { type StateTables, stateTables } from "../state-tables.ts";
import { SQLITE_MIGRATIONS } from "./migrations/index.ts";
import type { Migration } from "./migrations/migration.ts";

interface Applied {
  readonly id: string;
  readonly checksum: string;
}

/**
 * Brings Spine's own tables up to date, inside one write transaction: other processes wait, and a migration
 * that fails leaves nothing behind.
 */
export function migrate(
  connection: SqliteConnection,
  tables: StateTables,
  now: number,
  migrations: readonly Migration[] = SQLITE_MIGRATIONS,
): void {
  connection.script(
    `CREATE TABLE IF NOT EXISTS ${tables.migrations} (
  id TEXT NOT NULL PRIMARY KEY,
  checksum TEXT NOT NULL,
  applied_at TEXT NOT NULL
) WITHOUT ROWID`,
  );
  const applied = connection.all<Applied>(`SELECT id, checksum FROM ${tables.migrations} ORDER BY id`);
  checkApplied(applied, migrations);
  for (const migration of migrations.slice(applied.length)) {
    connection.script(migration.sql(tables));
    connection.insert(tables.migrations, {
      id: migration.id,
      checksum: checksum(migration),
      applied_at: isoTime(now),
    });
  }
}

function checkApplied(applied: readonly Applied[], known: readonly Migration[]): void {
  for (const [index, { id, checksum: stored }] of applied.entries()) {
    const migration = known[index];
    if (!migration) {
      throw new SpineError(
        "SCHEMA_TOO_NEW",
        `The database was used by a newer version of Spine (migration ${id}). Update spine-adapters; nothing was changed.`,
        { context: { migration: id } },
      );
    }
    if (migration.id !== id || checksum(migration) !== stored) {
      throw new SpineError(
        "CONFIG_INVALID",
        `The database was migrated by another code than this: migration ${id} does not match ${migration.id} of this version. Use the version of Spine that made it, or start with a new database.`,
        { context: { migration: id } },
      );
    }
  }
}

/** Of the text without a prefix: the same code, whatever its tables are called. */
function checksum(migration: Migration): string {
  return createHash("sha256")
    .update(migration.sql(stateTables("")))
    .digest("hex");
}
