import type { Migration } from "../../check-migrations.ts";

/** Its `sql` is given the quoted name of the schema. */
export type PostgresMigration = Migration<string>;
