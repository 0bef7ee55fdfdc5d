import { type Clock, type CursorName, type CursorRecord, type CursorStore, SpineError } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { type CursorRow, cursorKey, readCursor } from "../cursor-rows.ts";
import { isoTime } from "../iso-time.ts";
import type { StateTables } from "../state-tables.ts";

interface SqliteCursorOptions {
  readonly pool: SqlitePool;
  readonly tables: StateTables;
  readonly clock: Clock;
}

/** How far fetches have come, in a SQLite database. */
export class SqliteCursorStore implements CursorStore {
  readonly #pool: SqlitePool;
  readonly #t: StateTables;
  readonly #clock: Clock;

  constructor({ pool, tables, clock }: SqliteCursorOptions) {
    this.#pool = pool;
    this.#t = tables;
    this.#clock = clock;
  }

  async get(name: CursorName): Promise<CursorRecord | undefined> {
    return await this.#pool.read((connection) => this.#find(connection, name));
  }

  async list(workflow: string): Promise<readonly CursorRecord[]> {
    const sql = `SELECT * FROM ${this.#t.cursors} WHERE workflow_name = ? ORDER BY step_name, scope, kind`;
    return (await this.#pool.read((connection) => connection.all<CursorRow>(sql, workflow))).map(readCursor);
  }

  async reset(name: CursorName, to: Parameters<CursorStore["reset"]>[1]): Promise<CursorRecord> {
    return await this.#pool.write((connection) => {
      const [workflow_name, step_name, scope, kind] = cursorKey(name);
      connection.insert(
        this.#t.cursors,
        {
          workflow_name,
          step_name,
          scope,
          kind,
          position: to?.position ?? null,
          value: to ? JSON.stringify(to.value) : null,
          resets: 1,
          run_id: null,
          updated_at: isoTime(this.#clock.now()),
        },
        `ON CONFLICT (workflow_name, step_name, scope, kind) DO UPDATE SET position = excluded.position,
  value = excluded.value, resets = resets + 1, run_id = NULL, updated_at = excluded.updated_at`,
      );
      const record = this.#find(connection, name);
      if (!record) throw new SpineError("INTERNAL", "A cursor was neither made nor changed.");
      return record;
    });
  }

  #find(connection: SqliteConnection, name: CursorName): CursorRecord | undefined {
    const sql = `SELECT * FROM ${this.#t.cursors} WHERE workflow_name = ? AND step_name = ? AND scope = ? AND kind = ?`;
    const row = connection.get<CursorRow>(sql, ...cursorKey(name));
    return row && readCursor(row);
  }
}
