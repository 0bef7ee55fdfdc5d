import { initial } from "./0001-initial.ts";
import { rateBudgets } from "./0002-rate-budgets.ts";
import type { SqliteMigration } from "./migration.ts";

/** All migrations of SQLite state databases, in order. */
export const SQLITE_MIGRATIONS: readonly SqliteMigration[] = [initial, rateBudgets];
