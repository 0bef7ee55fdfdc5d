// How processes on one Postgres tell each other that it is worth looking. Each `process` here has pools of its own.
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { type Hint, type Hints, newId, type StateStores, systemClock } from "spine-core";
import { createCommit, stepBegin } from "spine-core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { postgres } from "../../databases/postgres.ts";
import { createTestDatabase } from "../../testing/index.ts";
import { transactionPooler } from "../../testing/transaction-pooler.ts";

let url = "";
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  url = await createTestDatabase();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Process {
  readonly stores: StateStores;
  readonly hints: Hints;
  /** What it was told. */
  readonly told: Hint[];
  readonly close: () => Promise<void>;
}

async function open(at: string | Parameters<typeof postgres>[0] = url): Promise<Process> {
  const database = postgres(at);
  const close = () => database.close();
  closing.push(close);
  const stores = await database.connect({ clock: systemClock });
  const told: Hint[] = [];
  return { stores, hints: stores.hints, told, close };
}

async function listening(at?: Parameters<typeof postgres>[0]): Promise<Process> {
  const opened = await open(at);
  await opened.hints.listen((hint) => opened.told.push(hint));
  return opened;
}

async function client(): Promise<pg.Client> {
  const connected = new pg.Client({ connectionString: url });
  await connected.connect();
  closing.push(() => connected.end());
  return connected;
}

/** Texts that were sent on the channel, from now on. */
async function overhear(schema = "spine"): Promise<readonly string[]> {
  const ear = await client();
  const texts: string[] = [];
  ear.on("notification", ({ payload = "" }) => texts.push(payload));
  await ear.query(`LISTEN "spine_${schema}"`);
  return texts;
}

/** Until everything that was told before has arrived. */
async function settled(): Promise<void> {
  await delay(300);
}

const all = (told: readonly Hint[]) =>
  told.flatMap(({ changed }) => (Array.isArray(changed) ? (changed as readonly string[]) : []));

describe("hints", () => {
  test("reach the other processes, and not the one that told them", async () => {
    const [a, b, c] = [await listening(), await listening(), await listening()];
    a.hints.tell({ work: true });
    a.hints.tell({ taken: ["r1"] });
    await expect
      .poll(() => [b.told, c.told])
      .toEqual([[{ work: true, taken: ["r1"] }], [{ work: true, taken: ["r1"] }]]);
    expect(a.told).toEqual([]);
  });

  test("stay within their schema", async () => {
    const [a, b] = [await listening(), await listening({ url, schema: "other" })];
    const c = await listening();
    a.hints.tell({ work: true });
    await expect.poll(() => c.told).toEqual([{ work: true }]);
    expect(b.told).toEqual([]);
  });

  test("of a moment are one statement", async () => {
    const [a, b] = [await listening(), await listening()];
    await settled();
    const texts = await overhear();
    for (let count = 0; count < 500; count += 1) a.hints.tell({ work: true, taken: [`r${count % 10}`] });
    await expect.poll(() => b.told.length).toBe(1);
    expect(new Set(b.told[0]?.taken)).toEqual(new Set(Array.from({ length: 10 }, (_, index) => `r${index}`)));
    await settled();
    expect(texts).toHaveLength(1);
  });

  test("are at most one statement per 5 ms", async () => {
    const admin = await client();
    await admin.query("CREATE EXTENSION pg_stat_statements");
    const [a] = [await listening(), await listening()];
    await settled();
    const count = async () =>
      Number(
        (
          await admin.query(
            `SELECT coalesce(sum(calls), 0) AS calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND query LIKE '%pg_notify%' AND query NOT LIKE '%pg_stat%'`,
          )
        ).rows[0].calls,
      );
    const before = await count();
    const since = performance.now();
    while (performance.now() - since < 500) {
      a?.hints.tell({ work: true });
      await delay(1);
    }
    const took = performance.now() - since;
    await settled();
    expect((await count()) - before).toBeLessThanOrEqual(took / 5 + 1);
  });

  test("of many runs arrive whole, however long they are", async () => {
    const [a, b] = [await listening(), await listening()];
    b.hints.follow(true);
    await settled();
    const [changed, taken] = [Array.from({ length: 1_000 }, newId), Array.from({ length: 700 }, newId)];
    a.hints.tell({ work: true, changed, taken });
    await expect.poll(() => all(b.told).length).toBe(1_000);
    await settled();
    expect(new Set(all(b.told))).toEqual(new Set(changed));
    expect(new Set(b.told.flatMap((hint) => hint.taken ?? []))).toEqual(new Set(taken));
    expect(b.told.filter(({ work }) => work)).toHaveLength(1);
    // More than that is not worth naming.
    a.hints.tell({ changed: Array.from({ length: 5_000 }, newId) });
    await expect.poll(() => b.told.at(-1)).toEqual({ changed: "any" });
  });

  test("that are told just before the end still arrive", async () => {
    const [a, b] = [await listening(), await listening()];
    a.hints.tell({ work: true });
    await a.close();
    await expect.poll(() => b.told).toEqual([{ work: true }]);
    expect(() => a.hints.tell({ work: true })).not.toThrow();
  });

  test("of anybody else on the channel do no harm", async () => {
    const b = await listening();
    const admin = await client();
    await admin.query("SELECT pg_notify('spine_spine', text) FROM unnest($1::text[]) AS text", [
      ["", "null", "7", "{}", "no json", '{"from":"x"}'],
    ]);
    await admin.query(`SELECT pg_notify('spine_spine', '{"from":"x","work":true}')`);
    await expect.poll(() => b.told).toEqual([{ work: true }]);
  });
});

describe("which runs changed", () => {
  test("is told only while somebody follows", async () => {
    const [a, b] = [await listening(), await listening()];
    await settled();
    const texts = await overhear();
    a.hints.tell({ changed: ["r1"] });
    await settled();
    expect([texts, b.told]).toEqual([[], []]);
    b.hints.follow(true);
    // It begins with what changed just now, because b may have looked before that.
    await expect.poll(() => b.told).toEqual([{ changed: ["r1"] }]);
    a.hints.tell({ changed: ["r2"] });
    await expect.poll(() => all(b.told)).toEqual(["r1", "r2"]);
    b.hints.follow(false);
    await settled();
    const before = texts.length;
    a.hints.tell({ changed: ["r3"] });
    await settled();
    expect(texts.slice(before)).toEqual([]);
    expect(all(b.told)).toEqual(["r1", "r2"]);
  });

  test("is not told to those who do not follow", async () => {
    const [a, b, c] = [await listening(), await listening(), await listening()];
    b.hints.follow(true);
    await settled();
    a.hints.tell({ changed: ["r1"], work: true });
    await expect.poll(() => b.told).toEqual([{ changed: ["r1"], work: true }]);
    await expect.poll(() => c.told).toEqual([{ work: true }]);
  });

  test("is told by a process that came after its followers", async () => {
    const b = await listening();
    b.hints.follow(true);
    await settled();
    const late = await listening();
    await settled();
    late.hints.tell({ changed: ["r1"] });
    await expect.poll(() => all(b.told)).toEqual(["r1"]);
  });

  test("is told again when the connection of a follower, or of him who tells, was lost", async () => {
    const [a, b] = [await listening(), await listening()];
    b.hints.follow(true);
    await settled();
    const admin = await client();
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'spine-listen'",
    );
    // Both were told nothing for a while.
    await expect
      .poll(() => [a.told, b.told])
      .toEqual([[{ work: true, changed: "any" }], [{ work: true, changed: "any" }]]);
    await settled();
    a.hints.tell({ changed: ["r1"] });
    await expect.poll(() => all(b.told)).toEqual(["r1"]);
  });
});

describe("how often to look", () => {
  test("is seldom while LISTEN is proven to work, and often while its connection is lost", async () => {
    const a = await open();
    expect(a.hints.pollMs).toBe(200);
    await a.hints.listen(() => {});
    await expect.poll(() => a.hints.pollMs).toBe(5_000);
    const admin = await client();
    const { pathname } = new URL(url);
    const outside = new pg.Client({ connectionString: url.replace(pathname, "/postgres") });
    await outside.connect();
    closing.push(() => outside.end());
    const allow = (allowed: boolean) =>
      outside.query(`ALTER DATABASE ${pathname.slice(1)} ALLOW_CONNECTIONS ${allowed}`);
    await allow(false);
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'spine-listen'",
    );
    await expect.poll(() => a.hints.pollMs).toBe(200);
    await allow(true);
    await expect.poll(() => a.hints.pollMs).toBe(5_000);
  });

  test("is often where nobody listens", async () => {
    const a = await open();
    a.hints.tell({ work: true });
    expect(a.hints.pollMs).toBe(200);
  });
});

describe("behind a pooler that shares sessions", () => {
  test("it is found, and everything works without sessions", async () => {
    await using pooler = await transactionPooler(Number(new URL(url).port), { most: 3 });
    const through = url.replace(/:\d+\//, `:${pooler.port}/`);
    const [a, b] = [await listening(through), await listening(through)];
    await a.stores.history.beat("a", "alive");
    await b.stores.history.beat("b", "alive");
    expect([a.hints.pollMs, b.hints.pollMs]).toEqual([200, 200]);
    const admin = await client();
    const { rows } = await admin.query(
      "SELECT worker_id, lock_key, beats_by, state FROM spine.workers ORDER BY worker_id",
    );
    expect(rows).toEqual([
      { worker_id: "a", lock_key: null, beats_by: "thread", state: "alive" },
      { worker_id: "b", lock_key: null, beats_by: "thread", state: "alive" },
    ]);
    const locks = await admin.query(
      "SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    expect(locks.rows).toEqual([{ n: 0 }]);
    // Statements of two processes on the same few sessions, again and again.
    const run = (worker: string) => queued(worker);
    await Promise.all(
      [a, b].flatMap(({ stores }, index) =>
        Array.from({ length: 20 }, async () => {
          await stores.history.commit([run(index === 0 ? "a" : "b")]);
        }),
      ),
    );
    await a.stores.history.beat("a", "gone");
    const claimed = await b.stores.history.claim({ worker: "b", workflows: ["demo"], limit: 50 });
    expect(claimed.runs).toHaveLength(20);
    expect(a.told).toEqual([]);
    expect(pooler.sessions).toBeLessThanOrEqual(3);
  });

  test("a name is free again when the beats of whoever had it are too old, and not before", async () => {
    await using pooler = await transactionPooler(Number(new URL(url).port), { most: 3 });
    const a = await open(url.replace(/:\d+\//, `:${pooler.port}/`));
    const admin = await client();
    const beat = (worker: string) =>
      admin.query(
        `INSERT INTO spine.workers (worker_id, state, host, pid, started_at, last_beat, beats_by)
VALUES ($1, 'alive', 'elsewhere', 1, now(), clock_timestamp(), 'thread')
ON CONFLICT (worker_id) DO UPDATE SET last_beat = clock_timestamp()`,
        [worker],
      );
    await beat("living");
    const beating = setInterval(() => void beat("living"), 1_000);
    try {
      await expect(a.stores.history.beat("living", "alive")).rejects.toMatchObject({
        code: "HISTORY_CONFLICT",
      });
    } finally {
      clearInterval(beating);
    }
    await admin.query(
      "UPDATE spine.workers SET last_beat = pg_postmaster_start_time() - interval '1 h', beats_by = 'thread'",
    );
    // A server that has just been started gives everybody more time.
    await expect
      .poll(() => a.stores.history.beat("living", "alive").then(() => "ours"), { timeout: 20_000 })
      .toBe("ours");
  });

  test("one that only loses notifications is found because we do not hear ourselves", async () => {
    await using pooler = await transactionPooler(Number(new URL(url).port), { sticks: true });
    const a = await listening(url.replace(/:\d+\//, `:${pooler.port}/`));
    await a.stores.history.beat("a", "alive");
    const admin = await client();
    const key = async () => (await admin.query("SELECT lock_key FROM spine.workers")).rows[0]?.lock_key;
    expect(await key()).not.toBeNull();
    await expect.poll(key, { timeout: 6_000 }).toBeNull();
    expect(a.hints.pollMs).toBe(200);
    await a.stores.history.commit([queued("a")]);
    await a.stores.history.beat("a", "gone");
  });
});

test("a process that does everything at once has at most ten connections", async () => {
  const database = postgres(url);
  closing.push(() => database.close());
  const { history, hints, datasets } = await database.connect({ clock: systemClock });
  await hints.listen(() => {});
  await history.beat("a", "alive");
  const many = <T>(work: () => Promise<T>) => Promise.all(Array.from({ length: 20 }, work));
  await Promise.all([
    many(async () => {
      // Not all at once: both connections for writing are to be busy.
      for (let left = 5; left > 0; left -= 1) {
        await delay(Math.random() * 5);
        await history.commit([queued("a")]);
      }
    }),
    many(() => history.get(newId())),
    many(() => history.claim({ worker: "a", workflows: ["none"], limit: 1 })),
    many(() => datasets.open({ runId: newId(), step: "s", token: 1 })),
    many(() => database.kysely.selectFrom("pg_class").select("oid").limit(1).execute()),
    many(async () => hints.tell({ work: true })),
  ]);
  const admin = await client();
  const { rows } = await admin.query<{ name: string; n: number }>(
    `SELECT application_name AS name, count(*)::int AS n FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'spine%' GROUP BY 1`,
  );
  const counts = Object.fromEntries(rows.map(({ name, n }) => [name, n]));
  expect(counts).toMatchObject({ "spine-beat": 1, "spine-listen": 1, "spine-flush": 2 });
  expect(Object.values(counts).reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(10);
});

/** A run that a worker has begun. */
const queued = (worker: string) => createCommit({ worker }, [stepBegin("first")]);
