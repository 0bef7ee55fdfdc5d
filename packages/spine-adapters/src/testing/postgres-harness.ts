import type { StateOptions } from "spine-core";
import type { DatabaseHarness, OpenedDatabase } from "spine-core/testing";
import { postgres } from "../databases/postgres.ts";
import { createSpineDatabase } from "./spine-database.ts";

/** Databases of their own on a shared server, for the conformance suites. */
export const postgresHarness: DatabaseHarness = {
  async open(options) {
    const url = await createSpineDatabase();
    const first = await open(url, options);
    return { ...first, again: () => open(url, options) };
  },
};

async function open(url: string, options: StateOptions): Promise<OpenedDatabase> {
  const opened = postgres(url);
  return { database: opened, stores: await opened.connect(options), close: () => opened.close() };
}
