import type { RunPosition, RunPositions } from "../run-positions.ts";
import type { RunRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { openOrNone } from "../stored-run.ts";
import { parentOf } from "./run-parent.ts";

type Position = Pick<
  RunRow,
  | "run_id"
  | "status"
  | "worker"
  | "token"
  | "attempts"
  | "open_steps"
  | "open_version"
  | "open_since"
  | "parent_run_id"
  | "parent_step"
>;

/** Executes a query and returns its rows. */
type Ask = (sql: string, values: readonly unknown[]) => Promise<readonly unknown[]>;

/** Reads what writes to runs start from: for runs of which this process knows nothing, or something that was wrong. */
export async function lookAtRuns(
  ask: Ask,
  t: StateTables,
  runIds: readonly string[],
  positions: RunPositions,
): Promise<void> {
  const rows = (await ask(
    `SELECT run_id, status, worker, token, attempts, open_steps, open_version, open_since, parent_run_id, parent_step FROM ${t.workflow_runs}
WHERE run_id = ANY ($1::uuid[])`,
    [runIds],
  )) as readonly Position[];
  const found = new Map(rows.map((row) => [row.run_id, row]));
  for (const runId of runIds) {
    const row = found.get(runId);
    const owner = row?.status === "RUNNING" ? row.worker : null;
    positions.set(runId, row ? positionOf(row, owner ?? "") : "missing");
  }
}

/** What a worker that owns a run knows of it from its row. */
export function positionOf(row: Omit<Position, "status" | "worker">, worker: string): RunPosition {
  const { token, attempts, open_version, parent_run_id, parent_step } = row;
  const parent = parentOf(parent_run_id, parent_step);
  return { worker, token, attempts, open: openOrNone(row), seen: open_version ?? 0, parent };
}
