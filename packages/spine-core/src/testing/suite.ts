import { describe, test } from "vitest";
import type { Database, StateOptions, StateStores } from "../database/database.ts";
import { TestClock } from "./test-clock.ts";

/** A connected database under test. */
export interface OpenedDatabase {
  readonly database: Database;
  readonly stores: StateStores;
  /** Opens the same data once more, as another process would; left out where nobody else can reach it. */
  again?(): Promise<OpenedDatabase>;
  /** Closes it without telling anybody, as the end of a process would. */
  close(): Promise<void>;
}

/** What a database suite needs of an implementation. */
export interface DatabaseHarness {
  /** A new, empty database. */
  open(options: StateOptions): Promise<OpenedDatabase>;
}

export interface SuiteOptions {
  /** Tests that do not apply, by name, each with the reason that the report then shows. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[];
}

export interface TestContext extends OpenedDatabase {
  readonly clock: TestClock;
}

/** Registers a test that gets a new database and closes it afterwards. */
export type Check = (name: string, body: (context: TestContext) => Promise<void>) => void;

/** Registers a suite; a skip that names no test of it is an error, so that none is left behind. */
export function databaseSuite(
  title: string,
  harness: DatabaseHarness,
  { skip = [] }: SuiteOptions,
  register: (check: Check) => void,
): void {
  const reasons = new Map(skip.flatMap(({ reason, tests }) => tests.map((name) => [name, reason])));
  describe(title, () => {
    register((name, body) => {
      const reason = reasons.get(name);
      reasons.delete(name);
      if (reason !== undefined) {
        test.skip(`${name} (${reason})`, () => {});
        return;
      }
      test(name, async () => {
        const clock = new TestClock();
        const opened = await harness.open({ clock });
        try {
          await body({ ...opened, clock });
        } finally {
          await opened.close();
        }
      });
    });
    for (const name of reasons.keys())
      throw new Error(`The suite has no test "${name}" that could be skipped.`);
  });
}
