import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "spine-core";
import type { Place } from "spine-core/testing";
import { postgres } from "../databases/postgres.ts";
import { sqlite } from "../databases/sqlite.ts";
import { createSpineDatabase } from "./spine-database.ts";
import { temporaryDirectory } from "./sqlite-harness.ts";

/** What another process needs to reach a place: the file, or the URL and the schema. */
export type Address = readonly [file: string] | readonly [url: string, schema: string];

/** A place that other processes can reach too. */
export interface SharedPlace extends Place {
  readonly address: Address;
}

export function databaseAt([where, schema]: Address): Database {
  // What is tested with it does not depend on fsync, which makes it several times as slow.
  if (schema === undefined) return sqlite(where, { durability: "process" });
  return postgres({ url: where, schema, tableSchema: schema });
}

async function postgresDatabase(): Promise<SharedPlace> {
  const address: Address = [await createSpineDatabase(), "spine"];
  // The server goes with the test run.
  return { address, database: () => databaseAt(address), remove: () => {} };
}

async function sqliteFile(): Promise<SharedPlace> {
  const directory = temporaryDirectory();
  const address: Address = [join(directory, "spine.db")];
  return {
    address,
    database: () => databaseAt(address),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** For `describe.each`: what more than one Spine can reach. */
export const PLACES: readonly (readonly [name: string, open: () => Promise<SharedPlace>])[] = [
  ["SQLite", sqliteFile],
  ["Postgres", postgresDatabase],
];

/** A new place on one of them. */
export function placeOn(name: string): Promise<SharedPlace> {
  const [, open] = PLACES.find(([known]) => known === name) ?? [];
  if (!open) throw new Error(`There is no place on ${name}.`);
  return open();
}

/** A database in memory: one process, and nothing is left of it. */
export async function memory(): Promise<Place> {
  return { database: () => sqlite(":memory:"), remove: () => {} };
}
