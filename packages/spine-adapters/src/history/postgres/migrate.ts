import { createHash } from "node:crypto";
import { SpineError } from "spine-core";
import type { Query } from "../../databases/postgres/postgres-pools.ts";
import { POSTGRES_MIGRATIONS } from "./migrations/index.ts";
import type { PostgresMigration } from "./migrations/migration.ts";

interface Applied {
  readonly id: string;
  readonly checksum: string;
  readonly min_reader: string;
}

/**
 * Brings Spine's own tables up to date, inside one transaction: other processes wait for its lock, and a
 * migration that fails leaves nothing behind.
 *
 * @param schema its plain name.
 */
export async function migrate(
  query: Query,
  schema: string,
  migrations: readonly PostgresMigration[] = POSTGRES_MIGRATIONS,
): Promise<void> {
  await query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`spine.migrate:${schema}`]);
  const s = `"${schema}"`;
  const [present] = await query<{ migrations: string | null }>("SELECT to_regclass($1)::text AS migrations", [
    `${s}.migrations`,
  ]);
  if (present?.migrations == null) {
    // Asked for only when it is missing: who may not create schemas can still use one that was made for them.
    const [found] = await query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
    if (!found) await query(`CREATE SCHEMA ${s}`);
    await query(
      `CREATE TABLE ${s}.migrations (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  checksum text NOT NULL,
  min_reader text COLLATE "C" NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)`,
    );
  }
  const applied = await query<Applied>(`SELECT id, checksum, min_reader FROM ${s}.migrations ORDER BY id`);
  checkApplied(applied, migrations);
  for (const migration of migrations.slice(applied.length)) {
    // A statement begins a line; what stands inside the body of a function is indented.
    for (const statement of migration.sql(s).split(/;\s*\n(?!\s)/)) {
      if (statement.trim() !== "") await query(statement);
    }
    await query(`INSERT INTO ${s}.migrations (id, checksum, min_reader) VALUES ($1, $2, $3)`, [
      migration.id,
      checksum(migration),
      migration.minReader,
    ]);
  }
}

function checkApplied(applied: readonly Applied[], known: readonly PostgresMigration[]): void {
  const newest = known.at(-1)?.id ?? "";
  for (const [index, { id, checksum: stored, min_reader }] of applied.entries()) {
    const migration = known[index];
    if (!migration) {
      // A newer version only added to the tables: both work side by side.
      if (min_reader <= newest) continue;
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

/** Of the text for one fixed schema: the same code, whatever the schema is called. */
function checksum(migration: PostgresMigration): string {
  return createHash("sha256").update(migration.sql("spine")).digest("hex");
}
