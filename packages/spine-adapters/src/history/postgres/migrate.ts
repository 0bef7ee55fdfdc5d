import type { ClientBase, QueryResultRow } from "pg";
import { type AppliedMigration, checkMigrations, checksumOf, checkUnrecorded } from "../check-migrations.ts";
import { POSTGRES_MIGRATIONS } from "./migrations/index.ts";
import type { PostgresMigration } from "./migrations/migration.ts";

/** The name of the schema in the texts that checksums are made of. */
const PLAIN = "spine";
/** A migration takes its time on large tables, and so does the wait for another process that migrates. */
const LIMIT = { query_timeout: 3_600_000 };

/**
 * Brings Spine's own tables up to date, inside the transaction that `client` is in: other processes wait for its
 * lock, and a migration that fails leaves nothing behind.
 *
 * @param schema its plain name.
 */
export async function migrate(
  client: ClientBase,
  schema: string,
  migrations: readonly PostgresMigration[] = POSTGRES_MIGRATIONS,
): Promise<void> {
  // Unnamed, and without values as the simple protocol knows it, which takes many statements in one text.
  const query = async <R extends QueryResultRow>(text: string, values?: unknown[]): Promise<readonly R[]> =>
    (await client.query<R>({ text, values, ...LIMIT })).rows;
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
  const applied = await query<AppliedMigration>(
    `SELECT id, checksum, min_reader FROM ${s}.migrations ORDER BY id`,
  );
  checkMigrations(applied, migrations, PLAIN);
  if (applied.length === 0) {
    const [found] = await query<{ present: string | null }>("SELECT to_regclass($1)::text AS present", [
      `${s}.workflow_runs`,
    ]);
    checkUnrecorded(applied, found?.present == null ? null : `${schema}.workflow_runs`);
  }
  for (const migration of migrations.slice(applied.length)) {
    await query(migration.sql(s));
    await query(`INSERT INTO ${s}.migrations (id, checksum, min_reader) VALUES ($1, $2, $3)`, [
      migration.id,
      checksumOf(migration, PLAIN),
      migration.minReader,
    ]);
  }
}
