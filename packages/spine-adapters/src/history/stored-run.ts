import { type ClaimedRun, type Fence, type RunDetail, SpineError } from "spine-core";
import type { OpenStep } from "./open-steps.ts";
import type { ProgressRow } from "./progress-rows.ts";
import {
  type CheckpointRow,
  openStepsOf,
  type RunRow,
  readCheckpoint,
  readRun,
  readSteps,
  type StepRow,
} from "./run-rows.ts";

type OpenRow = Pick<RunRow, "open_steps" | "open_version" | "open_since">;

/** What is stored of a run that was just claimed. */
export interface ClaimedRows {
  readonly row: RunRow;
  readonly steps: readonly StepRow[];
  readonly checkpoints: readonly CheckpointRow[];
  readonly fence: Fence;
  readonly begun: boolean;
}

/**
 * A claimed run as the port has it. One whose rows cannot be read is handed on with the reason: it fails, while the others of
 * the claim go on, and nobody claims it again and again.
 */
export function readClaimed({ row, steps, checkpoints, fence, begun }: ClaimedRows): ClaimedRun {
  try {
    return {
      run: readRun(row),
      steps: readSteps(row, steps),
      checkpoints: checkpoints.map(readCheckpoint),
      fence,
      begun,
    };
  } catch (error) {
    const run = readRun({ ...row, ...NOTHING });
    const open = readSteps({ ...row, open_steps: openText(row) }, []);
    return { run, steps: open, checkpoints: [], fence, begun: false, unreadable: unreadable(error).toJSON() };
  }
}

/** A run with its attempts as the port has it. @throws SpineError PAYLOAD_UNREADABLE where its rows are damaged. */
export function readDetail(
  row: RunRow,
  steps: readonly StepRow[],
  progress: readonly ProgressRow[],
): RunDetail {
  try {
    return { run: readRun(row), steps: readSteps(row, steps, progress) };
  } catch (error) {
    throw unreadable(error).withContext({ runId: row.run_id });
  }
}

/** The attempts under way of a run, of which there are none where they cannot be read. */
export function openOrNone(row: OpenRow): readonly OpenStep[] {
  try {
    return openStepsOf(row);
  } catch {
    return [];
  }
}

const NOTHING = {
  partition: null,
  tags: null,
  params: "null",
  outputs: null,
  error: null,
  metrics: "{}",
} as const;

function openText(row: OpenRow): string | null {
  return openOrNone(row).length === 0 ? null : row.open_steps;
}

function unreadable(error: unknown): SpineError {
  return new SpineError(
    "PAYLOAD_UNREADABLE",
    `What is stored of this run cannot be read (${String(error)}): its rows were damaged, or changed by somebody else. Restore them from a backup, or start the run anew.`,
    { cause: error },
  );
}
