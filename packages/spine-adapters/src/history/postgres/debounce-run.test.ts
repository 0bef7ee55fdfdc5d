// A debounced start, with others who want the same run at the same moment.
import pg from "pg";
import { type CreateCommit, systemClock } from "spine-core";
import { createCommit } from "spine-core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { postgres } from "../../databases/postgres.ts";
import { createTestDatabase } from "../../testing/index.ts";
import type { PostgresHistoryStore } from "./postgres-history-store.ts";

let database: ReturnType<typeof postgres>;
let history: PostgresHistoryStore;
let other: pg.Client;

beforeEach(async () => {
  const url = await createTestDatabase();
  database = postgres(url);
  history = (await database.connect({ clock: systemClock })).history as PostgresHistoryStore;
  other = new pg.Client({ connectionString: url });
  await other.connect();
});
afterEach(async () => {
  await other.end();
  await database.close();
});

const push = () => createCommit({ availableAt: null, debounce: { key: "d", latest: null } });

async function blocked(): Promise<void> {
  await expect
    .poll(async () => {
      await other.query("SELECT pg_stat_clear_snapshot()");
      const waiting =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
      return (await other.query(waiting)).rowCount;
    })
    .toBe(1);
}

test("the run is claimed while a start wants to change it: that one makes another", async () => {
  const [first, second] = [push(), push()];
  await history.commit([first]);
  await other.query("BEGIN");
  // What a claim does, a moment before its commit.
  await other.query(
    `UPDATE spine.workflow_runs SET status = 'RUNNING', worker = 'w', available_at = NULL, debounce_key = NULL`,
  );
  const result = history.commit([second]);
  await blocked();
  await other.query("COMMIT");
  expect(await result).toEqual([{ result: "committed", version: 1 }]);
  expect((await history.get(second.run.runId))?.run.status).toBe("PENDING");
});

test("the run is made in a transaction that is undone while a start waits for it: that one makes another", async () => {
  const [first, second] = [push(), push()];
  await other.query("BEGIN");
  await history.createIn(other, [first]);
  const result = history.commit([second]);
  await blocked();
  await other.query("ROLLBACK");
  expect(await result).toEqual([{ result: "committed", version: 1 }]);
  await other.query("BEGIN");
  expect(await history.createIn(other, [push()])).toEqual([{ result: "debounced", runId: second.run.runId }]);
  await other.query("ROLLBACK");
  expect((await history.get(second.run.runId))?.run.version).toBe(1);
});

test("in a transaction of ours, together with others", async () => {
  const starts = [push(), push(), push()];
  const plain: CreateCommit = { ...push(), run: { ...push().run, debounce: null } };
  const [first] = starts;
  const results = await database.transaction((transaction) =>
    history.commit([...starts, plain], { transaction }),
  );
  const debounced = { result: "debounced", runId: first?.run.runId };
  expect(results).toEqual([
    { result: "committed", version: 1 },
    debounced,
    debounced,
    { result: "committed", version: 1 },
  ]);
  expect((await history.get(first?.run.runId ?? ""))?.run.version).toBe(3);
});

test("an id that is taken is refused, and not looked for again and again", async () => {
  const first = push();
  await history.commit([first]);
  const same: CreateCommit = { ...first, run: { ...first.run, debounce: { key: "e", latest: null } } };
  await expect(history.commit([same])).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });
  await other.query("BEGIN");
  await expect(history.createIn(other, [same])).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });
  await other.query("ROLLBACK");
});
