import { type ClaimRequest, decodeJson } from "spine-core";
import type { Query } from "../../databases/postgres/postgres-pools.ts";
import {
  type Admission,
  distinct,
  type Line,
  type LineRead,
  type Loads,
  letIn,
  queuesToReadByKey,
  readsOf,
} from "../let-in.ts";
import { type QueueLoad, QueueRoom, type Waiting } from "../queue-room.ts";
import { type QueueRow, readSettings } from "../queue-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { LIMITED } from "./claim-statement.ts";
import { linesSql } from "./lines-sql.ts";
import { pinnedSql, pinnedText } from "./pinned-sql.ts";

interface Scope {
  readonly query: Query;
  readonly tables: StateTables;
  /** A virtual time; null for the database's own. */
  readonly at: string | null;
}

type LoadRow = QueueRow & {
  readonly asked_at: string;
  readonly lines: string;
  readonly at_work: string;
  readonly starts: string;
};

interface WaitingRow {
  readonly run_id: string;
  readonly workflow_name: string;
  readonly queue: string;
  readonly concurrency_key: string | null;
  readonly rank: number;
  readonly available_at: string;
}

export interface ClaimPlan extends Admission {
  /** Queues with limits in which runs wait, by name. */
  readonly queues: readonly string[];
  /** The time at which it was looked. */
  readonly at: string;
}

/**
 * Which runs of queues with limits a worker may take now. Only reads, and looks at the database's clock when it does:
 * in a transaction that waited for its locks, `now()` is older than what others have done meanwhile.
 *
 * @param queues those to look at; null for all.
 */
export async function planClaim(
  { query, tables, at: virtual }: Scope,
  request: ClaimRequest,
  queues: readonly string[] | null,
): Promise<ClaimPlan | null> {
  const { worker, workflows, limit } = request;
  const rows = await query<LoadRow>(loadsSql(tables), [workflows, virtual, queues]);
  const [first] = rows;
  if (!first) return null;
  const at = first.asked_at;
  const places = { worker, limit, now: Date.parse(at) };
  const loads: Loads = new Map(rows.map((row) => [row.name, loadOf(row)]));
  const lines = rows.flatMap((row) => linesOf(row));
  const reads = readsOf(lines, loads, places);
  const found = reads.length === 0 ? [] : await firstOf(query, tables, reads, pinnedText(request));
  const admission = letIn(found, loads, places);
  const plan = { queues: rows.map(({ name }) => name), at };
  const byKey: Waiting[] = [];
  for (const queue of queuesToReadByKey(reads, found, admission, places)) {
    const load = loads.get(queue);
    if (load) byKey.push(...(await firstByKey(query, tables, queue, load, request, places.now)));
  }
  if (byKey.length === 0) return { ...admission, ...plan };
  return { ...letIn(distinct([...found, ...byKey]), loads, places), ...plan };
}

/** Queues with limits in which runs of the workflows wait, with their lines, what is at work, and what began lately. */
function loadsSql(t: StateTables): string {
  const at = "coalesce($2::timestamptz, clock_timestamp())";
  return `WITH RECURSIVE ${linesSql(t)}
SELECT q.*, ${at}::timestamptz(3) AS asked_at, w.lines,
  (SELECT coalesce(json_agg(json_build_object('key', a.concurrency_key, 'worker', a.worker, 'runs', a.runs)), '[]') FROM (
    SELECT concurrency_key, worker, count(*) AS runs FROM ${t.workflow_runs} r
    WHERE r.status = 'RUNNING' AND r.queue = q.name AND r.queue <> ''
    GROUP BY concurrency_key, worker) AS a) AS at_work,
  (SELECT coalesce(json_agg(json_build_object('at', extract(epoch FROM s.at) * 1000, 'runs', s.runs)), '[]')
    FROM ${t.queue_starts} s
    WHERE s.queue = q.name AND s.at > ${at} - q.rate_period_ms * interval '1 millisecond') AS starts
FROM ${t.queues} q CROSS JOIN LATERAL (
  SELECT json_agg(json_build_object('workflow', l.workflow_name, 'rank', l.rank)) AS lines
  FROM lines l WHERE l.queue = q.name AND l.workflow_name = ANY ($1::text[])) AS w
WHERE (${LIMITED}) AND NOT q.paused AND w.lines IS NOT NULL AND ($3::text[] IS NULL OR q.name = ANY ($3::text[]))
ORDER BY q.name`;
}

function loadOf(row: LoadRow): QueueLoad {
  // What the statement above made.
  return {
    settings: readSettings(row),
    atWork: decodeJson(row.at_work) as unknown as QueueLoad["atWork"],
    starts: decodeJson(row.starts) as unknown as QueueLoad["starts"],
  };
}

function linesOf({ name, lines }: LoadRow): readonly Line[] {
  const all = decodeJson(lines) as unknown as readonly Omit<Line, "queue">[];
  return all.map((line) => ({ ...line, queue: name }));
}

async function firstOf(
  query: Query,
  t: StateTables,
  reads: readonly LineRead[],
  pinned: string | undefined,
): Promise<readonly Waiting[]> {
  const rows = await query<WaitingRow>(
    `SELECT l.queue, l.workflow_name, l.rank, r.run_id, r.concurrency_key, r.available_at
FROM unnest($1::text[], $2::text[], $3::int2[], $4::int4[]) AS l(queue, workflow_name, rank, most) CROSS JOIN LATERAL (
  SELECT run_id, concurrency_key, available_at FROM ${t.workflow_runs} r
  WHERE r.queue = l.queue AND r.workflow_name = l.workflow_name AND r.rank = l.rank AND r.available_at IS NOT NULL${pinnedSql("r", pinned && "$5")}
  ORDER BY r.available_at, r.run_id LIMIT l.most) AS r`,
    [
      reads.map(({ queue }) => queue),
      reads.map(({ workflow }) => workflow),
      reads.map(({ rank }) => rank),
      reads.map(({ most }) => most),
      ...(pinned === undefined ? [] : [pinned]),
    ],
  );
  return rows.map(waitingOf);
}

/** The first runs of each key of a queue that is not full, from key to key. */
async function firstByKey(
  query: Query,
  t: StateTables,
  queue: string,
  load: QueueLoad,
  request: ClaimRequest,
  now: number,
): Promise<readonly Waiting[]> {
  const { worker, workflows, limit } = request;
  const pinned = pinnedText(request);
  const most = Math.min(limit, load.settings.keyConcurrency ?? limit) + 1;
  const line = "concurrency_key, workflow_name, rank";
  const waits = "r.queue = $1 AND r.available_at IS NOT NULL AND r.concurrency_key IS NOT NULL";
  const rows = await query<WaitingRow>(
    `WITH RECURSIVE keyed AS (
  (SELECT ${line} FROM ${t.workflow_runs} r WHERE ${waits} ORDER BY ${line} LIMIT 1)
  UNION ALL
  SELECT next.* FROM keyed k CROSS JOIN LATERAL (
    SELECT ${line} FROM ${t.workflow_runs} r
    WHERE ${waits} AND (r.concurrency_key, r.workflow_name, r.rank) > (k.concurrency_key, k.workflow_name, k.rank)
    ORDER BY ${line} LIMIT 1) AS next)
SELECT $1::text AS queue, k.*, r.run_id, r.available_at FROM keyed k CROSS JOIN LATERAL (
  SELECT run_id, available_at FROM ${t.workflow_runs} r
  WHERE ${waits} AND r.concurrency_key = k.concurrency_key AND r.workflow_name = k.workflow_name AND r.rank = k.rank${pinnedSql("r", pinned && "$5")}
  ORDER BY r.available_at, r.run_id LIMIT $4) AS r
WHERE k.workflow_name = ANY ($2::text[]) AND k.concurrency_key <> ALL ($3::text[])`,
    [
      queue,
      workflows,
      new QueueRoom(load, worker, now).fullKeys(),
      most,
      ...(pinned === undefined ? [] : [pinned]),
    ],
  );
  return rows.map(waitingOf);
}

function waitingOf(row: WaitingRow): Waiting {
  return {
    runId: row.run_id,
    workflow: row.workflow_name,
    queue: row.queue,
    key: row.concurrency_key,
    rank: row.rank,
    availableAt: Date.parse(row.available_at),
  };
}
