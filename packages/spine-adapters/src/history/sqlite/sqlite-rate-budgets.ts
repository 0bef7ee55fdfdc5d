import { type Clock, type RateBudget, type RateBudgets, rateCell } from "spine-core";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import type { StateTables } from "../state-tables.ts";

interface SqliteRateBudgetsOptions {
  readonly pool: SqlitePool;
  readonly tables: StateTables;
  readonly clock: Clock;
}

/** Rate budgets that all processes on a SQLite database share. */
export class SqliteRateBudgets implements RateBudgets {
  readonly #pool: SqlitePool;
  readonly #clock: Clock;
  readonly #take: string;

  constructor({ pool, tables, clock }: SqliteRateBudgetsOptions) {
    this.#pool = pool;
    this.#clock = clock;
    // What stands on the right of SET is the row as it was: the wait decides whether anything is taken.
    this.#take = `INSERT INTO ${tables.rate_budgets} (name, paid_until_ms, wait_ms) VALUES (?1, ?2 + ?3, 0)
ON CONFLICT (name) DO UPDATE SET
  wait_ms = max(0, paid_until_ms - ?4 - ?2),
  paid_until_ms = CASE WHEN paid_until_ms - ?4 - ?2 <= ?5 THEN max(paid_until_ms, ?2) + ?3 ELSE paid_until_ms END
RETURNING wait_ms`;
  }

  async take(budget: RateBudget): Promise<number> {
    const { name, incrementMs, toleranceMs, upToMs } = rateCell(budget);
    return await this.#pool.write((connection) => {
      const now = this.#clock.now();
      const row = connection.get<{ wait_ms: number }>(
        this.#take,
        name,
        now,
        incrementMs,
        toleranceMs,
        upToMs,
      );
      if (!row) throw new Error(`Rate budget ${name} was neither made nor changed`);
      return row.wait_ms;
    });
  }
}
