// What a claim reads, as the server itself counts it: what cannot be let in may be as much as it likes.
import pg from "pg";
import { type StateStores, systemClock } from "spine-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgres } from "../../databases/postgres.ts";
import { createTestDatabase } from "../../testing/index.ts";

let url: string;
let client: pg.Client;

beforeAll(async () => {
  url = await createTestDatabase();
  await onStores(async ({ queues }) => {
    await queues.set("keyed", { keyConcurrency: 1 });
    await queues.set("rated", { rateLimit: { runs: 1, periodMs: 86_400_000 } });
    await queues.set("full", { concurrency: 1 });
    await queues.set("paused", { paused: true });
  });
  client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("ALTER TABLE spine.workflow_runs SET (autovacuum_enabled = false)");
});
afterAll(() => client.end());

test("claims read what they take, however much waits in front of it", async () => {
  await insert({ queue: "keyed", key: "a", rank: 1 }, 1);
  await insert({ queue: "rated" }, 1);
  await insert({ queue: "full" }, 1);
  await claim();
  await crowd(500);
  const some = await claimThree();
  await crowd(9_500);
  const many = await claimThree();
  // A deeper tree, but not more of what waits.
  expect(many.blocks, `${some.blocks} with few`).toBeLessThan(some.blocks + 150);
  expect(many.entries, `${some.entries} with few`).toBeLessThan(some.entries + 50);
});

/** Delayed, unknown, of a full key, of a full queue, beyond a rate, and paused: all of it before what may begin. */
async function crowd(count: number): Promise<void> {
  await insert({ queue: "", at: "now() + interval '1 day'" }, count);
  await insert({ queue: "keyed", at: "now() + interval '1 day'" }, count);
  await insert({ queue: "", workflow: "unknown", rank: -400 }, count);
  await insert({ queue: "keyed", key: "a", rank: -399 }, count);
  await insert({ queue: "full", rank: -400 }, count);
  await insert({ queue: "rated", rank: -400 }, count);
  await insert({ queue: "paused", rank: -400 }, count);
  await client.query("VACUUM ANALYZE spine.workflow_runs");
}

/** Claims one run without a queue and two of a queue with limits, behind all that waits. */
async function claimThree(): Promise<{ readonly blocks: number; readonly entries: number }> {
  await insert({ queue: "" }, 1);
  await insert({ queue: "keyed", key: "b", rank: 1 }, 1);
  await insert({ queue: "keyed", rank: 2 }, 1);
  const before = await counters();
  expect(await claim()).toBe(3);
  const after = await counters();
  await client.query("UPDATE spine.workflow_runs SET status = 'COMPLETED' WHERE concurrency_key = 'b'");
  return { blocks: after.blocks - before.blocks, entries: after.entries - before.entries };
}

async function claim(): Promise<number> {
  return await onStores(async ({ history }) => {
    await history.beat("w", "alive");
    const { runs } = await history.claim({ worker: "w", workflows: ["demo", "other"], limit: 10 });
    return runs.length;
  });
}

/** The statistics of a connection are there once it is closed. */
async function onStores<T>(work: (stores: StateStores) => Promise<T>): Promise<T> {
  const database = postgres(url);
  try {
    return await work(await database.connect({ clock: systemClock }));
  } finally {
    await database.close();
  }
}

async function counters(): Promise<{ readonly blocks: number; readonly entries: number }> {
  // A backend that ends tells its statistics a moment after the client has gone.
  const others =
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
  await expect.poll(async () => (await client.query(others)).rowCount, { timeout: 10_000 }).toBe(0);
  await client.query("SELECT pg_stat_force_next_flush()");
  await client.query("SELECT pg_stat_clear_snapshot()");
  const { rows } = await client.query(`SELECT
  (SELECT sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0) + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))
   FROM pg_statio_user_tables WHERE schemaname = 'spine') AS blocks,
  (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'spine') AS entries`);
  return { blocks: Number(rows[0].blocks), entries: Number(rows[0].entries) };
}

interface Crowd {
  readonly queue: string;
  readonly workflow?: string;
  readonly key?: string;
  readonly rank?: number;
  readonly at?: string;
}

async function insert(crowd: Crowd, count: number): Promise<void> {
  const { queue, workflow = "demo", key = null, rank = 0, at = "now() - interval '1 hour'" } = crowd;
  await client.query(
    `INSERT INTO spine.workflow_runs (run_id, list_id, version, token, created_at, available_at, status, workflow_name, queue,
  concurrency_key, rank, fingerprint, params, params_hash, triggered_by)
SELECT gen_random_uuid(), gen_random_uuid(), 1, 1, now(), ${at}, 'PENDING', $1, $2, $3, $4, 'f', '{}', 'h', 'test'
FROM generate_series(1, $5::int4)`,
    [workflow, queue, key, rank, count],
  );
}
