import { SpineError } from "../errors.ts";
import type { ChildEnd, Inbox, SignalRecord } from "../history/history-store.ts";
import { encodeJson, type JsonValue } from "../json.ts";
import { schemaIssues } from "../schema-issues.ts";
import type { WaitStep } from "../workflow/composite-steps.ts";
import { completeWait, fail } from "./begin-step.ts";
import type { Draft } from "./draft.ts";
import type { Waiting } from "./run-state.ts";

/** Gives what has come to the steps that wait for it: each signal to one of them, the first that waits. */
export function readMessages(draft: Draft, { count, signals, children }: Inbox): void {
  draft.inbox = Math.max(draft.inbox, count);
  draft.unread = false;
  if (draft.ending) return;
  const left = [...signals];
  for (const [path, { signal, child }] of draft.all<Waiting>("waiting")) {
    if (!draft.isStill("waiting", path)) continue;
    if (child !== null) {
      const ended = children.find(({ runId }) => runId === child);
      if (ended) childEnded(draft, path, ended);
    }
    if (signal === null) continue;
    const index = left.findIndex(({ name }) => name === signal);
    const [found] = index === -1 ? [] : left.splice(index, 1);
    if (found) signalCame(draft, path, found);
  }
}

function childEnded(draft: Draft, path: string, { runId, status, outputs, error }: ChildEnd): void {
  if (status === "COMPLETED") {
    completeWait(draft, path, (outputs ?? {}) as JsonValue);
    return;
  }
  fail(draft, path, error ? SpineError.fromJSON(error).withContext({ child: runId }) : childCancelled(runId));
}

function signalCame(draft: Draft, path: string, { signalId, name, payload }: SignalRecord): void {
  const step = draft.at(path);
  if (step?.kind !== "wait") return;
  draft.taken.push(signalId);
  const refused = step.isApproval ? refusal(path, payload) : undefined;
  if (refused) {
    fail(draft, path, refused);
    return;
  }
  try {
    completeWait(draft, path, checked(step, path, name, payload));
  } catch (error) {
    fail(draft, path, SpineError.from(error));
  }
}

/** The payload as the step's schema makes it; the sender's was checked already where the workflow is known there. */
function checked({ schema }: WaitStep, path: string, name: string, payload: JsonValue): JsonValue {
  if (!schema) return payload;
  const parsed = schema.safeParse(payload);
  if (parsed.success) {
    return JSON.parse(encodeJson(parsed.data, `the signal "${name}" of step "${path}"`)) as JsonValue;
  }
  const issues = schemaIssues(parsed.error);
  const list = issues.map(({ path: at, message }) => `${at}: ${message}`).join("; ");
  throw new SpineError(
    "SIGNAL_INVALID",
    `The signal "${name}" is not what step "${path}" waits for: ${list}.`,
    {
      detail: { issues },
    },
  );
}

function refusal(path: string, payload: JsonValue): SpineError | undefined {
  const { approved, by, comment } = (payload ?? {}) as Readonly<Record<string, unknown>>;
  if (approved === true) return undefined;
  const who = typeof by === "string" ? ` by ${by}` : "";
  const why = typeof comment === "string" && comment !== "" ? `: ${comment}` : ".";
  return new SpineError("APPROVAL_REJECTED", `Step "${path}" was not approved${who}${why}`);
}

function childCancelled(runId: string): SpineError {
  return new SpineError("RUN_CANCELLED", `The run ${runId}, which this step waited for, was cancelled.`, {
    context: { child: runId },
  });
}
