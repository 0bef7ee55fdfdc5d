import { type Kysely, type RawBuilder, sql } from "kysely";
import {
  type AnySchema,
  type Clock,
  type DatabaseTransaction,
  type Dialect,
  type DueSchedule,
  type LookRequest,
  type ScheduleLook,
  type ScheduleRow,
  type ScheduleStore,
  type SettledSchedules,
  type Settlement,
  type TickQuery,
  type TickRow,
  tickKey,
} from "spine-core";
import { isoTime } from "./iso-time.ts";
import { DatabaseTime } from "./postgres/database-time.ts";
import {
  msOf,
  readSchedule,
  readTick,
  type StoredSchedule,
  type StoredTick,
  scheduleCells,
  tickCells,
} from "./schedule-rows.ts";
import type { StateTables } from "./state-tables.ts";

interface SqlScheduleOptions {
  readonly kysely: Kysely<AnySchema>;
  readonly dialect: Dialect;
  readonly tables: StateTables;
  readonly clock: Clock;
}

type Sql = RawBuilder<unknown>;
type LookRow = StoredSchedule & {
  readonly at: string;
  readonly following: string | null;
  readonly waits: boolean | number;
  readonly known: boolean | number;
};
interface OpenRow {
  readonly schedule: string;
  readonly scheduled_at: string;
  readonly status: string;
  readonly run_id: string;
  readonly beside: boolean | number;
  readonly over: boolean | number;
}

/** The columns of a schedule, with their types on Postgres. */
const SCHEDULE = {
  name: "text",
  version: "bigint",
  workflow: "text",
  calendar: "text",
  settings: "text",
  declared: "text",
  declared_by: "text",
  undeclared_at: "timestamptz",
  paused_at: "timestamptz",
  anchor: "timestamptz",
  settled_to: "timestamptz",
  next_tick: "timestamptz",
  next_at: "timestamptz",
  late_at: "timestamptz",
  left_unknown: "boolean",
  queued: "integer",
} as const;
const DEFINITION = ["workflow", "calendar", "settings", "declared", "declared_by", "undeclared_at", "anchor"];
const POSITION = ["paused_at", "settled_to", "next_tick", "next_at", "late_at", "left_unknown", "queued"];
const JSON_COLUMNS = new Set(["settings", "declared"]);
const TICK = {
  schedule: "text",
  scheduled_at: "timestamptz",
  status: "text",
  reason: "text",
  detail: "text",
  run_id: "uuid",
  since: "timestamptz",
  is_open: "boolean",
} as const;
const TICK_COLUMNS = Object.keys(TICK);

/** Schedules and their ticks, in SQL that both databases understand. */
export class SqlScheduleStore implements ScheduleStore {
  readonly #kysely: Kysely<AnySchema>;
  readonly #clock: Clock;
  readonly #time: DatabaseTime;
  readonly #isPostgres: boolean;
  readonly #schedules: Sql;
  readonly #ticks: Sql;
  readonly #runs: Sql;

  constructor({ kysely, dialect, tables, clock }: SqlScheduleOptions) {
    this.#kysely = kysely;
    this.#clock = clock;
    this.#time = new DatabaseTime(clock);
    this.#isPostgres = dialect === "postgres";
    this.#schedules = sql.raw(tables.schedules);
    this.#ticks = sql.raw(tables.schedule_ticks);
    this.#runs = sql.raw(tables.workflow_runs);
  }

  async now(): Promise<number> {
    const { rows } = await sql<{ at: string }>`SELECT ${this.#now()} AS at`.execute(this.#kysely);
    return Date.parse(rows[0]?.at ?? "");
  }

  async add(row: Omit<ScheduleRow, "version" | "createdAt" | "updatedAt">): Promise<boolean> {
    const { version: _, ...columns } = SCHEDULE;
    const names = Object.keys(columns);
    const now = this.#now();
    const { rows } = await sql`
INSERT INTO ${this.#schedules} (${raw(names)}, created_at, updated_at)
SELECT ${sql.join(names.map((column) => this.#stored(column)))}, ${now}, ${now}
FROM ${this.#records([scheduleCells(row)], columns)} WHERE true
ON CONFLICT (name) DO NOTHING RETURNING name`.execute(this.#kysely);
    return rows.length > 0;
  }

  async list(names?: readonly string[]): Promise<readonly ScheduleRow[]> {
    if (names?.length === 0) return [];
    const only = names ? sql`WHERE s.name IN (${sql.join(names)})` : sql``;
    const { rows } = await sql<StoredSchedule>`
SELECT ${this.#columns()} FROM ${this.#schedules} s ${only} ORDER BY s.name`.execute(this.#kysely);
    return rows.map(readSchedule);
  }

  async look({ workflows, calendars, limit }: LookRequest): Promise<ScheduleLook> {
    const known = sql`(s.workflow IN (${this.#texts(workflows)})
  AND (s.calendar IS NULL OR s.calendar IN (${this.#texts(calendars)})))`;
    const at = sql`CASE WHEN known THEN next_at ELSE late_at END`;
    const { rows } = await sql<LookRow>`
WITH clock AS (SELECT ${this.#now()} AS at),
all_of AS (SELECT ${this.#columns()}, ${known} AS known FROM ${this.#schedules} s),
due AS (SELECT all_of.* FROM all_of, clock
  WHERE ${at} <= clock.at OR (known AND paused_at IS NULL AND (${this.#true(sql`left_unknown`)}
    OR (queued > 0 AND NOT EXISTS (SELECT 1 FROM ${this.#ticks} t JOIN ${this.#runs} r ON r.run_id = t.run_id
      WHERE t.schedule = all_of.name AND ${this.#true(sql`t.is_open`)} AND NOT ${BESIDE} AND NOT ${OVER}))))
  ORDER BY coalesce(next_at, late_at), name LIMIT ${limit})
SELECT clock.at, (SELECT min(${at}) FROM all_of WHERE ${at} > clock.at) AS following,
  EXISTS (SELECT 1 FROM all_of WHERE known AND paused_at IS NULL AND queued > 0) AS waits, due.*
FROM clock LEFT JOIN due ON true ORDER BY coalesce(due.next_at, due.late_at), due.name`.execute(this.#kysely);
    const [first] = rows;
    const due = rows.filter(({ name }) => name !== null);
    return {
      now: Date.parse(first?.at ?? ""),
      nextAt: msOf(first?.following ?? null),
      waiting: Boolean(first?.waits),
      due: due.length === 0 ? [] : await this.#withTicks(due),
    };
  }

  async #withTicks(due: readonly LookRow[]): Promise<readonly DueSchedule[]> {
    const names = due.map(({ name }) => name);
    const { rows } = await sql<OpenRow>`
SELECT t.schedule, t.scheduled_at, t.status, CAST(t.run_id AS text) AS run_id, ${BESIDE} AS beside,
  (r.run_id IS NULL OR ${OVER}) AS over
FROM ${this.#ticks} t LEFT JOIN ${this.#runs} r ON r.run_id = t.run_id
WHERE t.schedule IN (${sql.join(names)}) AND ${this.#true(sql`t.is_open`)} ORDER BY t.scheduled_at`.execute(
      this.#kysely,
    );
    const bySchedule = Map.groupBy(rows, ({ schedule }) => schedule);
    return due.map((row) => {
      const open = (bySchedule.get(row.name) ?? []).map((tick) => ({
        isWaiting: tick.status === "QUEUED",
        isOver: Boolean(tick.over),
        isBeside: Boolean(tick.beside),
        scheduledAt: Date.parse(tick.scheduled_at),
        runId: tick.run_id,
      }));
      const started = open.filter(({ isWaiting }) => !isWaiting);
      return {
        row: readSchedule(row),
        known: Boolean(row.known),
        active: started
          .filter(({ isOver, isBeside }) => !isOver && !isBeside)
          .map(({ scheduledAt, runId }) => ({ scheduledAt, runId })),
        ended: started.filter(({ isOver }) => isOver).map(({ scheduledAt }) => scheduledAt),
        waiting: open.filter(({ isWaiting }) => isWaiting).map(({ scheduledAt }) => scheduledAt),
      };
    });
  }

  async settle(
    { kysely }: DatabaseTransaction,
    settlements: readonly Settlement[],
  ): Promise<SettledSchedules> {
    const schedules = await this.#move(kysely, settlements);
    const taken = settlements.filter(({ name }) => schedules.has(name));
    const ticks = taken.flatMap(({ name, ticks: written }) => written.map((tick) => tickCells(name, tick)));
    const ended = taken.flatMap(({ name, ended: over }) =>
      over.map((at) => ({ schedule: name, scheduled_at: isoTime(at) })),
    );
    if (ended.length > 0) {
      const { schedule, scheduled_at } = TICK;
      await sql`UPDATE ${this.#ticks} SET is_open = ${this.#false()} WHERE (schedule, scheduled_at) IN
  (SELECT schedule, scheduled_at FROM ${this.#records(ended, { schedule, scheduled_at })})`.execute(kysely);
    }
    if (ticks.length === 0) return { schedules, ticks: new Set() };
    // Who has a run keeps it: the row of a tick is the lock on it.
    const changed = TICK_COLUMNS.slice(2).map((column) => `${column} = excluded.${column}`);
    const { rows } = await sql<StoredTick>`
INSERT INTO ${this.#ticks} AS t (${raw(TICK_COLUMNS)}, recorded_at)
SELECT ${raw(TICK_COLUMNS)}, ${this.#now()} FROM ${this.#records(ticks, TICK)} WHERE true
ON CONFLICT (schedule, scheduled_at) DO UPDATE SET ${raw(changed)}, recorded_at = excluded.recorded_at
WHERE t.run_id IS NULL RETURNING schedule, scheduled_at`.execute(kysely);
    return {
      schedules,
      ticks: new Set(rows.map((row) => tickKey(row.schedule, Date.parse(row.scheduled_at)))),
    };
  }

  /** The schedules that are as they were and that nobody else holds, moved on. */
  async #move(kysely: Kysely<AnySchema>, settlements: readonly Settlement[]): Promise<ReadonlySet<string>> {
    const values = settlements.map(({ name, version, position, definition }) => ({
      ...scheduleCells({ ...position, ...definition, name, version }),
      defines: definition !== undefined,
    }));
    const names = sql.join(settlements.map(({ name }) => name));
    const set = [
      ...POSITION.map((column) => sql`${sql.ref(column)} = v.${sql.ref(column)}`),
      ...DEFINITION.map(
        (column) =>
          sql`${sql.ref(column)} = CASE WHEN v.defines THEN ${this.#stored(column)} ELSE s.${sql.ref(column)} END`,
      ),
    ];
    // Who is being settled by another process is not waited for: he will be another by then.
    const free = this.#isPostgres
      ? sql`AND s.name IN (SELECT name FROM ${this.#schedules} WHERE name IN (${names}) ORDER BY name FOR UPDATE SKIP LOCKED)`
      : sql``;
    const { rows } = await sql<{ name: string }>`
UPDATE ${this.#schedules} AS s SET version = s.version + 1, updated_at = ${this.#now()}, ${sql.join(set)}
FROM ${this.#records(values, { ...SCHEDULE, defines: "boolean" })}
WHERE s.name = v.name AND s.version = v.version ${free}
RETURNING ${this.#isPostgres ? sql`s.name` : sql`name`}`.execute(kysely);
    return new Set(rows.map(({ name }) => name));
  }

  async ticks(name: string, { before, from, limit }: TickQuery): Promise<readonly TickRow[]> {
    const until = before === undefined ? sql`` : sql`AND scheduled_at < ${this.#at(before)}`;
    const since = from === undefined ? sql`` : sql`AND scheduled_at >= ${this.#at(from)}`;
    const { rows } = await sql<StoredTick>`
SELECT schedule, scheduled_at, status, reason, detail, CAST(run_id AS text) AS run_id, since, recorded_at
FROM ${this.#ticks} WHERE schedule = ${name} ${until} ${since} ORDER BY scheduled_at DESC LIMIT ${limit}`.execute(
      this.#kysely,
    );
    return rows.map(readTick);
  }

  async remove(name: string, version?: number): Promise<boolean> {
    const same = version === undefined ? sql`` : sql` AND version = ${version}`;
    const { rows } =
      await sql`DELETE FROM ${this.#schedules} WHERE name = ${name}${same} RETURNING name`.execute(
        this.#kysely,
      );
    await sql`DELETE FROM ${this.#ticks} WHERE schedule = ${name} AND NOT EXISTS
  (SELECT 1 FROM ${this.#schedules} s WHERE s.name = ${name})`.execute(this.#kysely);
    return rows.length > 0;
  }

  async prune({ before, limit }: { readonly before: number; readonly limit: number }): Promise<number> {
    const { rows } = await sql`
DELETE FROM ${this.#ticks} WHERE (schedule, scheduled_at) IN (SELECT schedule, scheduled_at FROM ${this.#ticks}
  WHERE scheduled_at < ${this.#at(before)} AND NOT ${this.#true(sql`is_open`)} ORDER BY scheduled_at LIMIT ${limit})
RETURNING schedule`.execute(this.#kysely);
    return rows.length;
  }

  /** The database's time; on SQLite, whose processes share a machine, that is the clock's. */
  #now(): Sql {
    if (!this.#isPostgres) return sql`${isoTime(this.#clock.now())}`;
    // `now()` would be the time at which the transaction began.
    return sql`coalesce(${this.#time.virtual}::timestamptz, clock_timestamp())::timestamptz(3)`;
  }

  #at(ms: number): Sql {
    return this.#isPostgres ? sql`${isoTime(ms)}::timestamptz` : sql`${isoTime(ms)}`;
  }

  #true(column: Sql): Sql {
    return this.#isPostgres ? column : sql`${column} = 1`;
  }

  #false(): Sql {
    return this.#isPostgres ? sql`false` : sql`0`;
  }

  #columns(): Sql {
    const columns = [...Object.keys(SCHEDULE), "created_at", "updated_at"];
    return sql.join(
      columns.map((column) =>
        JSON_COLUMNS.has(column)
          ? sql`CAST(s.${sql.ref(column)} AS text) AS ${sql.ref(column)}`
          : sql`s.${sql.ref(column)}`,
      ),
    );
  }

  /** A value of `records` as its column takes it. */
  #stored(column: string): Sql {
    const cast = this.#isPostgres && JSON_COLUMNS.has(column) ? sql`::json` : sql``;
    return sql`v.${sql.ref(column)}${cast}`;
  }

  #texts(texts: readonly string[]): Sql {
    const json = JSON.stringify(texts);
    return this.#isPostgres
      ? sql`SELECT json_array_elements_text(${json}::json)`
      : sql`SELECT value FROM json_each(${json})`;
  }

  /** Rows in one parameter, as a table `v`: a statement is the same for any number of them. */
  #records(rows: readonly object[], columns: Readonly<Record<string, string>>): Sql {
    const json = JSON.stringify(rows);
    if (this.#isPostgres) {
      const types = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
      return sql`json_to_recordset(${json}::json) AS v(${raw(types)})`;
    }
    const members = Object.keys(columns).map((name) => `value ->> '${name}' AS ${name}`);
    return sql`(SELECT ${raw(members)} FROM json_each(${json})) AS v`;
  }
}

/** Ticks of a backfill: their runs stand in nobody's way. */
const BESIDE = sql`coalesce(t.reason = 'BACKFILL', false)`;
const OVER = sql`r.status IN ('COMPLETED', 'FAILED', 'CANCELLED')`;

function raw(names: readonly string[]): Sql {
  return sql.raw(names.join(", "));
}
