import {
  type Clock,
  checkQueueChange,
  checkQueueName,
  type QueueRecord,
  type QueueSettings,
  type QueueState,
  type QueueStore,
} from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { isoTime } from "../iso-time.ts";
import { changedColumns, MOST_WAITING, type QueueRow, readQueue } from "../queue-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { linesOf } from "./plan-claim.ts";

interface SqliteQueueOptions {
  readonly pool: SqlitePool;
  readonly tables: StateTables;
  readonly clock: Clock;
}

/** The settings of queues in a SQLite database. */
export class SqliteQueueStore implements QueueStore {
  readonly #pool: SqlitePool;
  readonly #t: StateTables;
  readonly #clock: Clock;

  constructor({ pool, tables, clock }: SqliteQueueOptions) {
    this.#pool = pool;
    this.#t = tables;
    this.#clock = clock;
  }

  async set(name: string, change: Partial<QueueSettings>): Promise<QueueRecord> {
    checkQueueName(name);
    const checked = checkQueueChange(change);
    return await this.#pool.write((connection) => {
      const row = { name, updated_at: isoTime(this.#clock.now()), ...storable(changedColumns(checked)) };
      const updates = Object.keys(row)
        .slice(1)
        .map((column) => `${column} = excluded.${column}`);
      connection.insert(this.#t.queues, row, `ON CONFLICT (name) DO UPDATE SET ${updates.join(", ")}`);
      if (checked.rateLimit === null) {
        connection.run(`DELETE FROM ${this.#t.queue_starts} WHERE queue = ?`, name);
      }
      const stored = this.#row(connection, name);
      if (!stored) throw new Error(`Queue ${name} was neither made nor changed`);
      return readQueue(stored);
    });
  }

  async get(name: string): Promise<QueueState | undefined> {
    checkQueueName(name);
    return await this.#pool.read((connection) => {
      const row = this.#row(connection, name);
      return row && this.#state(connection, row);
    });
  }

  async list(): Promise<readonly QueueState[]> {
    return await this.#pool.read((connection) =>
      connection
        .all<QueueRow>(`SELECT * FROM ${this.#t.queues} ORDER BY name`)
        .map((row) => this.#state(connection, row)),
    );
  }

  #row(connection: SqliteConnection, name: string): QueueRow | undefined {
    return connection.get<QueueRow>(`SELECT * FROM ${this.#t.queues} WHERE name = ?`, name);
  }

  #state(connection: SqliteConnection, row: QueueRow): QueueState {
    const { workflow_runs, prefix } = this.#t;
    const now = isoTime(this.#clock.now());
    let waiting = 0;
    let oldestDueAt: string | null = null;
    for (const { queue, workflow, rank } of linesOf(connection, this.#t, row.name)) {
      const found = connection.get<{ runs: number; oldest: string | null }>(
        `SELECT count(*) AS runs, min(available_at) AS oldest FROM (
  SELECT available_at FROM ${workflow_runs} INDEXED BY ${prefix}workflow_runs_due
  WHERE queue = ? AND workflow_name = ? AND rank = ? AND available_at IS NOT NULL AND available_at <= ?
  ORDER BY available_at LIMIT ?)`,
        queue,
        workflow,
        rank,
        now,
        MOST_WAITING,
      );
      waiting += found?.runs ?? 0;
      const oldest = found?.oldest ?? null;
      if (oldest !== null && (oldestDueAt === null || oldest < oldestDueAt)) oldestDueAt = oldest;
    }
    const atWork = connection.get<{ runs: number }>(
      `SELECT count(*) AS runs FROM ${workflow_runs} INDEXED BY ${prefix}workflow_runs_at_work
WHERE queue = ? AND queue <> '' AND status = 'RUNNING'`,
      row.name,
    );
    return {
      ...readQueue(row),
      waiting: Math.min(waiting, MOST_WAITING),
      running: atWork?.runs ?? 0,
      oldestDueAt,
    };
  }
}

/** SQLite has no booleans. */
function storable(columns: ReturnType<typeof changedColumns>): Readonly<Record<string, number | null>> {
  return Object.fromEntries(
    Object.entries(columns).map(([column, value]) => [
      column,
      typeof value === "boolean" ? Number(value) : value,
    ]),
  );
}
