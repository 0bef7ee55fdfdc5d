// Who beats for a process, and what happens to those who do not.
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { postgresSettings } from "../../databases/postgres/postgres-options.ts";
import { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { createTestDatabase } from "../../testing/index.ts";
import { stateTables } from "../state-tables.ts";
import { beatStatement } from "./beat-statement.ts";
import { EXPIRY_MS, lockKeyOf, lockKeySql, lockText } from "./gone-workers.ts";
import { KeptConnection } from "./kept-connection.ts";
import { migrate } from "./migrate.ts";
import { ThreadBeats } from "./thread-beats.ts";
import { WorkerBeats } from "./worker-beats.ts";
import { registerOwners } from "./worker-register.ts";

/** A few beats. */
const SOON = { timeout: 5_000 };
const TABLES = stateTables('"spine".');

let url = "";
let admin: pg.Client;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  url = await createTestDatabase();
  admin = new pg.Client({ connectionString: url });
  await admin.connect();
  closing.push(() => admin.end());
  const pools = new PostgresPools(postgresSettings(url));
  closing.push(() => pools.close());
  await pools.inTransaction("write", (_, client) => migrate(client, "spine"));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function beatsOn(beating = true, more: Readonly<Record<string, unknown>> = {}) {
  const settings = postgresSettings(url);
  const pools = new PostgresPools({ ...settings, connection: { ...settings.connection, ...more } });
  const listening = new KeptConnection({ connect: (onLost) => pools.single("listen", onLost) });
  const news: number[] = [];
  const beats = new WorkerBeats({
    pools,
    tables: TABLES,
    listening,
    beating,
    onGone: () => news.push(Date.now()),
  });
  const close = async () => {
    await Promise.all([beats.close(), listening.close()]);
    await pools.close();
  };
  closing.push(close);
  return { beats, news, close };
}

async function rowOf(worker: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await admin.query("SELECT * FROM spine.workers WHERE worker_id = $1", [worker]);
  return rows[0] as Record<string, unknown> | undefined;
}

/** A worker in the register that has left a run. */
async function abandoned(worker: string, columns: Readonly<Record<string, string>>): Promise<void> {
  const all = { state: "'alive'", started_at: "now()", last_beat: "now()", ...columns };
  await admin.query(
    `INSERT INTO spine.workers (worker_id, ${Object.keys(all).join(", ")}) VALUES ($1, ${Object.values(all).join(", ")})`,
    [worker],
  );
  await admin.query(
    `INSERT INTO spine.workflow_runs (run_id, list_id, version, token, created_at, status, workflow_name, worker, fingerprint,
  params_hash, triggered_by, params)
VALUES (gen_random_uuid(), gen_random_uuid(), 1, 1, now(), 'RUNNING', 'demo', $1, 'f', 'h', 'test', '{}')`,
    [worker],
  );
}

describe("beats", () => {
  test("come from a thread, with what is known of the process", async () => {
    const { beats } = beatsOn();
    await beats.begin("w", null);
    expect(beats.by).toEqual({ by: "thread", whyMain: null });
    const first = await rowOf("w");
    expect(first).toMatchObject({ state: "alive", beats_by: "thread", pid: process.pid });
    await expect.poll(async () => (await rowOf("w"))?.last_beat, SOON).not.toEqual(first?.last_beat);
    expect((await rowOf("w"))?.started_at).toEqual(first?.started_at);
  });

  test("come from the main thread where no thread can be given what the host gave us", async () => {
    const { beats } = beatsOn(true, { uncloneable: () => {} });
    await beats.begin("w", null);
    expect(beats.by).toMatchObject({ by: "main", whyMain: expect.stringContaining("could not be cloned") });
    const first = await rowOf("w");
    expect(first).toMatchObject({ state: "alive", beats_by: "main" });
    await expect.poll(async () => (await rowOf("w"))?.last_beat, SOON).not.toEqual(first?.last_beat);
  });

  test("go on in the main thread when the thread ends", async () => {
    const threads: { terminate(): Promise<number> }[] = [];
    const catchThread = (thread: { terminate(): Promise<number> }) => threads.push(thread);
    process.on("worker", catchThread as never);
    const { beats } = beatsOn();
    await beats.begin("w", null);
    process.off("worker", catchThread as never);
    const thread = threads[0] ?? expect.unreachable("there is no thread");
    await thread.terminate();
    await expect.poll(async () => (await rowOf("w"))?.beats_by, SOON).toBe("main");
    expect(beats.by.by).toBe("main");
    const before = await rowOf("w");
    await expect.poll(async () => (await rowOf("w"))?.last_beat, SOON).not.toEqual(before?.last_beat);
    // The lock is held again: others do not take us for gone.
    const { beats: other } = beatsOn();
    await expect(other.begin("w", null)).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });
  });

  test("take both locks again when the thread ends while the server takes no connection", async () => {
    const threads: { terminate(): Promise<number> }[] = [];
    const catchThread = (thread: { terminate(): Promise<number> }) => threads.push(thread);
    process.on("worker", catchThread as never);
    const { beats } = beatsOn();
    await beats.begin("w", null);
    process.off("worker", catchThread as never);
    const key = lockKeyOf("spine", "w");
    const isFree = async () =>
      (await admin.query("SELECT pg_try_advisory_xact_lock($1::bigint) AS free", [key])).rows[0]
        .free as boolean;
    const other = new pg.Client({ connectionString: new URL("/postgres", url).href });
    await other.connect();
    closing.push(() => other.end());
    const name = new URL(url).pathname.slice(1);
    const allow = (whether: boolean) =>
      other.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS ${whether}`);
    await allow(false);
    await (threads[0] ?? expect.unreachable("there is no thread")).terminate();
    await expect.poll(isFree, SOON).toBe(true);
    await delay(300);
    await allow(true);
    await expect.poll(async () => (await rowOf("w"))?.beats_by, SOON).toBe("main");
    await expect.poll(isFree, SOON).toBe(false);
  });

  test("stop when the main thread does not answer, and go on when it does", async () => {
    const pools = new PostgresPools(postgresSettings(url));
    closing.push(() => pools.close());
    const beats = await ThreadBeats.start({
      plan: {
        config: pools.plainConfig("beat"),
        sql: beatStatement(TABLES),
        beater: { host: "here", pid: 1, by: "thread" },
        everyMs: 100,
        patience: 12,
      },
      report: () => {},
      onLost: () => {},
    });
    closing.push(() => beats.close());
    const lockKey = lockKeyOf("spine", "w");
    await beats.hold(lockKey);
    await beats.begin({ worker: "w", lockKey, startedAt: null });
    const { Worker } = await import("node:worker_threads");
    // Looks from another thread while this one is busy.
    const watcher = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
const pg = require(workerData.pg);
(async () => {
  const client = new pg.Client(workerData.url);
  await client.connect();
  parentPort.postMessage("ready");
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const { rows } = await client.query(
    "SELECT clock_timestamp() - last_beat > interval '700 ms' AS silent, pg_try_advisory_xact_lock($1::bigint) AS free FROM spine.workers",
    [workerData.lockKey]);
  await client.end();
  parentPort.postMessage(rows[0]);
})();`,
      {
        eval: true,
        execArgv: [],
        workerData: { url, lockKey, pg: new URL(import.meta.resolve("pg")).pathname },
      },
    );
    await once(watcher, "message");
    const seen = once(watcher, "message");
    const until = performance.now() + 3_500;
    while (performance.now() < until) Math.sqrt(2);
    expect((await seen)[0]).toEqual({ silent: true, free: true });
    const fresh = async () =>
      (
        await admin.query(
          "SELECT clock_timestamp() - last_beat < interval '300 ms' AS fresh FROM spine.workers",
        )
      ).rows[0].fresh as boolean;
    await expect.poll(fresh).toBe(true);
    const { rows } = await admin.query("SELECT pg_try_advisory_xact_lock($1::bigint) AS free", [lockKey]);
    expect(rows).toEqual([{ free: false }]);
  });

  test("do not keep a worker's name from others once it has left", async () => {
    const [{ beats: a }, { beats: b }] = [beatsOn(), beatsOn()];
    await a.begin("w", null);
    await a.end("w");
    await a.release("w");
    await b.begin("w", null);
    expect(b.own).toEqual(["w"]);
  });
});

describe("who is gone", () => {
  const key = (worker: string) => lockKeyOf("spine", worker);

  test("is told once, as long as runs of his are left", async () => {
    const { beats, news } = beatsOn();
    await beats.begin("me", null);
    expect(await beats.suspects("me")).toEqual([]);
    await abandoned("dead", { lock_key: key("dead"), beats_by: "'thread'" });
    await expect.poll(() => beats.suspects("me"), SOON).toEqual(["dead"]);
    await delay(2_600);
    expect(news).toHaveLength(1);
    await admin.query("UPDATE spine.workflow_runs SET worker = 'me'");
    await expect.poll(() => beats.suspects("me"), SOON).toEqual([]);
    expect(await rowOf("dead")).toMatchObject({ state: "gone", gone_at: expect.any(Date) });
  });

  test("is who has neither of his locks, or has not beaten for too long", async () => {
    const { beats } = beatsOn(false);
    const late = `clock_timestamp() - interval '${EXPIRY_MS + 100} milliseconds'`;
    const soon = `clock_timestamp() - interval '${EXPIRY_MS - 2_000} milliseconds'`;
    await abandoned("no-locks", { lock_key: key("no-locks"), beats_by: "'thread'" });
    await abandoned("first", { lock_key: key("first"), beats_by: "'thread'" });
    await abandoned("second", { lock_key: key("second"), beats_by: "'thread'" });
    await abandoned("never-beats", { lock_key: key("never-beats"), last_beat: late });
    await abandoned("pooled", { beats_by: "'thread'", last_beat: soon });
    await abandoned("pooled-late", { beats_by: "'thread'", last_beat: late });
    await admin.query("SELECT pg_advisory_lock($1::bigint), pg_advisory_lock($2::bigint + 1)", [
      key("first"),
      key("second"),
    ]);
    await admin.query("SELECT pg_advisory_lock($1::bigint), pg_advisory_lock($1::bigint + 1)", [
      key("never-beats"),
    ]);
    const { rows } = await admin.query(
      "SELECT clock_timestamp() - pg_postmaster_start_time() > interval '17 s' AS long_up",
    );
    // Within the first seconds of a server, nobody is late.
    const expected = rows[0].long_up ? ["no-locks", "pooled-late"] : ["no-locks"];
    expect([...(await beats.suspects("me"))].sort()).toEqual(expected);
  });

  test("is not asked by locks of those who were there before the server started", async () => {
    const { beats } = beatsOn(false);
    await abandoned("before", {
      lock_key: key("before"),
      last_beat: "pg_postmaster_start_time() - interval '1 ms'",
    });
    const { rows } = await admin.query(
      "SELECT clock_timestamp() - pg_postmaster_start_time() > interval '10 s' AS is_old",
    );
    expect(await beats.suspects("me")).toEqual(rows[0].is_old ? ["before"] : []);
  });

  test("is found though he is in no register", async () => {
    const { beats } = beatsOn();
    await beats.begin("me", null);
    await abandoned("unknown", {});
    await admin.query("DELETE FROM spine.workers WHERE worker_id = 'unknown'");
    const query = async (sql: string, values: readonly unknown[] = []) =>
      (await admin.query(sql, [...values])).rows as never;
    const scope = { own: beats.own, lockPrefix: beats.lockPrefix, at: null };
    expect(await registerOwners(query, TABLES, scope)).toBe(1);
    expect(await registerOwners(query, TABLES, scope)).toBe(0);
    await expect.poll(() => beats.suspects("me"), { timeout: 2_000 }).toEqual(["unknown"]);
  });

  test("has the same number in the database as here", async () => {
    for (const worker of ["w", "Wörker 7", "", "x".repeat(500)]) {
      const { rows } = await admin.query(`SELECT ${lockKeySql("$1::text", "$2::text")}::text AS key`, [
        lockText("spine"),
        worker,
      ]);
      expect(rows).toEqual([{ key: key(worker) }]);
    }
  });
});
