// Who is alive, and who takes over from whom, with real processes and servers. The tests wait most of their time, so they
// run side by side, each in a database of its own.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { type ClaimedRun, type Hint, systemClock } from "spine-core";
import { describe, expect, type TestContext, test } from "vitest";
import { postgres } from "../../databases/postgres.ts";
import { createTestDatabase } from "../../testing/index.ts";
import { startPostgres } from "../../testing/postgres-server.ts";

const WORKER = join(import.meta.dirname, "../../testing/postgres-worker-process.ts");

/** Advisory locks, beside the number of those that the worker "cut" should have. */
const LOCKS_OF_CUT = `SELECT l.pid, (classid::bigint << 32) | objid::bigint AS key, w.lock_key
FROM pg_locks l, spine.workers w
WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND w.worker_id = 'cut'`;

type Finished = TestContext["onTestFinished"];

interface WorkerProcess {
  readonly child: ChildProcess;
  readonly ask: (message: string) => Promise<string>;
}

async function workerProcess(url: string, name: string, finished: Finished): Promise<WorkerProcess> {
  const child = fork(WORKER, [url, name], { execArgv: ["--conditions=spine-source", "--no-warnings"] });
  finished(() => {
    child.kill("SIGKILL");
  });
  await once(child, "message");
  const ask = async (message: string) => {
    const answer = once(child, "message");
    child.send(message);
    return (await answer)[0] as string;
  };
  return { child, ask };
}

interface Heir {
  readonly hints: Hint[];
  /** What it has taken over so far. */
  readonly taken: ClaimedRun[];
  /** Claims until there is something. */
  readonly waitForRun: () => Promise<ClaimedRun>;
}

/** Another worker, which claims whenever it is told that there is work, and never else: nobody polls here. */
async function heir(url: string, finished: Finished): Promise<Heir> {
  const database = postgres(url);
  finished(() => database.close());
  const { history, hints } = await database.connect({ clock: systemClock });
  const heard: Hint[] = [];
  const taken: ClaimedRun[] = [];
  let looking = Promise.resolve();
  const look = async () => {
    const { runs } = await history.claim({ worker: "heir", workflows: ["demo"], limit: 10 });
    taken.push(...runs);
  };
  await hints.listen((hint) => {
    heard.push(hint);
    if (hint.work) looking = looking.then(look, look);
  });
  await history.beat("heir", "alive");
  await look();
  const waitForRun = async () => {
    while (!taken[0]) await delay(5);
    return taken[0];
  };
  return { hints: heard, taken, waitForRun };
}

async function client(url: string, finished: Finished): Promise<pg.Client> {
  const connected = new pg.Client({ connectionString: url });
  connected.on("error", () => {});
  await connected.connect();
  finished(() => connected.end());
  return connected;
}

async function workerRow(on: pg.Client, worker: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await on.query<Record<string, unknown>>(
    "SELECT *, clock_timestamp() - last_beat < interval '3 s' AS fresh FROM spine.workers WHERE worker_id = $1",
    [worker],
  );
  return rows[0];
}

describe.concurrent("a worker process", () => {
  test("that is killed is noticed within two seconds, by whoever is told so", async ({
    onTestFinished: finished,
  }) => {
    const url = await createTestDatabase();
    const { child, ask } = await workerProcess(url, "victim", finished);
    const { taken, waitForRun } = await heir(url, finished);
    const runId = await ask("start");
    await delay(1_500);
    expect(taken).toEqual([]);
    const since = performance.now();
    child.kill("SIGKILL");
    const { run } = await waitForRun();
    const took = performance.now() - since;
    expect(run).toMatchObject({ runId, crashes: 1, worker: "heir" });
    expect(took).toBeLessThan(2_000);
    // Nothing of it is left: it is marked, and nobody asks for its locks any more.
    const on = await client(url, finished);
    await expect.poll(async () => (await workerRow(on, "victim"))?.state, { timeout: 5_000 }).toBe("gone");
  });

  test("that leaves gives its runs away at once, and says so", async ({ onTestFinished: finished }) => {
    const url = await createTestDatabase();
    const { ask } = await workerProcess(url, "leaving", finished);
    const { waitForRun } = await heir(url, finished);
    const runId = await ask("start");
    const since = performance.now();
    expect(await ask("leave")).toBe("left");
    const { run } = await waitForRun();
    const took = performance.now() - since;
    expect(run).toMatchObject({ runId, crashes: 0, worker: "heir" });
    expect(took).toBeLessThan(1_000);
    // No beat of it comes after that.
    const on = await client(url, finished);
    const left = await workerRow(on, "leaving");
    await delay(2_000);
    const { last_beat, state } = (await workerRow(on, "leaving")) ?? {};
    expect({ last_beat, state }).toEqual({ last_beat: left?.last_beat, state: "gone" });
  });

  test("that is stopped is gone after 6 seconds; when it goes on it lives, and its writes are refused", async ({
    onTestFinished: finished,
  }) => {
    const url = await createTestDatabase();
    const { child, ask } = await workerProcess(url, "sleeper", finished);
    const { taken, waitForRun } = await heir(url, finished);
    const runId = await ask("start");
    // For 10 s after its start a server counts nobody's silence.
    const on = await client(url, finished);
    const young = "SELECT clock_timestamp() < pg_postmaster_start_time() + interval '10 s' AS young";
    while ((await on.query<{ young: boolean }>(young)).rows[0]?.young) await delay(100);
    const since = performance.now();
    child.kill("SIGSTOP");
    await delay(4_500);
    expect(taken).toEqual([]);
    const { run } = await waitForRun();
    const took = performance.now() - since;
    expect(run).toMatchObject({ runId, crashes: 1, worker: "heir" });
    expect(took).toBeLessThan(10_000);
    await expect.poll(async () => (await workerRow(on, "sleeper"))?.state, { timeout: 5_000 }).toBe("gone");
    child.kill("SIGCONT");
    expect(await ask(`end ${runId}`)).toBe("fenced");
    await expect
      .poll(async () => await workerRow(on, "sleeper"), { timeout: 5_000 })
      .toMatchObject({ state: "alive", gone_at: null, fresh: true });
    // It works again like any other.
    await ask("start");
    await delay(2_000);
    expect(taken).toHaveLength(1);
  });

  test("whose main thread is busy for 15 seconds loses nothing", async ({ onTestFinished: finished }) => {
    const url = await createTestDatabase();
    const { ask } = await workerProcess(url, "busy", finished);
    const { taken } = await heir(url, finished);
    const on = await client(url, finished);
    const runId = await ask("start");
    expect(await workerRow(on, "busy")).toMatchObject({ beats_by: "thread", host: expect.any(String) });
    expect(await ask("block 15000")).toBe("blocked");
    expect(await workerRow(on, "busy")).toMatchObject({ state: "alive", fresh: true });
    expect(taken).toEqual([]);
    expect(await ask(`end ${runId}`)).toBe("committed");
  });

  for (const [lock, name] of ["beats", "hints"].entries()) {
    test(`whose connection for ${name} breaks again and again loses nothing`, async ({
      onTestFinished: finished,
    }) => {
      const url = await createTestDatabase();
      const { ask } = await workerProcess(url, "cut", finished);
      const on = await client(url, finished);
      const { taken } = await heir(url, finished);
      const runId = await ask("start");
      for (let round = 0; round < 3; round += 1) {
        const { rows } = await on.query(
          `SELECT pg_terminate_backend(pid) AS ended FROM (${LOCKS_OF_CUT}) AS locks WHERE key = lock_key + $1`,
          [lock],
        );
        expect(rows).toEqual([{ ended: true }]);
        await delay(1_400);
      }
      expect(taken).toEqual([]);
      // Both locks are held again, on two connections.
      const { rows } = await on.query(
        `SELECT count(*)::int AS locks, count(DISTINCT pid)::int AS sessions FROM (${LOCKS_OF_CUT}) AS locks
WHERE key IN (lock_key, lock_key + 1)`,
      );
      expect(rows).toEqual([{ locks: 2, sessions: 2 }]);
      expect(await ask(`end ${runId}`)).toBe("committed");
    });
  }

  test("loses nothing when the server crashes and is away for 8 seconds", async ({
    onTestFinished: finished,
  }) => {
    const server = await startPostgres();
    finished(() => server.stop());
    const url = server.url();
    const { ask } = await workerProcess(url, "waiting", finished);
    const { taken, hints } = await heir(url, finished);
    const runId = await ask("start");
    // One that is not back as soon as the others: its locks went with the server, and nothing is proven by that.
    const holder = await client(url, finished);
    await holder.query("SELECT pg_advisory_lock(2), pg_advisory_lock(3)");
    await holder.query(`INSERT INTO spine.workers (worker_id, lock_key, state, started_at, last_beat, beats_by)
VALUES ('slow', 2, 'alive', now(), now(), 'thread')`);
    await holder.query(`INSERT INTO spine.workflow_runs (run_id, list_id, version, token, created_at, status, workflow_name, worker,
  fingerprint, params_hash, triggered_by, params)
VALUES (gen_random_uuid(), gen_random_uuid(), 1, 1, now(), 'RUNNING', 'demo', 'slow', 'f', 'h', 'test', '{}')`);
    await delay(1_500);
    await server.halt("immediate");
    await delay(8_000);
    hints.length = 0;
    await server.start();
    await delay(6_000);
    expect(taken).toEqual([]);
    expect(hints).toContainEqual({ work: true, changed: "any" });
    const on = await client(url, finished);
    expect(await workerRow(on, "waiting")).toMatchObject({ state: "alive", fresh: true });
    expect(await ask(`end ${runId}`)).toBe("committed");
  });

  test("asks less than one statement a second while it has nothing to do", async ({
    onTestFinished: finished,
  }) => {
    const url = await createTestDatabase();
    const on = await client(url, finished);
    await on.query("CREATE EXTENSION pg_stat_statements");
    const { ask } = await workerProcess(url, "idle", finished);
    await ask("start");
    const count = async () => {
      const { rows } = await on.query<{ calls: number }>(
        `SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND query NOT LIKE '%pg_stat_statements%'`,
      );
      return rows[0]?.calls ?? 0;
    };
    await delay(2_500);
    const before = await count();
    const since = performance.now();
    await delay(12_000);
    const perSecond = ((await count()) - before) / ((performance.now() - since) / 1_000);
    expect(perSecond).toBeLessThan(1);
    expect(perSecond).toBeGreaterThan(0.5);
  });
});
