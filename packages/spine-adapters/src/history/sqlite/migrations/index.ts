import { initial } from "./0001-initial.ts";
import type { Migration } from "./migration.ts";

/** All migrations of SQLite state databases, in order. */
export const SQLITE_MIGRATIONS: readonly Migration[] = [initial];
