import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "spine-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { sqlite } from "../../databases/sqlite.ts";
import { temporaryDirectory } from "../../testing/sqlite-harness.ts";
import { stateTables } from "../state-tables.ts";
import { migrate } from "./migrate.ts";
import { SQLITE_MIGRATIONS } from "./migrations/index.ts";
import type { SqliteMigration } from "./migrations/migration.ts";
import { SqliteQualityStore, trendSql } from "./sqlite-quality-store.ts";

const first: SqliteMigration = {
  id: "0001-a",
  minReader: "0001-a",
  sql: (t) => `CREATE TABLE ${t.loads} (a TEXT)`,
};
/** Only adds: whoever knows the first one can work with it. */
const second: SqliteMigration = {
  id: "0002-b",
  minReader: "0001-a",
  sql: (t) => `ALTER TABLE ${t.loads} ADD COLUMN b TEXT`,
};
/** Takes something away. */
const third: SqliteMigration = {
  id: "0003-c",
  minReader: "0003-c",
  sql: (t) => `ALTER TABLE ${t.loads} DROP COLUMN a`,
};

let directory: string;
let pool: SqlitePool;
beforeEach(() => {
  directory = temporaryDirectory();
  pool = new SqlitePool(join(directory, "m.db"), "full");
});
afterEach(async () => {
  await pool.close();
  rmSync(directory, { recursive: true, force: true });
});

const run = (migrations: readonly SqliteMigration[], prefix = "") =>
  pool.write((connection) => migrate(connection, stateTables(prefix), 0, migrations));
const applied = () =>
  pool.read((connection) => connection.all<{ id: string }>("SELECT id FROM migrations").map(({ id }) => id));

test("applies what is missing, in order, once", async () => {
  await run([first]);
  await run([first]);
  await run([first, second]);
  await run([first, second]);
  expect(await applied()).toEqual(["0001-a", "0002-b"]);
});

test("two processes that start at once migrate once", async () => {
  const other = new SqlitePool(join(directory, "m.db"), "full");
  await Promise.all([
    run(SQLITE_MIGRATIONS),
    other.write((connection) => migrate(connection, stateTables(""), 0)),
  ]);
  expect(await applied()).toEqual(SQLITE_MIGRATIONS.map(({ id }) => id));
  await other.close();
});

test("a migration that fails leaves nothing behind", async () => {
  const broken: SqliteMigration = {
    id: "0002-b",
    minReader: "0001-a",
    sql: (t) => `CREATE TABLE half (x); CREATE TABLE ${t.loads} (x)`,
  };
  await run([first]);
  await expect(run([first, broken])).rejects.toMatchObject({ code: "DATABASE_FAILED" });
  expect(await applied()).toEqual(["0001-a"]);
  await run([first, second]);
  const tables = await pool.read((connection) =>
    connection.all("SELECT name FROM sqlite_schema WHERE name = 'half'"),
  );
  expect(tables).toEqual([]);
});

test("a migration that was changed after it was applied is refused", async () => {
  await run([first]);
  const changed: SqliteMigration = { ...first, sql: (t) => `CREATE TABLE ${t.loads} (other TEXT)` };
  await expect(run([changed])).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("0001-a"),
  });
});

test("an older version works beside a newer one that only added, and is refused once something went", async () => {
  await run([first, second]);
  await run([first]);
  await run([first, second, third]);
  await expect(run([first, second])).rejects.toMatchObject({ code: "SCHEMA_TOO_NEW" });
  await expect(run([first])).rejects.toMatchObject({ code: "SCHEMA_TOO_NEW" });
  expect(await applied()).toEqual(["0001-a", "0002-b", "0003-c"]);
});

test("a process that is killed half-way leaves the tables as they were, and the next one begins anew", async () => {
  await run([first]);
  await killedWhileMigrating(join(directory, "m.db"));
  const tables = await pool.read((connection) =>
    connection.all("SELECT name FROM sqlite_schema WHERE name = 'half'"),
  );
  expect(tables).toEqual([]);
  await run([first, second]);
  expect(await applied()).toEqual(["0001-a", "0002-b"]);
});

/** A process that has made a part of a migration when it is killed with -9. */
async function killedWhileMigrating(path: string): Promise<void> {
  const code = `
    const { DatabaseSync } = require("node:sqlite");
    const db = new DatabaseSync(process.argv[1]);
    db.exec("BEGIN IMMEDIATE; CREATE TABLE half (x); ALTER TABLE loads ADD COLUMN b TEXT");
    process.kill(process.pid, "SIGKILL");`;
  const child = spawn(process.execPath, ["-e", code, path], { stdio: "ignore" });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
}

test("prefixes keep two Spines in one file apart", async () => {
  await pool.close();
  const path = join(directory, "m.db");
  const one = sqlite(path, { prefix: "one_" });
  const two = sqlite(path, { prefix: "two_" });
  const [a, b] = [await one.connect({ clock: systemClock }), await two.connect({ clock: systemClock })];
  const dataset = await a.datasets.open({ runId: "r", step: "s", token: 1 });
  expect((await b.datasets.open({ runId: "r", step: "s", token: 1 })).dataset).not.toBe(dataset.dataset);
  await Promise.all([one.close(), two.close()]);
  expect(() => sqlite(path, { prefix: "x; drop" })).toThrow(/cannot begin the name of a table/);
});

test("tables whose migrations were forgotten are not made anew: it is said what is wrong, and nothing is changed", async () => {
  await run(SQLITE_MIGRATIONS, "my_");
  await pool.write((connection) => connection.run("DELETE FROM my_migrations"));
  await expect(run(SQLITE_MIGRATIONS, "my_")).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(
      "The table my_workflow_runs is there, but no migration that made it",
    ) as string,
  });
  // Another prefix has tables of its own.
  await run(SQLITE_MIGRATIONS);
  expect(await applied()).toHaveLength(SQLITE_MIGRATIONS.length);
});

test("results of runs before there were trends are in them too", async () => {
  const index = SQLITE_MIGRATIONS.findIndex(({ id }) => id === "0008-alerts");
  await run(SQLITE_MIGRATIONS.slice(0, index));
  await pool.write((connection) =>
    connection.script(`
INSERT INTO workflow_runs (run_id, workflow_name, status, version, token, fingerprint, params, params_hash, triggered_by, created_at)
VALUES ('r1', 'demo.old', 'COMPLETED', 1, 1, '', '{}', '', 'manual', '2025-01-01T00:00:00.000Z');
INSERT INTO quality_results VALUES
  ('r1', 3, 0, 'check', 'recordCount', 'COMPLETENESS', 'PASS', 1, '7 rows', '7', 'any number', 7, 0, '[]', '2025-01-01T00:00:00.000Z')`),
  );
  await run(SQLITE_MIGRATIONS);
  const store = new SqliteQualityStore({ pool, tables: stateTables("") });
  expect(await store.trend({ workflow: "demo.old", check: "recordCount" })).toMatchObject([
    { runId: "r1", actual: "7" },
  ]);
  // From the index, in its order: nothing is sorted, and no other workflow's rows are read.
  const plan = await pool.read((connection) =>
    connection
      .all<{ detail: string }>(
        `EXPLAIN QUERY PLAN ${trendSql(stateTables(""), " AND (q.run_id, q.event_seq, q.position) < ('r', 1, 0)")}`,
        "w",
        "c",
        9,
      )
      .map(({ detail }) => detail),
  );
  expect(plan).toEqual([
    expect.stringMatching(
      /USING INDEX quality_results_by_check \(workflow_name=\? AND check_name=\? AND .*run_id.*<.*\)$/,
    ),
  ]);
});

test("alerts from before there was anybody to tell are there, and are told to nobody", async () => {
  const index = SQLITE_MIGRATIONS.findIndex(({ id }) => id === "0011-notifications");
  await run(SQLITE_MIGRATIONS.slice(0, index));
  await pool.write((connection) =>
    connection.script(`INSERT INTO alerts VALUES ('a1', 'WARNING', 't', 'm', 'quality', 'demo.old', 'r1', 'check', NULL,
  '{"week":"1"}', '{"pipeline":"demo.old"}', 'f', '{}', '2025-01-01T00:00:00.000Z')`),
  );
  await run(SQLITE_MIGRATIONS);
  const database = sqlite(join(directory, "m.db"));
  const { alerts, notifications } = await database.connect({ clock: systemClock });
  expect(await alerts.list()).toMatchObject([
    { alertId: "a1", runId: "r1", partition: { week: "1" }, step: "check" },
  ]);
  expect(await notifications.due()).toMatchObject({ raised: false, groups: 0 });
  await database.close();
});
