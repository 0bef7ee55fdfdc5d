import { SpineError } from "../errors.ts";
import type { ChildEnd, Inbox, SignalRecord } from "../history/history-store.ts";
import type { JsonValue } from "../json.ts";
import type { WaitStep } from "../workflow/composite-steps.ts";
import { ADOPT } from "./adopted-runs.ts";
import { completeWait, fail } from "./begin-step.ts";
import type { Draft } from "./draft.ts";
import type { Waiting } from "./run-state.ts";
import { isFor, readSignal } from "./signals.ts";

/** Gives what has come to the steps that wait for it: each signal to one of them, the first that waits. */
export function readMessages(draft: Draft, { count, signals, children }: Inbox): void {
  draft.inbox = Math.max(draft.inbox, count);
  draft.unread = false;
  if (draft.ending) return;
  const left = signals.filter(({ name }) => name !== ADOPT);
  for (const { name, signalId } of signals) if (name === ADOPT) draft.taken.push(signalId);
  for (const [path, { until, signal, child }] of draft.all<Waiting>("waiting")) {
    if (!draft.isStill("waiting", path)) continue;
    if (child !== null) {
      const ended = children.find(({ runId }) => runId === child);
      if (ended) childEnded(draft, path, ended);
    }
    if (signal === null) continue;
    const step = draft.at(path);
    if (step?.kind !== "wait") continue;
    const index = left.findIndex(
      (one) => one.name === signal && isInTime(one, until) && isFor(draft.workflow, step, one),
    );
    const [found] = index === -1 ? [] : left.splice(index, 1);
    if (found) signalCame(draft, path, step, found);
  }
}

function childEnded(draft: Draft, path: string, { runId, status, outputs, error }: ChildEnd): void {
  if (status === "COMPLETED") {
    completeWait(draft, path, (outputs ?? {}) as JsonValue);
    return;
  }
  fail(draft, path, error ? SpineError.fromJSON(error).withContext({ child: runId }) : childCancelled(runId));
}

/** What was sent before the time was over counts, however long it took until somebody read it. */
function isInTime({ sentAt }: SignalRecord, until: number | null): boolean {
  return until === null || Date.parse(sentAt) <= until;
}

function signalCame(draft: Draft, path: string, step: WaitStep, signal: SignalRecord): void {
  draft.taken.push(signal.signalId);
  const reading = readSignal(step, signal);
  const error = "error" in reading ? reading.error : step.isApproval ? refusal(path, signal.payload) : null;
  if (error) fail(draft, path, error);
  else if ("output" in reading) completeWait(draft, path, reading.output);
}

function refusal(path: string, payload: JsonValue): SpineError | null {
  const { approved, by, comment } = (payload ?? {}) as Readonly<Record<string, unknown>>;
  if (approved === true) return null;
  const who = typeof by === "string" ? ` by ${by}` : "";
  const why = typeof comment === "string" && comment !== "" ? `: ${comment}` : ".";
  return new SpineError("APPROVAL_REJECTED", `Step "${path}" was not approved${who}${why}`);
}

function childCancelled(runId: string): SpineError {
  return new SpineError("RUN_CANCELLED", `The run ${runId}, which this step waited for, was cancelled.`, {
    context: { child: runId },
  });
}
