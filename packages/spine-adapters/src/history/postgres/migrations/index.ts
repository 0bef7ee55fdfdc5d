import { initial } from "./0001-initial.ts";
import { rateBudgets } from "./0002-rate-budgets.ts";
import type { PostgresMigration } from "./migration.ts";

/** All migrations of Postgres state databases, in order. */
export const POSTGRES_MIGRATIONS: readonly PostgresMigration[] = [initial, rateBudgets];
