import {
  type Clock,
  checkQueueChange,
  checkQueueName,
  type QueueRecord,
  type QueueSettings,
  type QueueState,
  type QueueStore,
} from "spine-core";
import type { PostgresPools, Query } from "../../databases/postgres/postgres-pools.ts";
import { changedColumns, MOST_WAITING, type QueueRow, readQueue } from "../queue-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { DatabaseTime } from "./database-time.ts";
import { linesSql } from "./lines-sql.ts";

interface PostgresQueueOptions {
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  readonly clock: Clock;
}

type StateRow = QueueRow & {
  readonly waiting: number;
  readonly running: number;
  readonly oldest: string | null;
};

/** The settings of queues in a Postgres database. */
export class PostgresQueueStore implements QueueStore {
  readonly #pools: PostgresPools;
  readonly #t: StateTables;
  readonly #time: DatabaseTime;

  constructor({ pools, tables, clock }: PostgresQueueOptions) {
    this.#pools = pools;
    this.#t = tables;
    this.#time = new DatabaseTime(clock);
  }

  async set(name: string, change: Partial<QueueSettings>): Promise<QueueRecord> {
    checkQueueName(name);
    const checked = checkQueueChange(change);
    // Done again after an outage it sets the same again.
    return await this.#pools.throughOutage(() =>
      this.#pools.inTransaction("write", (query) => this.#set(query, name, checked)),
    );
  }

  async get(name: string): Promise<QueueState | undefined> {
    checkQueueName(name);
    return (await this.#states([name]))[0];
  }

  async list(): Promise<readonly QueueState[]> {
    return await this.#states(null);
  }

  async #set(query: Query, name: string, change: Partial<QueueSettings>): Promise<QueueRecord> {
    const { queues, queue_starts } = this.#t;
    const changed = Object.entries(changedColumns(change));
    const columns = ["name", "updated_at", ...changed.map(([column]) => column)];
    const marks = changed.map((_, index) => `, $${index + 3}`);
    // Only what is given: two that change different settings at the same time both get their way.
    const updates = columns.slice(1).map((column) => `${column} = excluded.${column}`);
    const [row] = await query<QueueRow>(
      `INSERT INTO ${queues} (${columns.join(", ")}) VALUES ($1, coalesce($2::timestamptz, now())${marks.join("")})
ON CONFLICT (name) DO UPDATE SET ${updates.join(", ")} RETURNING *`,
      [name, this.#time.virtual, ...changed.map(([, value]) => value)],
    );
    if (!row) throw new Error(`Queue ${name} was neither made nor changed`);
    if (change.rateLimit === null) await query(`DELETE FROM ${queue_starts} WHERE queue = $1`, [name]);
    return readQueue(row);
  }

  async #states(names: readonly string[] | null): Promise<readonly QueueState[]> {
    const { queues, workflow_runs } = this.#t;
    const rows = await this.#pools.ask<StateRow>(
      "read",
      `WITH RECURSIVE ${linesSql(this.#t)}
SELECT q.*, w.oldest, least(coalesce(w.waiting, 0), ${MOST_WAITING}) AS waiting,
  (SELECT count(*) FROM ${workflow_runs} r WHERE r.status = 'RUNNING' AND r.queue = q.name AND r.queue <> '') AS running
FROM ${queues} q LEFT JOIN LATERAL (
  SELECT sum(d.runs)::int8 AS waiting, min(d.oldest) AS oldest FROM lines l CROSS JOIN LATERAL (
    SELECT count(*) AS runs, min(available_at) AS oldest FROM (
      SELECT available_at FROM ${workflow_runs} r
      WHERE r.queue = l.queue AND r.workflow_name = l.workflow_name AND r.rank = l.rank
        AND r.available_at <= coalesce($2::timestamptz, now())
      ORDER BY r.available_at LIMIT ${MOST_WAITING}) AS first) AS d
  WHERE l.queue = q.name) AS w ON true
WHERE $1::text[] IS NULL OR q.name = ANY ($1::text[]) ORDER BY q.name`,
      [names, this.#time.virtual],
    );
    return rows.map((row) => ({
      ...readQueue(row),
      waiting: row.waiting,
      running: row.running,
      oldestDueAt: row.oldest,
    }));
  }
}
