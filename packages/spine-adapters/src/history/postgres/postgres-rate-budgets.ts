import { type Clock, type RateBudget, type RateBudgets, rateCell } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import type { StateTables } from "../state-tables.ts";
import { DatabaseTime } from "./database-time.ts";

interface PostgresRateBudgetsOptions {
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  readonly clock: Clock;
}

/** Rate budgets that all processes on a Postgres database share. */
export class PostgresRateBudgets implements RateBudgets {
  readonly #pools: PostgresPools;
  readonly #time: DatabaseTime;
  readonly #take: string;

  constructor({ pools, tables, clock }: PostgresRateBudgetsOptions) {
    this.#pools = pools;
    this.#time = new DatabaseTime(clock);
    // The time is asked for once (OFFSET keeps the planner from asking for each use), and when the row is locked: who
    // waited for others must not count with the time before.
    const now = "extract(epoch FROM coalesce($2::timestamptz, clock_timestamp()))::float8 * 1000";
    this.#take = `INSERT INTO ${tables.rate_budgets} AS b (name, paid_until_ms, wait_ms)
VALUES ($1, ${now} + $3::float8, 0)
ON CONFLICT (name) DO UPDATE SET (paid_until_ms, wait_ms) = (
  SELECT CASE WHEN b.paid_until_ms - $4::float8 - t.now <= $5::float8
    THEN greatest(b.paid_until_ms, t.now) + $3::float8 ELSE b.paid_until_ms END,
    greatest(0, b.paid_until_ms - $4::float8 - t.now)
  FROM (SELECT ${now} AS now OFFSET 0) AS t)
RETURNING wait_ms`;
  }

  async take(budget: RateBudget): Promise<number> {
    const { name, incrementMs, toleranceMs, upToMs } = rateCell(budget);
    // Taken twice, because the first answer was lost with its connection, one place stays unused: no more than that.
    const [row] = await this.#pools.ask<{ wait_ms: string }>("write", this.#take, [
      name,
      this.#time.virtual,
      incrementMs,
      toleranceMs,
      upToMs,
    ]);
    if (!row) throw new Error(`Rate budget ${name} was neither made nor changed`);
    return Number(row.wait_ms);
  }
}
