import type { ClaimRequest } from "spine-core";
import type { SqliteConnection, SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { isoTime } from "../iso-time.ts";
import {
  type Admission,
  distinct,
  type Line,
  type Loads,
  letIn,
  queuesToReadByKey,
  readsOf,
} from "../let-in.ts";
import { type QueueLoad, QueueRoom, type Waiting } from "../queue-room.ts";
import { type QueueRow, readSettings } from "../queue-rows.ts";
import { isBegun } from "../run-rank.ts";
import type { StateTables } from "../state-tables.ts";

interface WaitingRow {
  readonly run_id: string;
  readonly status: string;
  readonly concurrency_key: string | null;
  readonly available_at: string;
}

interface LineRow {
  readonly queue: string;
  readonly workflow_name: string;
  readonly rank: number;
}

/** A run that waits, with what its claim needs besides. */
export interface DueRun extends Waiting {
  readonly status: string;
}

export interface ClaimPlan extends Admission<DueRun> {
  readonly loads: Loads;
}

// The indexes are named: the planner would rather read all runs of a workflow that ever were.

/** Which runs that wait a worker may take now. Only reads; whoever takes them has to plan inside of that write. */
export function planClaim(
  connection: SqliteConnection,
  tables: StateTables,
  { worker, workflows, limit, pinned = NONE }: ClaimRequest,
  now: number,
): ClaimPlan {
  const known = new Set(workflows);
  const lines = linesOf(connection, tables).filter(({ workflow }) => known.has(workflow));
  const loads = loadsOf(connection, tables, new Set(lines.map(({ queue }) => queue)), now);
  const places = { worker, limit, now };
  const reads = readsOf(lines, loads, places);
  const found = reads.flatMap((read) => firstOf(connection, tables, read, read.most, pinned));
  const admission = letIn(found, loads, places);
  const queues = queuesToReadByKey(reads, found, admission, places);
  if (queues.length === 0) return { ...admission, loads };
  const byKey = queues.flatMap((queue) => {
    const load = loads.get(queue);
    const room = load && new QueueRoom(load, worker, now);
    return room ? firstByKey(connection, tables, queue, room, known, limit, pinned) : [];
  });
  return { ...letIn(distinct([...found, ...byKey]), loads, places), loads };
}

/** The lines in which runs wait, of one queue or of all: from each to the next one, not from run to run. */
export function linesOf(
  connection: SqliteConnection,
  { workflow_runs, prefix }: StateTables,
  queue?: string,
): readonly Line[] {
  const from = `FROM ${workflow_runs} INDEXED BY ${prefix}workflow_runs_due WHERE available_at IS NOT NULL`;
  const columns = ["queue", "workflow_name", "rank"];
  const fixed = queue === undefined ? 0 : 1;
  const lines: Line[] = [];
  let last: LineRow = { queue: queue ?? "", workflow_name: "", rank: -1_000 };
  for (;;) {
    const row = nextBehind<LineRow>(connection, from, columns, fixed, [
      last.queue,
      last.workflow_name,
      last.rank,
    ]);
    if (!row) return lines;
    lines.push({ queue: row.queue, workflow: row.workflow_name, rank: row.rank });
    last = row;
  }
}

/**
 * The next combination of values that an index has behind the one given: with the same values but for the last one, or else
 * for the last two, and so on. (One comparison of all of them would be a search for the first, and then a walk through all
 * runs with the same values.)
 *
 * @param columns the columns of the index, in its order; the first `fixed` of them keep their values.
 */
function nextBehind<R extends object>(
  connection: SqliteConnection,
  from: string,
  columns: readonly string[],
  fixed: number,
  values: readonly SqlValue[],
): R | undefined {
  for (let same = columns.length - 1; same >= fixed; same -= 1) {
    const conditions = columns
      .slice(0, same + 1)
      .map((name, index) => `${name} ${index < same ? "=" : ">"} ?`);
    const row = connection.get<R>(
      `SELECT ${columns.join(", ")} ${from} AND ${conditions.join(" AND ")} ORDER BY ${columns.join(", ")} LIMIT 1`,
      ...values.slice(0, same + 1),
    );
    if (row) return row;
  }
  return undefined;
}

type Pins = NonNullable<ClaimRequest["pinned"]>;
const NONE: Pins = new Map();

/**
 * Passes over runs that have begun with another version than a worker has. No index knows that: those are read, and left.
 */
function pinOf(
  { workflow }: Line,
  pinned: Pins,
): { readonly condition: string; readonly values: readonly SqlValue[] } {
  const fingerprint = pinned.get(workflow);
  if (fingerprint === undefined) return { condition: "", values: [] };
  return { condition: " AND (attempts = 0 OR fingerprint = ?)", values: [fingerprint] };
}

function firstOf(
  connection: SqliteConnection,
  { workflow_runs, prefix }: StateTables,
  line: Line,
  most: number,
  pinned: Pins,
): readonly DueRun[] {
  const pin = pinOf(line, pinned);
  const rows = connection.all<WaitingRow>(
    `SELECT run_id, status, concurrency_key, available_at FROM ${workflow_runs} INDEXED BY ${prefix}workflow_runs_due
WHERE queue = ? AND workflow_name = ? AND rank = ? AND available_at IS NOT NULL${pin.condition}
ORDER BY available_at, run_id LIMIT ?`,
    line.queue,
    line.workflow,
    line.rank,
    ...pin.values,
    most,
  );
  return rows.map((row) => waitingOf(line, row));
}

/** The first runs of each key of a queue that is not full. */
function firstByKey(
  connection: SqliteConnection,
  { workflow_runs, prefix }: StateTables,
  queue: string,
  room: QueueRoom,
  known: ReadonlySet<string>,
  limit: number,
  pinned: Pins,
): readonly DueRun[] {
  const from = `FROM ${workflow_runs} INDEXED BY ${prefix}workflow_runs_due_by_key
WHERE available_at IS NOT NULL AND concurrency_key IS NOT NULL`;
  const columns = ["queue", "concurrency_key", "workflow_name", "rank"];
  const first = `SELECT run_id, status, concurrency_key, available_at ${from}
  AND queue = ? AND concurrency_key = ? AND workflow_name = ? AND rank = ?`;
  const found: DueRun[] = [];
  let last = { concurrency_key: "", workflow_name: "", rank: -1_000 };
  for (;;) {
    const row = nextBehind<LineRow & { readonly concurrency_key: string }>(connection, from, columns, 1, [
      queue,
      last.concurrency_key,
      last.workflow_name,
      last.rank,
    ]);
    if (!row) return found;
    last = row;
    const { concurrency_key: key, workflow_name: workflow, rank } = row;
    const fits = Math.min(limit, room.keyLeft(key));
    if (fits === 0 || !known.has(workflow)) continue;
    const line = { queue, workflow, rank };
    const pin = pinOf(line, pinned);
    const rows = connection.all<WaitingRow>(
      `${first}${pin.condition} ORDER BY available_at, run_id LIMIT ?`,
      queue,
      key,
      workflow,
      rank,
      ...pin.values,
      fits + 1,
    );
    found.push(...rows.map((each) => waitingOf(line, each)));
  }
}

function waitingOf({ queue, workflow, rank }: Line, row: WaitingRow): DueRun {
  return {
    runId: row.run_id,
    status: row.status,
    workflow,
    queue,
    rank,
    key: row.concurrency_key,
    availableAt: Date.parse(row.available_at),
  };
}

/** What is at work in those of the queues that have settings. */
function loadsOf(
  connection: SqliteConnection,
  tables: StateTables,
  queues: ReadonlySet<string>,
  now: number,
): Loads {
  const loads = new Map<string, QueueLoad>();
  for (const name of queues) {
    // Runs without a queue have no limits.
    const row =
      name === ""
        ? undefined
        : connection.get<QueueRow>(`SELECT * FROM ${tables.queues} WHERE name = ?`, name);
    if (row) loads.set(name, loadOf(connection, tables, row, now));
  }
  return loads;
}

function loadOf(
  connection: SqliteConnection,
  { workflow_runs, queue_starts, prefix }: StateTables,
  row: QueueRow,
  now: number,
): QueueLoad {
  const settings = readSettings(row);
  const { concurrency, workerConcurrency, keyConcurrency, rateLimit } = settings;
  const counts = [concurrency, workerConcurrency, keyConcurrency].some((limit) => limit !== null);
  return {
    settings,
    atWork: counts
      ? connection.all(
          `SELECT concurrency_key AS key, worker, count(*) AS runs
FROM ${workflow_runs} INDEXED BY ${prefix}workflow_runs_at_work
WHERE queue = ? AND queue <> '' AND status = 'RUNNING' GROUP BY concurrency_key, worker`,
          row.name,
        )
      : [],
    starts: rateLimit
      ? connection
          .all<{ at: string; runs: number }>(
            `SELECT at, runs FROM ${queue_starts} WHERE queue = ? AND at > ?`,
            row.name,
            isoTime(now - rateLimit.periodMs),
          )
          .map(({ at, runs }) => ({ at: Date.parse(at), runs }))
      : [],
  };
}

/** Keeps what a rate limit counts: the runs that began now, as long as its period lasts. */
export function countStarts(
  connection: SqliteConnection,
  { queue_starts }: StateTables,
  { chosen, loads }: ClaimPlan,
  now: number,
): void {
  for (const [queue, { settings }] of loads) {
    const runs = chosen.filter((run) => run.queue === queue && !isBegun(run.rank)).length;
    if (!settings.rateLimit || runs === 0) continue;
    connection.run(
      `DELETE FROM ${queue_starts} WHERE queue = ? AND at <= ?`,
      queue,
      isoTime(now - settings.rateLimit.periodMs),
    );
    connection.run(
      `INSERT INTO ${queue_starts} (queue, at, runs) VALUES (?, ?, ?)
ON CONFLICT (queue, at) DO UPDATE SET runs = runs + excluded.runs`,
      queue,
      isoTime(now),
      runs,
    );
  }
}
