// What a claim reads: what cannot be let in may be as much as it likes.
import { newId, systemClock } from "spine-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWriter } from "../../databases/sqlite/open-sqlite.ts";
import type { SqliteConnection, SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { stateTables } from "../state-tables.ts";
import { migrate } from "./migrate.ts";
import { planClaim } from "./plan-claim.ts";

const CROWD = 10_000;
const tables = stateTables("");
const PAST = "2026-01-05T09:00:00.000Z";
const FUTURE = "9000-01-05T09:00:00.000Z";
let connection: SqliteConnection;

beforeEach(async () => {
  connection = await openWriter(":memory:", { durability: "process" });
  migrate(connection, tables, systemClock.now());
  const queue = (name: string, columns: string, values: string) =>
    connection.run(
      `INSERT INTO queues (name, updated_at, ${columns}) VALUES ('${name}', '${PAST}', ${values})`,
    );
  queue("keyed", "key_concurrency", "1");
  queue("rated", "rate_runs, rate_period_ms", "1, 86400000");
  queue("full", "concurrency", "1");
  queue("paused", "paused", "1");
  connection.run(
    "INSERT INTO queue_starts (queue, at, runs) VALUES ('rated', ?, 1)",
    new Date().toISOString(),
  );
  insert({ queue: "keyed", key: "a", rank: 1, status: "RUNNING", at: null }, 1);
  insert({ queue: "full", status: "RUNNING", at: null }, 1);
});
afterEach(() => connection.close());

test("claims read what they take, however much waits in front of it", () => {
  connection.run("BEGIN");
  insert({ queue: "", at: FUTURE }, CROWD);
  insert({ queue: "keyed", at: FUTURE }, CROWD);
  insert({ queue: "", workflow: "unknown", rank: -400 }, CROWD);
  insert({ queue: "keyed", key: "a", rank: -399 }, CROWD);
  insert({ queue: "full", rank: -400 }, CROWD);
  insert({ queue: "rated", rank: -400 }, CROWD);
  insert({ queue: "paused", rank: -400 }, CROWD);
  insert({ queue: "" }, 1);
  insert({ queue: "keyed", key: "b", rank: 1 }, 1);
  insert({ queue: "keyed", rank: 2 }, 1);
  connection.run("COMMIT");
  connection.run("ANALYZE");

  const { watched, statements, rows } = watching(connection);
  const { chosen } = planClaim(
    watched,
    tables,
    { worker: "w", workflows: ["demo", "other"], limit: 10, pinned: new Map([["demo", "f"]]) },
    systemClock.now(),
  );
  expect(chosen.map(({ queue }) => queue).sort()).toEqual(["", "keyed", "keyed"]);
  expect(rows()).toBeLessThan(150);
  for (const [sql, values] of statements) {
    const steps = connection.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values);
    // Found by an index in its order: nothing is read to its end, collected or sorted first.
    for (const { detail } of steps) expect(detail, sql).toMatch(/^SEARCH|^SCAN queues/);
    // A search for several values at once begins at the first run with these, and goes through all others.
    for (const { detail } of steps) expect(detail, sql).not.toMatch(/,\w+\)>\(\?/);
  }
});

/** The same connection, and what was asked of it. */
function watching(inner: SqliteConnection) {
  const statements = new Map<string, readonly SqlValue[]>();
  let count = 0;
  const asked = <T extends readonly unknown[]>(sql: string, values: readonly SqlValue[], rows: T): T => {
    statements.set(sql, values);
    count += rows.length;
    return rows;
  };
  const watched = {
    all: (sql: string, ...values: readonly SqlValue[]) => asked(sql, values, inner.all(sql, ...values)),
    get: (sql: string, ...values: readonly SqlValue[]) => {
      const row = inner.get(sql, ...values);
      asked(sql, values, row ? [row] : []);
      return row;
    },
  };
  return { watched: watched as unknown as SqliteConnection, statements, rows: () => count };
}

interface Crowd {
  readonly queue: string;
  readonly workflow?: string;
  readonly key?: string;
  readonly rank?: number;
  readonly status?: string;
  readonly at?: string | null;
}

function insert(crowd: Crowd, count: number): void {
  const { queue, workflow = "demo", key = null, rank = 0, status = "PENDING", at = PAST } = crowd;
  for (let index = 0; index < count; index += 1) {
    connection.run(
      `INSERT INTO workflow_runs (run_id, version, token, created_at, available_at, status, worker, workflow_name, queue,
  concurrency_key, rank, fingerprint, params, params_hash, triggered_by)
VALUES (?, 1, 1, ?, ?, ?, ?, ?, ?, ?, ?, 'f', '{}', 'h', 'test')`,
      newId(),
      PAST,
      at,
      status,
      status === "RUNNING" ? "v" : null,
      workflow,
      queue,
      key,
      rank,
    );
  }
}
