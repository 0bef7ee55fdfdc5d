import { createHash } from "node:crypto";
import { SpineError } from "spine-core";

/** One change of Spine's own tables. Once released, its text is never changed: a new one is added. */
export interface Migration<Names> {
  /** Four digits and a name; migrations are applied in the order of their ids. */
  readonly id: string;
  /**
   * The newest migration that a version of Spine has to know to work with the tables after this one. An
   * expansion names an older one, so that two versions work side by side; a contraction names itself.
   */
  readonly minReader: string;
  /** The statements, with the tables' names as the database needs them. */
  readonly sql: (names: Names) => string;
}

/** A migration as the database remembers it. */
export interface AppliedMigration {
  readonly id: string;
  readonly checksum: string;
  readonly min_reader: string;
}

/**
 * Refuses a database that this version cannot work with: one that a newer version has taken something away from, or one
 * that other code made. What a newer version only added is no reason.
 *
 * @param plain names of one fixed kind, for the checksums: the same code, whatever its tables are called.
 */
export function checkMigrations<Names>(
  applied: readonly AppliedMigration[],
  known: readonly Migration<Names>[],
  plain: Names,
): void {
  const newest = known.at(-1)?.id ?? "";
  for (const [index, { id, checksum, min_reader }] of applied.entries()) {
    const migration = known[index];
    if (!migration) {
      if (min_reader <= newest) continue;
      throw new SpineError(
        "SCHEMA_TOO_NEW",
        `The database was used by a newer version of Spine (migration ${id}). Update spine-adapters; nothing was changed.`,
        { context: { migration: id } },
      );
    }
    if (migration.id !== id || checksumOf(migration, plain) !== checksum) {
      throw new SpineError(
        "CONFIG_INVALID",
        `The database was migrated by another code than this: migration ${id} does not match ${migration.id} of this version. Use the version of Spine that made it, or start with a new database.`,
        { context: { migration: id } },
      );
    }
  }
}

/**
 * Refuses to make tables anew that are there: a database whose rows of `migrations` were removed.
 *
 * @param present a table of Spine's own that exists; null for none.
 */
export function checkUnrecorded(applied: readonly AppliedMigration[], present: string | null): void {
  if (applied.length > 0 || present === null) return;
  throw new SpineError(
    "CONFIG_INVALID",
    `The table ${present} is there, but no migration that made it: the rows of the table \`migrations\` were removed, or another program has a table of that name. Restore them from a backup, or give Spine a place of its own (\`schema\` on Postgres, \`prefix\` or another file on SQLite).`,
  );
}

export function checksumOf<Names>(migration: Migration<Names>, plain: Names): string {
  return createHash("sha256").update(migration.sql(plain)).digest("hex");
}
