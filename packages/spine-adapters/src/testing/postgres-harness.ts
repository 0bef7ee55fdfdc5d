import type { StateOptions } from "spine-core";
import type { DatabaseHarness, OpenedDatabase } from "spine-core/testing";
import { postgres } from "../databases/postgres.ts";
import { createTestDatabase } from "./shared-postgres.ts";

let database: Promise<string> | undefined;
let schemas = 0;

/** Schemas of their own in one database per test file: making a schema takes less than making a database. */
export const postgresHarness: DatabaseHarness = {
  async open(options) {
    database ??= createTestDatabase();
    const url = await database;
    schemas += 1;
    const schema = `suite_${schemas}`;
    const first = await open(url, schema, options);
    return { ...first, again: () => open(url, schema, options) };
  },
};

async function open(url: string, schema: string, options: StateOptions): Promise<OpenedDatabase> {
  const opened = postgres({ url, schema, tableSchema: schema });
  return { database: opened, stores: await opened.connect(options), close: () => opened.close() };
}
