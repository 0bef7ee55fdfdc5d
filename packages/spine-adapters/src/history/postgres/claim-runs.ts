import type { Claim, ClaimedRun, ClaimRequest, Clock } from "spine-core";
import { isConnectionLost } from "../../databases/postgres/postgres-error.ts";
import type { PostgresPools, Query } from "../../databases/postgres/postgres-pools.ts";
import { isoTime } from "../iso-time.ts";
import type { BegunStep } from "../open-steps.ts";
import type { RunPositions } from "../run-positions.ts";
import type { CheckpointRow, RunRow, StepRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { readClaimed } from "../stored-run.ts";
import { claimStatement } from "./claim-statement.ts";
import type { DatabaseTime } from "./database-time.ts";
import { FIRST_EVENT, firstAttemptsText } from "./first-attempts.ts";
import { positionOf } from "./look-at-runs.ts";
import { pinnedText } from "./pinned-sql.ts";
import { planClaim } from "./plan-claim.ts";
import { RUN_COLUMNS, STEP_COLUMNS } from "./run-select.ts";

interface Scope {
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  readonly at: string | null;
  readonly time: DatabaseTime;
  readonly clock: Clock;
  /** Workers that may be gone. */
  readonly suspects: readonly string[];
  /** The number of this write, by which its runs are found when its answer is lost. */
  readonly writeSeq: number;
}

/** A run that was claimed (nothing where there is none), with what the statement said besides. */
type ClaimRow = RunRow & {
  readonly next_at: string | null;
  /** Runs wait in queues with limits. */
  readonly limited: boolean;
  /** Runs that are due were taken; false while it is not known which of queues with limits go before them. */
  readonly ahead: boolean;
  readonly asked_at: string;
};

interface Rows {
  readonly rows: readonly ClaimRow[];
  /** Ms since the epoch. */
  readonly nextAt: number | null;
}

/** Takes what is due, and what workers that are gone have left. */
export async function claimRuns(
  scope: Scope,
  request: ClaimRequest,
  positions: RunPositions,
): Promise<Claim> {
  const { worker, signal } = request;
  const { time } = scope;
  let lostAnswer = false;
  const { rows, nextAt } = await scope.pools.throughOutage(async (): Promise<Rows> => {
    // What it gave us is ours, and nobody else would work on it.
    const found = lostAnswer ? await claimed(scope, worker) : [];
    if (found.length > 0) return { rows: found, nextAt: null };
    try {
      return await claimOnce(scope, request);
    } catch (error) {
      lostAnswer = isConnectionLost(error);
      throw error;
    }
  }, signal);
  for (const row of rows) positions.set(row.run_id, positionOf(row, worker));
  const runs = await withSteps(scope, request, rows);
  return { runs, nextAt: nextAt === null ? null : time.fromDatabase(isoTime(nextAt)) };
}

/**
 * One statement where no runs wait in queues with limits. Otherwise it is looked first who may be let in: only where
 * there is somebody are the queues locked, looked at again, and claimed from, in one transaction.
 */
async function claimOnce(scope: Scope, request: ClaimRequest): Promise<Rows> {
  const { pools, tables, at } = scope;
  const query: Query = (sql, values) => pools.query("write", sql, values);
  const { time, clock } = scope;
  const before = clock.now();
  const all = await query<ClaimRow>(claimSql(scope, request), claimValues(scope, request, null));
  const [answer] = all;
  if (answer) time.compare(answer.asked_at, before, clock.now());
  const first = readRows(all);
  if (!answer?.limited) return first;
  // These are ours by now, whatever comes of what follows: it is looked again at once.
  if (first.rows.length > 0) return { rows: first.rows, nextAt: Date.parse(answer.asked_at) };

  const plan = await planClaim({ query, tables, at }, request, null);
  if (!plan || plan.chosen.length === 0) {
    const open = answer.ahead
      ? first
      : readRows(await query<ClaimRow>(claimSql(scope, request), claimValues(scope, request, [])));
    return { rows: open.rows, nextAt: earlier(open.nextAt, plan?.nextAt ?? null) };
  }
  return await pools.inTransaction("write", (query) =>
    claimLocked({ ...scope, query }, request, plan.queues),
  );
}

/** How long the queues may be locked while this process does not go on, e.g. because a step keeps its thread. */
const HOLD_MS = 2_000;

/**
 * Claims with the queues locked, always in the order of their names. The claim comes last: its locks end with the commit.
 * The server ends a transaction that does nothing for too long, which is then as an answer that was lost.
 */
async function claimLocked(
  scope: Scope & { readonly query: Query },
  request: ClaimRequest,
  queues: readonly string[],
): Promise<Rows> {
  const { query, tables, at } = scope;
  await query(
    `SELECT name, set_config('idle_in_transaction_session_timeout', '${HOLD_MS}', true) FROM ${tables.queues}
WHERE name = ANY ($1::text[]) ORDER BY name FOR UPDATE`,
    [queues],
  );
  const plan = await planClaim({ query, tables, at }, request, queues);
  const picked = plan?.chosen.map(({ runId }) => runId) ?? [];
  const values = claimValues({ ...scope, at: plan?.at ?? at }, request, picked);
  const { rows, nextAt } = readRows(await query<ClaimRow>(claimSql(scope, request), values));
  const taken = new Set(rows.map(({ run_id }) => run_id));
  // Somebody is changing one of them from outside, or more urgent ones without limits were there: it may still be due.
  const again = plan && picked.some((runId) => !taken.has(runId)) ? Date.parse(plan.at) : null;
  return { rows, nextAt: earlier(again, earlier(nextAt, plan?.nextAt ?? null)) };
}

function claimSql({ tables }: Pick<Scope, "tables">, request: ClaimRequest): string {
  return claimStatement(tables, pinnedText(request) !== undefined);
}

function claimValues(
  { at, suspects, writeSeq }: Scope,
  request: ClaimRequest,
  picked: readonly string[] | null,
): readonly unknown[] {
  const { worker, workflows, limit, first } = request;
  const pinned = pinnedText(request);
  const values = [worker, workflows, limit, at, suspects, writeSeq, picked, firstAttemptsText(first)];
  return pinned === undefined ? values : [...values, pinned];
}

function readRows(all: readonly ClaimRow[]): Rows {
  const next = all[0]?.next_at ?? null;
  return {
    rows: all.filter((row) => row.run_id !== null),
    nextAt: next === null ? null : Date.parse(next),
  };
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

async function claimed({ pools, tables, writeSeq }: Scope, worker: string): Promise<readonly ClaimRow[]> {
  return await pools.query<ClaimRow>(
    "write",
    `SELECT ${RUN_COLUMNS} FROM ${tables.workflow_runs}
WHERE status = 'RUNNING' AND worker = $1 AND write_seq = $2 ORDER BY run_id`,
    [worker, writeSeq],
  );
}

/**
 * True for a run whose attempts were begun by the claim itself: all are under way as it wrote them (first-attempts.ts), and
 * nothing was written since the version from which they count. Told by its row, because the answer of a claim may be lost.
 */
function isBegunByClaim(row: RunRow): boolean {
  const { attempts, version, open_version, open_steps } = row;
  if (attempts === 0 || open_version !== version - 1 - attempts || open_steps === null) return false;
  const isAsWritten = ({ pos, wait }: Partial<BegunStep>, index: number) =>
    pos === index + FIRST_EVENT && wait === undefined;
  try {
    const open = JSON.parse(open_steps) as readonly Partial<BegunStep>[];
    return open.length === attempts && open.every(isAsWritten);
  } catch {
    // Damaged: whoever reads the run finds that too.
    return false;
  }
}

/** Runs that had never begun have nothing to read, but for those that repeat another one and were given records with it. What cannot be read does not keep the others of the claim. */
async function withSteps(
  { pools, tables, time }: Scope,
  { worker, signal }: ClaimRequest,
  rows: readonly RunRow[],
): Promise<readonly ClaimedRun[]> {
  const begunBefore = rows.filter((row) => row.attempts > 0 && !isBegunByClaim(row));
  const ids = begunBefore.map(({ run_id }) => run_id);
  const given = rows.filter((row) => row.rerun_of !== null || begunBefore.includes(row));
  const withRecords = given.map(({ run_id }) => run_id);
  const [steps, checkpoints] =
    withRecords.length === 0
      ? [[], []]
      : await Promise.all([
          pools.ask<StepRow>(
            "write",
            `SELECT ${STEP_COLUMNS} FROM ${tables.workflow_step_runs} WHERE run_id = ANY ($1::uuid[]) ORDER BY run_id, seq`,
            [ids],
            signal,
          ),
          pools.ask<CheckpointRow & { readonly run_id: string }>(
            "write",
            `SELECT run_id, step_name, checkpoint_key, value FROM ${tables.step_checkpoints} WHERE run_id = ANY ($1::uuid[])`,
            [withRecords],
            signal,
          ),
        ]);
  const stepsOf = Map.groupBy(steps, ({ run_id }) => run_id);
  const checkpointsOf = Map.groupBy(checkpoints, ({ run_id }) => run_id);
  // They are compared with our clock.
  const ours = (at: string | null) => (at === null ? null : isoTime(time.fromDatabase(at)));
  return rows.map((row) => {
    const claimed = readClaimed({
      row,
      steps: stepsOf.get(row.run_id) ?? [],
      checkpoints: checkpointsOf.get(row.run_id) ?? [],
      fence: { worker, token: row.token },
      begun: isBegunByClaim(row),
    });
    const { run } = claimed;
    return {
      ...claimed,
      run: run.deadline === null ? run : { ...run, deadline: ours(run.deadline) },
      steps: claimed.steps.map((step) => {
        // The time of a step that has a timeout counts from its begin.
        if (step.completedAt === null) {
          return {
            ...step,
            startedAt: isoTime(time.fromDatabase(step.startedAt)),
            waitingUntil: ours(step.waitingUntil),
          };
        }
        return step.retryAt === null ? step : { ...step, retryAt: ours(step.retryAt) };
      }),
    };
  });
}
