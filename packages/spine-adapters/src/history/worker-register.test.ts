// Whoever stands in the register without its lock is gone. So a worker that comes takes its lock first: between the two it
// would be taken for dead.

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { systemClock } from "spine-core";
import { onTestFinished, test } from "vitest";
import { postgres } from "../databases/postgres.ts";
import { sqlite } from "../databases/sqlite.ts";
import { createTestDatabase } from "../testing/shared-postgres.ts";
import { temporaryDirectory } from "../testing/sqlite-harness.ts";

const WORKER = "newcomer";

async function eventually(complaint: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const until = performance.now() + 5_000; !(await isSo()); await delay(10)) {
    if (performance.now() > until) throw new Error(complaint);
  }
}

test("SQLite: a worker holds its lock before it is in the register", async () => {
  const folder = temporaryDirectory();
  const file = join(folder, "spine.db");
  const database = sqlite(file, { durability: "process" });
  const { history } = await database.connect({ clock: systemClock });
  const other = new DatabaseSync(file);
  onTestFinished(async () => {
    other.close();
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });
  // Nobody can register meanwhile.
  other.exec("BEGIN IMMEDIATE");
  const beat = history.beat(WORKER, "alive");
  try {
    await eventually("It is in no file of locks.", () =>
      existsSync(join(`${file}.workers`, `${WORKER}.lock`)),
    );
  } finally {
    other.exec("COMMIT");
    await beat;
  }
});

test("Postgres: a worker holds its lock before it is in the register", async () => {
  const url = await createTestDatabase();
  const database = postgres(url);
  const { history } = await database.connect({ clock: systemClock });
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  onTestFinished(async () => {
    await other.end();
    await database.close();
  });
  // Nobody can register meanwhile.
  await other.query("BEGIN; LOCK TABLE spine.workers IN EXCLUSIVE MODE");
  const beat = history.beat(WORKER, "alive");
  // Where it registers first it waits for longer than a query may: that is not what is to be told.
  beat.catch(() => {});
  try {
    await eventually("It holds no lock.", async () => {
      const { rowCount } = await other.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`);
      return (rowCount ?? 0) > 0;
    });
  } finally {
    await other.query("COMMIT");
  }
  await beat;
});
