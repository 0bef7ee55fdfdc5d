import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "spine-core/testing";
import { postgres } from "../databases/postgres.ts";
import { sqlite } from "../databases/sqlite.ts";
import { createTestDatabase } from "./shared-postgres.ts";
import { temporaryDirectory } from "./sqlite-harness.ts";

let url: Promise<string> | undefined;
let schemas = 0;

async function postgresSchema(): Promise<Place> {
  url ??= createTestDatabase();
  const at = await url;
  schemas += 1;
  const schema = `place_${schemas}`;
  return {
    database: () => postgres({ url: at, schema, tableSchema: schema }),
    // The server goes with the test run.
    remove: () => {},
  };
}

async function sqliteFile(): Promise<Place> {
  const directory = temporaryDirectory();
  return {
    database: () => sqlite(join(directory, "spine.db"), { durability: "process" }),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** For `describe.each`: what more than one Spine can reach. */
export const PLACES: readonly (readonly [name: string, open: () => Promise<Place>])[] = [
  ["SQLite", sqliteFile],
  ["Postgres", postgresSchema],
];

/** A database in memory: one process, and nothing is left of it. */
export async function memory(): Promise<Place> {
  return { database: () => sqlite(":memory:"), remove: () => {} };
}
