// What can be provoked on a real database is, one check after the other.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  type Check,
  createSpine,
  type Database,
  defineWorkflow,
  newId,
  type Spine,
  type SpineOptions,
  silentLogger,
} from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  clocksCheck,
  connectionsCheck,
  diagnosePostgres,
  versionCheck,
} from "./databases/postgres/diagnose-postgres.ts";
import { postgresSettings } from "./databases/postgres/postgres-options.ts";
import { PostgresPools } from "./databases/postgres/postgres-pools.ts";
import { postgres } from "./databases/postgres.ts";
import { schemaCheck } from "./databases/schema-check.ts";
import { fileSystemCheck, roomCheck } from "./databases/sqlite/diagnose-sqlite.ts";
import { memory, sqlite } from "./databases/sqlite.ts";
import { checksumOf } from "./history/check-migrations.ts";
import { connected } from "./testing/caller-connections.ts";
import { startPostgres } from "./testing/postgres-server.ts";
import { createTestDatabase } from "./testing/shared-postgres.ts";
import { temporaryDirectory } from "./testing/sqlite-harness.ts";

const workflow = defineWorkflow({ name: "demo.known" }).step("first", () => "done");

async function spineOn(database: Database, options: Partial<SpineOptions> = {}): Promise<Spine> {
  const spine = await createSpine({ database, logger: silentLogger, workflows: [workflow], ...options });
  onTestFinished(() => spine.stop().catch(() => {}));
  return spine;
}

function sqliteFile(): string {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "spine.db");
}

async function check(spine: Spine, name: string): Promise<Check> {
  const { checks } = await spine.diagnose();
  const found = checks.find((each) => each.name === name);
  if (!found)
    throw new Error(`There is no check "${name}" among ${checks.map((each) => each.name).join(", ")}.`);
  return found;
}

const problems = (checks: readonly Check[]) =>
  checks.filter(({ status }) => status !== "ok").map(({ name, status }) => `${name} ${status}`);

const queued = (name: string, secondsAgo: number) => ({
  kind: "create" as const,
  begun: [],
  run: {
    runId: newId(),
    workflow: name,
    domain: null,
    partition: null,
    key: null,
    fingerprint: "f",
    params: "{}",
    paramsHash: "h",
    triggeredBy: "test",
    parentRunId: null,
    worker: null,
    availableAt: Date.now() - secondsAgo * 1_000,
  },
});

const owned = (worker: string) => {
  const commit = queued(workflow.name, 0);
  return {
    ...commit,
    run: { ...commit.run, worker },
    begun: [{ name: "first", kind: "lambda", attempt: 1 }],
  };
};

const DATABASES: readonly (readonly [string, () => Promise<Database>])[] = [
  ["SQLite", async () => sqlite(sqliteFile())],
  ["SQLite in memory", async () => memory()],
  ["Postgres", async () => postgres(await createTestDatabase())],
];

describe.each(DATABASES)("on %s", (name, open) => {
  // The servers of tests have no fsync; what is in memory does not last.
  const always = name === "SQLite" ? [] : name === "Postgres" ? ["durability error"] : ["durability warning"];

  test("a Spine that works is found to be in order", async () => {
    const spine = await spineOn(await open());
    await (await spine.run(workflow, {})).result();
    const { ok, checks } = await spine.diagnose();
    expect(problems(checks)).toEqual(always);
    expect(ok).toBe(name !== "Postgres");
    for (const { remedy, status, message } of checks) {
      expect(message).not.toBe("");
      expect(remedy === null).toBe(status === "ok");
    }
    expect(JSON.parse(JSON.stringify(checks))).toEqual(checks);
  });

  test("nobody works, a run waits for too long, and nobody here knows its workflow", async () => {
    const spine = await spineOn(await open(), { worker: false });
    expect(problems((await spine.diagnose()).checks)).toEqual([...always, "workers warning"]);
    await spine.history.commit([
      queued("demo.unknown", 90),
      queued(workflow.name, 1),
      queued("demo.unknown", 2),
    ]);
    const { ok, checks } = await spine.diagnose();
    expect(ok).toBe(false);
    expect(problems(checks)).toEqual([
      ...always,
      "workers error",
      "waiting runs warning",
      "unknown workflows warning",
    ]);
    expect(await check(spine, "unknown workflows")).toMatchObject({
      data: { workflows: ["demo.unknown"], runs: 2 },
    });
    const { data } = await check(spine, "waiting runs");
    expect(data).toMatchObject({ runs: 3, workflow: "demo.unknown" });
    expect(data.waitMs).toBeGreaterThan(89_000);
  });

  test("a closed database is a finding", async () => {
    const spine = await spineOn(await open());
    await spine.stop();
    const { ok, checks } = await spine.diagnose();
    expect(ok).toBe(false);
    expect(problems(checks)).toEqual(["database error", "work error"]);
  });
});

test.each(DATABASES.filter(([name]) => name !== "SQLite in memory"))(
  "on %s: a worker that is gone and still has runs",
  async (_name, open) => {
    const spine = await spineOn(await open(), { worker: false });
    await spine.history.commit([owned("killed"), owned("killed")]);
    expect(await check(spine, "lost workers")).toMatchObject({
      status: "error",
      data: { workers: ["killed"], runs: 2 },
    });
    await spine.history.beat("killed", "alive");
    expect(await check(spine, "lost workers")).toMatchObject({ status: "ok" });
    expect(await check(spine, "workers")).toMatchObject({ status: "ok", data: { alive: 1 } });
    await spine.history.beat("killed", "gone");
  },
);

/** What is told of the work where Spine's tables are gone. */
const dropped = {
  status: "error",
  message: expect.stringContaining("cannot be read from Spine's tables") as string,
  remedy: expect.stringContaining("First do what the check `schema` says") as string,
  data: { code: "DATABASE_FAILED" },
};

describe("SQLite", () => {
  test("`durability: process` is told, and that indexes are gone", async () => {
    const file = sqliteFile();
    const spine = await spineOn(sqlite(file, { durability: "process", prefix: "s_" }));
    expect(problems((await spine.diagnose()).checks)).toEqual(["durability warning"]);
    const other = new DatabaseSync(file);
    other.exec("DROP INDEX s_workflow_runs_by_key");
    other.close();
    expect(await check(spine, "indexes")).toMatchObject({
      status: "error",
      data: { missing: ["s_workflow_runs_by_key"] },
    });
  });

  test("a damaged file is found, and a large one is not looked through", async () => {
    const file = sqliteFile();
    const first = await spineOn(sqlite(file));
    await first.stop();
    const reader = new DatabaseSync(file);
    const page = reader
      .prepare("SELECT rootpage AS page FROM sqlite_master WHERE name = 'workflow_runs_by_domain'")
      .get()?.page as number;
    const { page_size: size } = reader.prepare("PRAGMA page_size").get() as { page_size: number };
    reader.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, (page - 1) * size, page * size);
    writeFileSync(file, bytes);
    const spine = await spineOn(sqlite(file), { worker: false });
    expect(await check(spine, "integrity")).toMatchObject({ status: "error", data: { checked: true } });

    const large = sqliteFile();
    const big = await spineOn(sqlite(large, { durability: "process" }));
    const filler = new DatabaseSync(large);
    filler.exec("CREATE TABLE filler (x BLOB); INSERT INTO filler VALUES (zeroblob(40000000))");
    filler.close();
    expect(await check(big, "integrity")).toMatchObject({ status: "ok", data: { checked: false } });
  });

  test("tables that are gone, and those of a newer version", async () => {
    const file = sqliteFile();
    const spine = await spineOn(sqlite(file));
    const other = new DatabaseSync(file);
    other.exec("INSERT INTO migrations VALUES ('9998-later', 'x', '0001-initial', '')");
    expect(await check(spine, "schema")).toMatchObject({
      status: "warning",
      data: { newer: ["9998-later"] },
    });
    other.exec("INSERT INTO migrations VALUES ('9999-much-later', 'x', '9999-much-later', '')");
    expect(await check(spine, "schema")).toMatchObject({ status: "error", data: { code: "SCHEMA_TOO_NEW" } });
    other.exec("DELETE FROM migrations WHERE id > '9'; UPDATE migrations SET checksum = 'of other code'");
    expect(await check(spine, "schema")).toMatchObject({ status: "error", data: { code: "CONFIG_INVALID" } });
    other.exec("DROP TABLE migrations");
    expect(await check(spine, "schema")).toMatchObject({ status: "error" });
    other.exec("DROP TABLE workflow_runs");
    expect(await check(spine, "work")).toMatchObject(dropped);
    other.close();
  });

  test("network file systems, and how much room there is", () => {
    expect(fileSystemCheck(0x6969)).toMatchObject({ status: "error", data: { network: "NFS" } });
    expect(fileSystemCheck(0xff534d42)).toMatchObject({ status: "error", data: { network: "CIFS" } });
    expect(fileSystemCheck(0xef53)).toMatchObject({ status: "ok" });
    const mib = 1024 * 1024;
    expect([2_048, 500, 10].map((size) => roomCheck(size * mib).status)).toEqual(["ok", "warning", "error"]);
  });
});

describe("Postgres", () => {
  test("what a server can be set to: durability, connections, autovacuum", async () => {
    await using server = await startPostgres({
      fsync: true,
      settings: { max_connections: 12, autovacuum: false, full_page_writes: true },
    });
    const url = server.url();
    const spine = await spineOn(postgres(url));
    expect(await check(spine, "durability")).toMatchObject({ status: "ok" });
    expect(await check(spine, "connections")).toMatchObject({ status: "warning" });
    expect(await check(spine, "vacuum")).toMatchObject({ status: "warning", data: { autovacuum: "off" } });
    await spine.stop();
    const careless = await spineOn(
      postgres({ url: `${url}?options=-c%20synchronous_commit%3Doff`, schema: "careless" }),
    );
    expect(await check(careless, "durability")).toMatchObject({
      status: "warning",
      data: { synchronous_commit: "off" },
    });
    await careless.stop();
  });

  test("tables that were dropped", async () => {
    const url = await createTestDatabase();
    const spine = await spineOn(postgres(url), { worker: false });
    const client = await connected(url);
    onTestFinished(() => client.end());
    await client.query("DROP SCHEMA spine CASCADE");
    expect(await check(spine, "schema")).toMatchObject({ status: "error" });
    expect(await check(spine, "work")).toMatchObject(dropped);
  });

  test("an index that is gone, and one that is invalid", async () => {
    const url = await createTestDatabase();
    const spine = await spineOn(postgres(url));
    const client = await connected(url);
    onTestFinished(() => client.end());
    await client.query("DROP INDEX spine.workflow_runs_due");
    expect(await check(spine, "indexes")).toMatchObject({
      status: "error",
      data: { missing: ["workflow_runs_due"] },
    });
    // Making it fails, because two rows are the same: Postgres keeps what it has made of it.
    await spine.history.commit([queued("demo.twice", 0), queued("demo.twice", 0)]);
    await client
      .query("CREATE UNIQUE INDEX CONCURRENTLY broken ON spine.workflow_runs (workflow_name)")
      .catch(() => {});
    expect(await check(spine, "invalid indexes")).toMatchObject({
      status: "error",
      remedy: 'REINDEX INDEX CONCURRENTLY "spine"."broken";',
    });
  });

  test("dead rows that nobody cleans up", async () => {
    const url = await createTestDatabase();
    const spine = await spineOn(postgres(url));
    const client = await connected(url);
    onTestFinished(() => client.end());
    await client.query("ALTER TABLE spine.run_tags SET (autovacuum_enabled = off)");
    await client.query(
      "INSERT INTO spine.run_tags SELECT 't' || n, 's', gen_random_uuid() FROM generate_series(1, 15000) n",
    );
    await client.query("DELETE FROM spine.run_tags");
    await client.query("SELECT pg_stat_force_next_flush()");
    await expect
      .poll(() => check(spine, "vacuum"), { timeout: 10_000 })
      .toMatchObject({ status: "warning", data: { tables: [{ name: "run_tags" }] } });
  });

  test("a transaction that stays open", async () => {
    const url = await createTestDatabase();
    const pools = new PostgresPools(postgresSettings(url));
    onTestFinished(() => pools.close());
    const client = await connected(url, { application_name: "forgotten" });
    onTestFinished(() => client.end());
    await client.query("BEGIN");
    await client.query("SELECT 1");
    const looked = async (longTransactionMs: number) =>
      (await diagnosePostgres(pools, { longTransactionMs })).find(({ name }) => name === "long transactions");
    await expect
      .poll(() => looked(100))
      .toMatchObject({
        status: "warning",
        message: expect.stringContaining("forgotten, idle in transaction") as string,
      });
    expect(JSON.stringify(await looked(300_000))).not.toContain("forgotten");
  });

  test("a server that is away is a finding, soon", async () => {
    await using server = await startPostgres();
    const spine = await spineOn(postgres(server.url()), { worker: false });
    await server.halt();
    const start = performance.now();
    const { ok, checks } = await spine.diagnose();
    expect(ok).toBe(false);
    expect(problems(checks)).toEqual(["database error", "work error"]);
    expect(checks[0]?.data).toEqual({ code: "DATABASE_UNAVAILABLE" });
    expect(performance.now() - start).toBeLessThan(10_000);
    await server.start();
    await expect.poll(async () => (await spine.diagnose()).checks[0]?.status).toBe("ok");
    await spine.stop();
  });

  test("versions, clocks and connections by their figures", () => {
    expect(versionCheck("13.2", 130_002, 1)).toMatchObject({ status: "error" });
    expect(versionCheck("14.0", 140_000, 1)).toMatchObject({ status: "ok" });
    expect(clocksCheck(-0.2).data).toEqual({ differenceMs: 0 });
    expect([0, 999, -1_000, 59_999, -60_000].map((ms) => clocksCheck(ms).status)).toEqual([
      "ok",
      "ok",
      "warning",
      "warning",
      "error",
    ]);
    expect([80, 91, 100].map((used) => connectionsCheck(100, used).status)).toEqual([
      "ok",
      "warning",
      "error",
    ]);
  });
});

test("tables that lack a migration of this version", () => {
  const known = ["0001-first", "0002-second"].map((id) => ({ id, minReader: id, sql: () => id }));
  const applied = known
    .slice(0, 1)
    .map((each) => ({ id: each.id, checksum: checksumOf(each, ""), min_reader: each.id }));
  expect(schemaCheck(applied, known, "")).toMatchObject({
    status: "error",
    data: { missing: ["0002-second"] },
  });
});
