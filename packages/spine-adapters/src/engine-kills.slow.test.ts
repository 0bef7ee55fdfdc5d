// The three promises through kill -9 of a real process, at chosen moments; `engine-crashes.slow.test.ts` has all moments.

import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterDeath, CrashObserver, type CrashPoint, describeViolations, Ledger } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { placeOn } from "./testing/places.ts";
import { temporaryDirectory } from "./testing/sqlite-harness.ts";

const PROCESS = join(import.meta.dirname, "testing/crash-process.ts");
const MOMENTS: readonly (readonly [database: string, CrashPoint, nth: number, what: string])[] = [
  ["SQLite", "after create", 1, "the run is stored, and nobody was told"],
  ["Postgres", "after transaction", 2, "the step's own transaction is committed, and the step does not know"],
  ["Postgres", "after dataset.append", 2, "a page is stored, and the source does not know"],
  ["SQLite", "before transaction", 3, "the rows are loaded and not committed"],
  ["Postgres", "before transaction", 3, "the rows are loaded and not committed"],
];

describe("kill -9", () => {
  test.each(MOMENTS)("on %s, %s (%i): %s", async (name, point, nth) => {
    const place = await placeOn(name);
    const books = temporaryDirectory();
    onTestFinished(() => {
      place.remove();
      rmSync(books, { recursive: true, force: true });
    });
    const book = join(books, "ledger");
    const child = fork(PROCESS, ["key", book, point, String(nth), ...place.address], {
      execArgv: ["--conditions=spine-source", "--no-warnings"],
    });
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    const observer = await CrashObserver.open(place);
    onTestFinished(() => observer.close());
    const violations = await afterDeath(place, observer, "key", new Ledger(book), point);
    expect(violations, describeViolations(violations)).toEqual([]);
  });
});
