import type { DueRuns } from "spine-core";

/** Runs of a workflow that are due, as both databases count them. */
export interface DueRow {
  readonly workflow: string;
  readonly runs: number;
  readonly oldest: string;
  readonly foreign_runs: number;
}

export function readDue({ workflow, runs, oldest, foreign_runs }: DueRow): DueRuns {
  return { workflow, runs, oldestDueAt: oldest, ...(foreign_runs > 0 ? { foreign: foreign_runs } : {}) };
}
