import { type CursorName, type CursorRecord, type CursorStore, SpineError } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { type CursorRow, cursorKey, readCursor } from "../cursor-rows.ts";
import type { StateTables } from "../state-tables.ts";
import type { DatabaseTime } from "./database-time.ts";

interface PostgresCursorOptions {
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  readonly time: DatabaseTime;
}

/** How far fetches have come, in a Postgres database. */
export class PostgresCursorStore implements CursorStore {
  readonly #pools: PostgresPools;
  readonly #t: StateTables;
  readonly #time: DatabaseTime;

  constructor({ pools, tables, time }: PostgresCursorOptions) {
    this.#pools = pools;
    this.#t = tables;
    this.#time = time;
  }

  async get(name: CursorName): Promise<CursorRecord | undefined> {
    const [row] = await this.#pools.ask<CursorRow>(
      "read",
      `SELECT * FROM ${this.#t.cursors} WHERE workflow_name = $1 AND step_name = $2 AND scope = $3 AND kind = $4`,
      cursorKey(name),
    );
    return row && readCursor(row);
  }

  async list(workflow: string): Promise<readonly CursorRecord[]> {
    const rows = await this.#pools.ask<CursorRow>(
      "read",
      `SELECT * FROM ${this.#t.cursors} WHERE workflow_name = $1 ORDER BY step_name, scope, kind`,
      [workflow],
    );
    return rows.map(readCursor);
  }

  async reset(name: CursorName, to: Parameters<CursorStore["reset"]>[1]): Promise<CursorRecord> {
    const [row] = await this.#pools.query<CursorRow>(
      "write",
      `INSERT INTO ${this.#t.cursors} AS c (workflow_name, step_name, scope, kind, position, value, resets, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, 1, coalesce($7::timestamptz, now()))
ON CONFLICT (workflow_name, step_name, scope, kind) DO UPDATE SET position = excluded.position, value = excluded.value,
  resets = c.resets + 1, run_id = NULL, updated_at = excluded.updated_at RETURNING *`,
      [...cursorKey(name), to?.position ?? null, to ? JSON.stringify(to.value) : null, this.#time.virtual],
    );
    if (!row) throw new SpineError("INTERNAL", "A cursor was neither made nor changed.");
    return readCursor(row);
  }
}
