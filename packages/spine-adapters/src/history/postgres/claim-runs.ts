import type { Claim, ClaimedRun, ClaimRequest } from "spine-core";
import { isConnectionLost } from "../../databases/postgres/postgres-error.ts";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import type { RunPositions } from "../run-positions.ts";
import {
  type CheckpointRow,
  type RunRow,
  readCheckpoint,
  readRun,
  readSteps,
  type StepRow,
} from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { claimStatement } from "./claim-statement.ts";
import { positionOf } from "./look-at-runs.ts";
import { RUN_COLUMNS, STEP_COLUMNS } from "./run-select.ts";

interface Scope {
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  readonly at: string | null;
  /** Workers that may be gone. */
  readonly suspects: readonly string[];
  /** The number of this write, by which its runs are found when its answer is lost. */
  readonly writeSeq: number;
}

type ClaimRow = RunRow & { readonly next_at: string | null };

/** Takes what is due, and what workers that are gone have left. */
export async function claimRuns(
  scope: Scope,
  request: ClaimRequest,
  positions: RunPositions,
): Promise<Claim> {
  const { pools, tables, at, suspects, writeSeq } = scope;
  const { worker, workflows, limit } = request;
  const values = [worker, workflows, limit, at, suspects, writeSeq];
  let lostAnswer = false;
  const rows = await pools.throughOutage(async () => {
    // What it gave us is ours, and nobody else would work on it.
    const found = lostAnswer ? await claimed(scope, worker) : [];
    if (found.length > 0) return found;
    try {
      return await pools.query<ClaimRow>("write", claimStatement(tables), values);
    } catch (error) {
      lostAnswer = isConnectionLost(error);
      throw error;
    }
  });
  const runs = rows.filter((row) => row.run_id !== null);
  for (const row of runs) positions.set(row.run_id, positionOf(row, worker));
  const next = rows[0]?.next_at ?? null;
  return { runs: await withSteps(scope, worker, runs), nextAt: next === null ? null : Date.parse(next) };
}

async function claimed({ pools, tables, writeSeq }: Scope, worker: string): Promise<readonly ClaimRow[]> {
  return await pools.query<ClaimRow>(
    "write",
    `SELECT NULL::timestamptz AS next_at, ${RUN_COLUMNS} FROM ${tables.workflow_runs}
WHERE status = 'RUNNING' AND worker = $1 AND write_seq = $2 ORDER BY run_id`,
    [worker, writeSeq],
  );
}

/** Runs that have never begun have nothing to read. */
async function withSteps(
  { pools, tables }: Scope,
  worker: string,
  rows: readonly RunRow[],
): Promise<readonly ClaimedRun[]> {
  const ids = rows.filter(({ attempts }) => attempts > 0).map(({ run_id }) => run_id);
  const [steps, checkpoints] =
    ids.length === 0
      ? [[], []]
      : await Promise.all([
          pools.ask<StepRow>(
            "write",
            `SELECT ${STEP_COLUMNS} FROM ${tables.workflow_step_runs} WHERE run_id = ANY ($1::uuid[]) ORDER BY run_id, seq`,
            [ids],
          ),
          pools.ask<CheckpointRow & { readonly run_id: string }>(
            "write",
            `SELECT run_id, step_name, checkpoint_key, value FROM ${tables.step_checkpoints} WHERE run_id = ANY ($1::uuid[])`,
            [ids],
          ),
        ]);
  const stepsOf = Map.groupBy(steps, ({ run_id }) => run_id);
  const checkpointsOf = Map.groupBy(checkpoints, ({ run_id }) => run_id);
  return rows.map((row) => {
    const run = readRun(row);
    return {
      run,
      steps: readSteps(row, stepsOf.get(row.run_id) ?? []),
      checkpoints: (checkpointsOf.get(row.run_id) ?? []).map(readCheckpoint),
      fence: { worker, token: run.token },
    };
  });
}
