import {
  type CommitResult,
  type ControlCommit,
  isTerminal,
  type RunChange,
  type RunStatus,
  type SpineError,
} from "spine-core";
import type { Query } from "../../databases/postgres/postgres-pools.ts";
import { beginsAnew, changeOf, clearsError } from "../control-change.ts";
import { type OpenStep, writeOpenSteps } from "../open-steps.ts";
import { errorCode, type NewEvent, runChanged } from "../run-events.ts";
import { openStepsOf, type RunRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import type { DatabaseTime } from "./database-time.ts";
import { isRunId } from "./run-id.ts";
import { parentIdSql } from "./run-parent.ts";
import { wakeSql } from "./wake-sql.ts";

/** What is read of a run whose row is locked, to change it from outside. */
export type Locked = Pick<
  RunRow,
  | "run_id"
  | "workflow_name"
  | "version"
  | "open_steps"
  | "open_version"
  | "open_since"
  | "ends_as"
  | "has_undo"
  | "inherited"
> & { readonly status: RunStatus };

export const LOCKED_COLUMNS =
  "run_id, workflow_name, status, version, open_steps, open_version, open_since, ends_as, has_undo, inherited";

interface Scope {
  readonly query: Query;
  readonly tables: StateTables;
  /** A virtual time; null for the database's own. */
  readonly at: string | null;
}

/** What became of a control. */
export interface Controlled {
  readonly result: CommitResult;
  /** The runs that were changed. */
  readonly runIds: readonly string[];
}

/** Changes a run from outside, inside a transaction: its row is locked first, so that what is read of it stays. */
export async function controlRun(
  scope: Scope & { readonly time: DatabaseTime },
  commit: ControlCommit,
): Promise<Controlled> {
  const { runId, from, withChildren = false } = commit;
  if (!isRunId(runId)) return { result: { result: "missing" }, runIds: [] };
  const { query, tables: t } = scope;
  const [run] = await query<Locked>(
    `SELECT ${LOCKED_COLUMNS} FROM ${t.workflow_runs} WHERE run_id = $1 FOR UPDATE`,
    [runId],
  );
  if (!run) return { result: { result: "missing" }, runIds: [] };
  if (!from.includes(run.status)) return { result: { result: "conflict", status: run.status }, runIds: [] };
  const below = withChildren ? await lockBelow(scope, runId) : [];
  const asked = [run, ...below.filter(({ status }) => from.includes(status))];
  const toUndo = commit.undoing ? await toBeUndone(scope, asked) : NONE;
  const all = asked.flatMap((each): readonly Controlling[] => {
    const change = changeOf(commit, { ...each, hasToUndo: toUndo.has(each.run_id) });
    return change ? [{ run: each, change }] : [];
  });
  const versions = new Map<Locked, number>();
  // Those with the same change are changed together.
  for (const [change, group] of Map.groupBy(all, (one) => one.change)) {
    const alike = group.map((one) => one.run);
    const reached = await changeAll(scope, commit, change, alike);
    for (const [index, each] of alike.entries()) versions.set(each, reached[index] ?? each.version);
  }
  const own = all.find((one) => one.run === run);
  const status = own?.change.status ?? run.status;
  const version = versions.get(run) ?? run.version;
  return {
    result: {
      result: "committed",
      version,
      controlled: { workflow: run.workflow_name, status, changed: own !== undefined },
    },
    runIds: all.map((one) => one.run.run_id),
  };
}

const NONE: ReadonlySet<string> = new Set();

interface Controlling {
  readonly run: Locked;
  readonly change: RunChange;
}

/** Of runs whose rows are locked: those with a COMPLETED step of their own that may have to be undone. */
async function toBeUndone(
  { query, tables: t }: Scope,
  runs: readonly Locked[],
): Promise<ReadonlySet<string>> {
  const able = runs.filter(({ has_undo }) => has_undo);
  if (able.length === 0) return NONE;
  const rows = await query<{ readonly run_id: string }>(
    `SELECT r.run_id::text AS run_id FROM unnest($1::uuid[], $2::int4[]) AS r(run_id, inherited) WHERE EXISTS (
  SELECT FROM ${t.workflow_step_runs} s WHERE s.run_id = r.run_id AND s.seq > r.inherited AND s.status = 'COMPLETED')`,
    [able.map(({ run_id }) => run_id), able.map(({ inherited }) => inherited)],
  );
  return new Set(rows.map(({ run_id }) => run_id));
}

/** Changes runs whose rows are locked, all in the same way; returns the versions that they reach. */
async function changeAll(
  scope: Scope & { readonly time: DatabaseTime },
  { reason }: ControlCommit,
  change: RunChange,
  runs: readonly Locked[],
): Promise<readonly number[]> {
  const runIds = runs.map(({ run_id }) => run_id);
  await keepEnds(
    scope,
    runs.flatMap(({ run_id, status }) => (isTerminal(status) ? [run_id] : [])),
  );
  const cancelled = await cancelSteps(scope, runs, null);
  const versions = runs.map(({ version }, index) => version + (cancelled[index] ?? 0) + 1);
  await changeRows(scope, change, runs, versions);
  await tell(scope, runIds, versions, runChanged(change.status, { reason, ...errorCode(change.error) }));
  if (isTerminal(change.status)) await wakeParents(scope, runIds);
  return versions;
}

/**
 * Queues a RUNNING run, whose row is locked, again: its worker stops by itself, so no crash is counted. Attempts that only
 * wait go on waiting, as no code of them is lost.
 */
export async function releaseRun(
  scope: Scope,
  run: Locked,
  worker: string,
  stopped: SpineError,
): Promise<void> {
  const waiting = openStepsOf(run).filter(({ wait }) => wait !== undefined);
  const isCode = ({ wait }: OpenStep) => wait === undefined;
  const [cancelled = 0] = await cancelSteps(scope, [run], JSON.stringify(stopped), isCode);
  const version = run.version + cancelled + 1;
  await scope.query(
    `UPDATE ${scope.tables.workflow_runs} SET status = 'PENDING', worker = NULL, token = token + 1, version = $2,
  open_steps = $4::json, available_at = coalesce($3::timestamptz, now())
WHERE run_id = $1`,
    [run.run_id, version, scope.at, writeOpenSteps(waiting)],
  );
  await tell(scope, [run.run_id], [version], { type: "run.released", data: { worker } });
}

/**
 * Locks all runs below a run that steps wait for, in the order of their ids. Looked for again until there are no others: an
 * owner may have started one before its own row was locked, and can start none from then on.
 */
async function lockBelow({ query, tables: t }: Scope, runId: string): Promise<readonly Locked[]> {
  const all: Locked[] = [];
  for (;;) {
    const found = await query<Locked>(
      `WITH RECURSIVE below AS (
  SELECT $1::uuid AS run_id
  UNION
  SELECT r.run_id FROM below b JOIN ${t.workflow_runs} r
    ON r.parent_run_id = b.run_id::text AND r.parent_step IS NOT NULL)
SELECT ${LOCKED_COLUMNS} FROM ${t.workflow_runs}
WHERE run_id IN (SELECT run_id FROM below) AND run_id <> ALL ($2::uuid[]) ORDER BY run_id FOR UPDATE`,
      [runId, [runId, ...all.map(({ run_id }) => run_id)]],
    );
    if (found.length === 0) return all;
    all.push(...found);
  }
}

async function changeRows(
  { query, tables: t, at, time }: Scope & { readonly time: DatabaseTime },
  change: RunChange,
  runs: readonly Locked[],
  versions: readonly number[],
): Promise<void> {
  const { status, outputs, error, availableAt, endsAs, inbox } = change;
  const queued = status === "PENDING";
  const anew = "c.anew AND r.deadline_at IS NOT NULL";
  const length = "coalesce(r.deadline_ms * interval '1 millisecond', r.deadline_at - r.created_at)";
  // A run that another start could change waits for its first beginning: it is none any more, whatever it is from now on.
  await query(
    `UPDATE ${t.workflow_runs} r SET
  status = $3::text, version = c.version, token = r.token + 1, open_steps = NULL, debounce_key = NULL,
  worker = CASE WHEN $3::text = 'RUNNING' THEN r.worker END,
  outputs = CASE WHEN $4::bool THEN NULL ELSE coalesce($5::json, r.outputs) END,
  error = CASE WHEN $6::bool OR c.clears THEN $7::json ELSE r.error END,
  available_at = CASE WHEN $3::text = 'PENDING' THEN coalesce($8::timestamptz, $9::timestamptz, now())
    WHEN $3::text = 'WAITING' THEN
      CASE WHEN r.inbox > $13::int4 THEN least($8::timestamptz, coalesce($9::timestamptz, now())) ELSE $8::timestamptz END
    WHEN $3::text = 'PAUSED' AND r.ends_as IS NULL THEN r.deadline_at END,
  deadline_at = CASE WHEN ${anew} THEN coalesce($9::timestamptz, now()) + ${length} ELSE r.deadline_at END,
  deadline_ms = CASE WHEN ${anew} THEN extract(epoch FROM ${length}) * 1000 ELSE r.deadline_ms END,
  completed_at = CASE WHEN $10::bool THEN coalesce($9::timestamptz, now()) END,
  ends_as = CASE WHEN $11::bool THEN $12::text ELSE r.ends_as END,
  crashes = CASE WHEN r.completed_at IS NULL THEN r.crashes ELSE 0 END
FROM unnest($1::uuid[], $2::int8[], $14::bool[], $15::bool[]) AS c(run_id, version, clears, anew) WHERE r.run_id = c.run_id`,
    [
      runs.map(({ run_id }) => run_id),
      versions,
      status,
      // Queued again: what it ended with the last time is not its result any more.
      queued && outputs === undefined,
      outputs ?? null,
      error !== undefined,
      error ? JSON.stringify(error) : null,
      availableAt == null ? null : time.toDatabase(availableAt),
      at,
      isTerminal(status),
      endsAs !== undefined,
      endsAs ?? null,
      inbox ?? null,
      runs.map(({ ends_as }) => clearsError(change, ends_as)),
      runs.map((run) => beginsAnew(change, run.status)),
    ],
  );
}

/** Ends the attempts under way; returns how many of each run, each with an event of its own. */
async function cancelSteps(
  { query, tables: t, at }: Scope,
  runs: readonly Locked[],
  error: string | null,
  which: (step: OpenStep) => boolean = () => true,
): Promise<readonly number[]> {
  const cancelled = runs.map((run) => ({ run, open: openStepsOf(run).filter(which) }));
  const steps = cancelled.flatMap(({ run, open }) =>
    open.map((step, index) => ({ ...step, runId: run.run_id, ended: run.version + index + 1 })),
  );
  if (steps.length > 0) {
    await query(
      `INSERT INTO ${t.workflow_step_runs} (run_id, seq, attempt, begun_event, ended_event, started_at, completed_at,
  step_name, step_type, status, error)
SELECT s.run_id, s.seq, s.attempt, s.begun, s.ended, s.started_at, coalesce($9::timestamptz, now()), s.name, s.kind,
  'CANCELLED', $10::json
FROM unnest($1::uuid[], $2::int4[], $3::int4[], $4::int8[], $5::int8[], $6::timestamptz[], $7::text[], $8::text[])
  AS s(run_id, seq, attempt, begun, ended, started_at, name, kind)`,
      [
        steps.map(({ runId }) => runId),
        steps.map(({ seq }) => seq),
        steps.map(({ attempt }) => attempt),
        steps.map(({ event }) => event),
        steps.map(({ ended }) => ended),
        steps.map((step) => step.at),
        steps.map(({ name }) => name),
        steps.map(({ kind }) => kind),
        at,
        error,
      ],
    );
  }
  return cancelled.map(({ open }) => open.length);
}

/** The end of a run is told by its row; before that changes, it becomes a row of its own. */
async function keepEnds({ query, tables: t }: Scope, runIds: readonly string[]): Promise<void> {
  if (runIds.length === 0) return;
  await query(
    `INSERT INTO ${t.run_events} (run_id, seq, type, at, data)
SELECT run_id, version, 'run.' || lower(status), completed_at, json_strip_nulls(json_build_object('error_code', error->>'code'))
FROM ${t.workflow_runs} WHERE run_id = ANY ($1::uuid[]) ON CONFLICT DO NOTHING`,
    [runIds],
  );
}

async function tell(
  { query, tables: t, at }: Scope,
  runIds: readonly string[],
  versions: readonly number[],
  { type, data }: NewEvent,
): Promise<void> {
  await query(
    `INSERT INTO ${t.run_events} (run_id, seq, type, at, data)
SELECT e.run_id, e.seq, $3::text, coalesce($4::timestamptz, now()), $5::json FROM unnest($1::uuid[], $2::int8[]) AS e(run_id, seq)`,
    [runIds, versions, type, at, JSON.stringify(data)],
  );
}

/** The end of a run that a step waits for is a message to that step's run. */
async function wakeParents({ query, tables: t, at }: Scope, runIds: readonly string[]): Promise<void> {
  await query(
    `UPDATE ${t.workflow_runs} r SET inbox = r.inbox + w.ended, ${wakeSql("r", "coalesce($2::timestamptz, now())")}
FROM (
  SELECT parent_run_id, count(*) AS ended FROM ${t.workflow_runs}
  WHERE run_id = ANY ($1::uuid[]) AND parent_step IS NOT NULL GROUP BY parent_run_id ORDER BY parent_run_id) AS w
WHERE r.run_id = ${parentIdSql("w")}`,
    [runIds, at],
  );
}
