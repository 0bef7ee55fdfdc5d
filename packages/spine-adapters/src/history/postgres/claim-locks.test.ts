// Who waits for whom, with another session in the middle of something.
import pg from "pg";
import { type StateStores, systemClock } from "spine-core";
import { createCommit } from "spine-core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { postgres } from "../../databases/postgres.ts";
import { createTestDatabase } from "../../testing/index.ts";

const WAITING =
  "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
const PATIENT = { timeout: 10_000 };
let client: pg.Client;
let stores: StateStores;
let close: () => Promise<void>;

beforeEach(async () => {
  const url = await createTestDatabase();
  const database = postgres(url);
  stores = await database.connect({ clock: systemClock });
  close = () => database.close();
  client = new pg.Client({ connectionString: url });
  await client.connect();
  await stores.history.beat("w", "alive");
});
afterEach(async () => {
  await client.end();
  await close();
});

async function enqueue(queue: string | null): Promise<string> {
  const commit = createCommit({ queue });
  await stores.history.commit([commit]);
  return commit.run.runId;
}

const claim = async () => {
  const { runs, nextAt } = await stores.history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
  return { ids: runs.map(({ run }) => run.runId), nextAt };
};

/** What another claim that is under way has done: it holds the queue, and nobody sees its run at work yet. */
async function beginAsAnother(runId: string): Promise<void> {
  await client.query("BEGIN");
  await client.query("SELECT FROM spine.queues WHERE name = 'q' FOR UPDATE");
  await client.query(
    "UPDATE spine.workflow_runs SET status = 'RUNNING', worker = 'v', available_at = NULL WHERE run_id = $1",
    [runId],
  );
}

test("a claim from a queue with limits waits for one that is under way, and counts what that one took", async () => {
  await stores.queues.set("q", { concurrency: 1 });
  await enqueue("q");
  const second = await enqueue("q");
  await beginAsAnother(second);
  let isOver = false;
  const claiming = claim().finally(() => {
    isOver = true;
  });
  await expect.poll(async () => isOver || (await client.query(WAITING)).rowCount === 1, PATIENT).toBe(true);
  expect(isOver).toBe(false);
  await client.query("COMMIT");
  expect(await claiming).toEqual({ ids: [], nextAt: null });
});

test("a claim waits for no queue of which it can take nothing, and for no run that somebody holds", async () => {
  await stores.queues.set("q", { concurrency: 1 });
  await enqueue("q");
  expect((await claim()).ids).toHaveLength(1);
  await enqueue("q");
  const held = await enqueue(null);
  const free = await enqueue(null);
  await client.query("BEGIN");
  await client.query("SELECT FROM spine.queues WHERE name = 'q' FOR UPDATE");
  await client.query("SELECT FROM spine.workflow_runs WHERE run_id = $1 FOR UPDATE", [held]);
  // One at a time is planned for each place: the other one is found behind the one that is held.
  const claimed = await claim();
  expect(claimed.ids).toEqual([free]);
  // It is looked again at once for the one that may be free by then.
  expect(claimed.nextAt).toBe(0);
  await client.query("COMMIT");
  expect((await claim()).ids).toEqual([held]);
});

test("a claim that is kept from going on lets go of its queues after a while", async () => {
  await stores.queues.set("q", { concurrency: 1 });
  const runId = await enqueue("q");
  await client.query("BEGIN");
  await client.query("SELECT FROM spine.queues WHERE name = 'q' FOR UPDATE");
  const claiming = claim();
  const waiting =
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  await expect.poll(async () => (await client.query(waiting)).rowCount).toBe(1);
  await client.query("COMMIT");
  // This thread does nothing for longer than a claim may take, as a step without an end in sight would do it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
  // What the server has refused meanwhile is done again.
  expect((await claiming).ids).toEqual([runId]);
  expect((await stores.queues.get("q"))?.running).toBe(1);
  const ended = "SELECT sessions_fatal::int4 AS n FROM pg_stat_database WHERE datname = current_database()";
  await expect.poll(async () => (await client.query(ended)).rows[0].n, PATIENT).toBe(1);
});
