import type { Migration } from "../../check-migrations.ts";
import type { StateTables } from "../../state-tables.ts";

export type SqliteMigration = Migration<StateTables>;
