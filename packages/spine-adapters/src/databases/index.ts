export { databaseFromEnv } from "./from-env.ts";
export type { PostgresOptions } from "./postgres/postgres-options.ts";
export { postgres } from "./postgres.ts";
export type { Durability } from "./sqlite/open-sqlite.ts";
export { memory, type SqliteOptions, sqlite } from "./sqlite.ts";
