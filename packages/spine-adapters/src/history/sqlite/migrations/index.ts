import { initial } from "./0001-initial.ts";
import { undo } from "./0002-undo.ts";
import type { SqliteMigration } from "./migration.ts";

/** All migrations of SQLite state databases, in order. */
export const SQLITE_MIGRATIONS: readonly SqliteMigration[] = [initial, undo];
