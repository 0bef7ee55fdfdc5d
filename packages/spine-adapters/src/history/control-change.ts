import { type ControlCommit, isTerminal, type RunChange, type RunStatus } from "spine-core";

/** What is read of a run whose row is locked, to decide what a control makes of it. */
export interface ControlledRow {
  readonly status: RunStatus;
  readonly ends_as: string | null;
  /** Its workflow has an undo, and a step of its own is COMPLETED. */
  readonly hasToUndo: boolean;
}

/** It is being undone already, and goes on with that. */
const GOES_ON: RunChange = { status: "PENDING" };

/** What a control makes of a run that is in a status for it; null when the run stays as it is. */
export function changeOf({ change, undoing }: ControlCommit, run: ControlledRow): RunChange | null {
  if (!undoing) return change;
  if (run.ends_as !== null) return run.status === "PAUSED" ? GOES_ON : null;
  return run.hasToUndo ? undoing : change;
}

/** True where an earlier error of a run is none any more: it is queued again, and not on its way to an end. */
export function clearsError({ status, error, endsAs }: RunChange, endsAsBefore: string | null): boolean {
  if (status !== "PENDING" || error !== undefined) return false;
  return (endsAs === undefined ? endsAsBefore : endsAs) === null;
}

/** True where the deadline of a run begins anew: it had ended, and is tried again. */
export function beginsAnew({ status }: RunChange, before: RunStatus): boolean {
  return isTerminal(before) && status === "PENDING";
}
