import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StateOptions } from "spine-core";
import type { DatabaseHarness, OpenedDatabase } from "spine-core/testing";
import { memory, sqlite } from "../databases/sqlite.ts";

/** Databases in memory, for the conformance suites. */
export const memoryHarness: DatabaseHarness = {
  async open(options) {
    const database = memory();
    return { database, stores: await database.connect(options), close: () => database.close() };
  },
};

/** Databases in files of their own, for the conformance suites. */
export const fileHarness: DatabaseHarness = {
  async open(options) {
    const directory = temporaryDirectory();
    const path = join(directory, "spine.db");
    const first = await open(path, options);
    return {
      ...first,
      again: () => open(path, options),
      close: async () => {
        await first.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
};

/** A new directory for the files of one test. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), "spine-sqlite-"));
}

async function open(path: string, options: StateOptions): Promise<OpenedDatabase> {
  // What the suites check does not depend on fsync, which makes them several times as slow.
  const database = sqlite(path, { durability: "process" });
  return { database, stores: await database.connect(options), close: () => database.close() };
}
