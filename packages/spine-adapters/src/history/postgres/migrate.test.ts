import pg from "pg";
import { newId, systemClock } from "spine-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { postgresSettings } from "../../databases/postgres/postgres-options.ts";
import { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { postgres } from "../../databases/postgres.ts";
import { createTestDatabase } from "../../testing/index.ts";
import { migrate } from "./migrate.ts";
import { POSTGRES_MIGRATIONS } from "./migrations/index.ts";
import type { PostgresMigration } from "./migrations/migration.ts";

const migration = (id: string, statement: string, minReader = id): PostgresMigration => ({
  id,
  minReader,
  sql: (s) => statement.replaceAll("$s", s),
});
const first = migration("0001-a", "CREATE TABLE $s.loads (a text)");
const second = migration("0002-b", "ALTER TABLE $s.loads ADD COLUMN b text", "0001-a");
const third = migration("0003-c", "ALTER TABLE $s.loads DROP COLUMN a");

let url = "";
let pools: PostgresPools;
beforeEach(async () => {
  url = await createTestDatabase();
  pools = new PostgresPools(postgresSettings(url));
});
afterEach(() => pools.close());

const run = (migrations?: readonly PostgresMigration[], on = pools) =>
  on.inTransaction("write", (_, client) => migrate(client, "spine", migrations));
const applied = async () =>
  (await pools.query<{ id: string }>("read", "SELECT id FROM spine.migrations ORDER BY id")).map(
    ({ id }) => id,
  );

test("applies what is missing, in order, once", async () => {
  await run([first]);
  await run([first]);
  await run([first, second]);
  expect(await applied()).toEqual(["0001-a", "0002-b"]);
});

test("processes that start at once migrate once", async () => {
  const others = Array.from({ length: 4 }, () => postgres(url));
  await Promise.all(others.map((other) => other.connect({ clock: systemClock })));
  await Promise.all(others.map((other) => other.close()));
  expect(await applied()).toEqual(POSTGRES_MIGRATIONS.map(({ id }) => id));
});

test("a migration that fails leaves nothing behind", async () => {
  await run([first]);
  const broken = migration("0002-b", "CREATE TABLE $s.half (x text);\nCREATE TABLE $s.loads (x text)");
  await expect(run([first, broken])).rejects.toMatchObject({ code: "DATABASE_FAILED" });
  expect(await applied()).toEqual(["0001-a"]);
  expect(await pools.query("read", "SELECT to_regclass('spine.half')::text AS half")).toEqual([
    { half: null },
  ]);
  await run([first, second]);
});

test("a process that is gone half-way leaves nothing behind, and the next one begins anew", async () => {
  await run([first]);
  const client = new pg.Client({ connectionString: url });
  // Its own connection ends without a word; the error that says so is what happens here.
  client.on("error", () => {});
  await client.connect();
  await client.query("BEGIN; CREATE TABLE spine.half (x text); ALTER TABLE spine.loads ADD COLUMN b text");
  const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
  await pools.query("read", "SELECT pg_terminate_backend($1)", [rows[0].pid]);
  await run([first, second]);
  expect(await applied()).toEqual(["0001-a", "0002-b"]);
  expect(await pools.query("read", "SELECT to_regclass('spine.half')::text AS half")).toEqual([
    { half: null },
  ]);
});

test("a migration that was changed after it was applied is refused", async () => {
  await run([first]);
  await expect(run([migration("0001-a", "CREATE TABLE $s.other (a text)")])).rejects.toMatchObject({
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

test("schemas keep two Spines in one database apart", async () => {
  const [one, two] = [postgres({ url, schema: "one" }), postgres({ url, schema: "two" })];
  const [a, b] = [await one.connect({ clock: systemClock }), await two.connect({ clock: systemClock })];
  const { dataset } = await a.datasets.open({ runId: "r", step: "s", token: 1 });
  expect((await b.datasets.open({ runId: "r", step: "s", token: 1 })).dataset).not.toBe(dataset);
  // The same worker name in both: their locks are different ones.
  await a.history.beat("w", "alive");
  await b.history.beat("w", "alive");
  await Promise.all([one.close(), two.close()]);
});

test("tables whose migrations were forgotten are not made anew: it is said what is wrong, and nothing is changed", async () => {
  await run();
  await pools.query("write", "DELETE FROM spine.migrations");
  await expect(run()).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(
      "The table spine.workflow_runs is there, but no migration that made it",
    ) as string,
  });
  expect(await applied()).toEqual([]);
});

test("results of runs before there were trends are in them too", async () => {
  const index = POSTGRES_MIGRATIONS.findIndex(({ id }) => id === "0008-alerts");
  const runId = newId();
  await run(POSTGRES_MIGRATIONS.slice(0, index));
  await pools.query(
    "write",
    `WITH run AS (
  INSERT INTO spine.workflow_runs (run_id, workflow_name, status, version, token, fingerprint, params, params_hash, triggered_by, write_seq, list_id, created_at)
  VALUES ('${runId}', 'demo.old', 'COMPLETED', 1, 1, '', '{}', '', 'manual', 0, '${runId}', now()))
INSERT INTO spine.quality_results VALUES
  ('${runId}', 3, 0, 'check', 'recordCount', 'COMPLETENESS', 'PASS', true, '7 rows', '7', 'any number', 7, 0, '[]', now())`,
  );
  await run(POSTGRES_MIGRATIONS);
  const database = postgres(url);
  const { quality } = await database.connect({ clock: systemClock });
  expect(await quality.trend({ workflow: "demo.old", check: "recordCount" })).toMatchObject([
    { runId, actual: "7" },
  ]);
  await database.close();
});

test("alerts from before there was anybody to tell are there, and are told to nobody", async () => {
  const index = POSTGRES_MIGRATIONS.findIndex(({ id }) => id === "0011-notifications");
  const [alertId, runId] = [newId(), newId()];
  await run(POSTGRES_MIGRATIONS.slice(0, index));
  await pools.query(
    "write",
    `INSERT INTO spine.alerts VALUES ('${alertId}', 'WARNING', 't', 'm', 'quality', 'demo.old', '${runId}', 'check', NULL,
  '{"week":"1"}', '{"pipeline":"demo.old"}', 'f', '{}', now())`,
  );
  await run(POSTGRES_MIGRATIONS);
  const database = postgres(url);
  const { alerts, notifications } = await database.connect({ clock: systemClock });
  expect(await alerts.list()).toMatchObject([{ alertId, runId, partition: { week: "1" }, step: "check" }]);
  expect(await notifications.due()).toMatchObject({ raised: false, groups: 0 });
  await database.close();
});
