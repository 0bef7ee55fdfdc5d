import { initial } from "./0001-initial.ts";
import { undo } from "./0002-undo.ts";
import type { PostgresMigration } from "./migration.ts";

/** All migrations of Postgres state databases, in order. */
export const POSTGRES_MIGRATIONS: readonly PostgresMigration[] = [initial, undo];
