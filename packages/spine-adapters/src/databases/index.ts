export { databaseFromEnv } from "./from-env.ts";
export type { Durability } from "./sqlite/open-sqlite.ts";
export { type SqliteOptions, sqlite } from "./sqlite.ts";
