import { SpineError } from "../errors.ts";
import { cancelInside, dropEarlierChild, fail } from "./begin-step.ts";
import type { Draft } from "./draft.ts";
import type { Waiting } from "./run-state.ts";

// The timeout of a step that is only code is a timer beside that code. One around other steps, or that waits for another run, may
// have no code under way, or be in no process at all: its time counts from the recorded begin of its attempt, and is looked at here.

/**
 * Fails the steps whose time is over, the one that was over first before the others: what is inside of them is cancelled. What has
 * ended by now has ended in time, however late that is looked at; so has what came for a step inside, and was not read yet.
 *
 * @param read true when what has come for the run was read.
 * @param goOn does what follows from one that has failed, before the next is looked at.
 * @returns false when no step's time is over, or it is to be read first what has come.
 */
export function endOverdue(draft: Draft, read: boolean, goOn: () => void): boolean {
  const due = draft.pastLimit();
  for (const path of due) {
    if (draft.ending || draft.failure) return false;
    if (!draft.isStill("limits", path)) continue;
    if (!read && awaitsMessage(draft, path)) {
      draft.overdue = draft.unread = true;
      return false;
    }
    cancelInside(draft, path);
    fail(draft, path, timeoutOf(draft, path));
    goOn();
  }
  return due.length > 0;
}

function awaitsMessage(draft: Draft, around: string): boolean {
  return draft
    .all<Waiting>("waiting")
    .some(
      ([path, { child, signal }]) => path.startsWith(`${around}/`) && (child !== null || signal !== null),
    );
}

/** The run that a step waits for has not ended in its time: it is cancelled. */
export function childOverdue(draft: Draft, path: string): void {
  dropEarlierChild(draft, path);
  fail(draft, path, timeoutOf(draft, path));
}

function timeoutOf(draft: Draft, path: string): SpineError {
  return stepTimeout(path, draft.at(path)?.timeoutMs ?? 0);
}

export function stepTimeout(step: string, ms: number): SpineError {
  return new SpineError("STEP_TIMEOUT", `Step "${step}" took longer than its timeout of ${ms} ms.`, {
    context: { step },
  });
}
