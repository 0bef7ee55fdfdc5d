import { z } from "zod";
import { SpineError, textOf } from "../errors.ts";
import type { SignalRecord } from "../history/history-store.ts";
import { encodeJson, type JsonValue } from "../json.ts";
import { schemaIssues } from "../schema-issues.ts";
import type { WaitStep } from "../workflow/composite-steps.ts";
import { everyStep, stepAt } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";

// One rule for whoever sends a signal and for the step that takes it, so that what was accepted is taken.

type Sent = Pick<SignalRecord, "name" | "payload">;
/** What a step makes of a signal: its output, or why it is none for this step. */
export type Reading = { readonly output: JsonValue } | { readonly error: SpineError };

const approvals = z.looseObject({
  approved: z.boolean(),
  by: z.string().optional(),
  comment: z.string().optional(),
});

/** What a step makes of a signal, whose payload is what JSON gave back. */
export function readSignal({ schema, isApproval }: WaitStep, { name, payload }: Sent): Reading {
  const expected = isApproval ? approvals : schema;
  if (!expected) return { output: payload };
  try {
    let parsed = expected.safeParse(payload);
    // Without a payload it is null in JSON, and undefined to a schema.
    if (!parsed.success && payload === null) {
      const without = expected.safeParse(undefined);
      if (without.success) parsed = without;
    }
    if (!parsed.success) return { error: doesNotFit(name, parsed.error) };
    const text = encodeJson(parsed.data ?? null, `what the schema made of the signal "${name}"`);
    return { output: JSON.parse(text) as JsonValue };
  } catch (error) {
    return { error: SpineError.is(error) ? error : schemaThrew(name, error) };
  }
}

/** The steps of a workflow that a signal of this name can be for. That of an approval is the path of its step. */
function waitersFor({ steps }: WorkflowData, name: string): readonly WaitStep[] {
  const waiters: WaitStep[] = [];
  const named = stepAt(steps, name);
  if (named?.kind === "wait" && named.isApproval) waiters.push(named);
  for (const step of everyStep(steps)) if (step.kind === "wait" && step.signal === name) waiters.push(step);
  return waiters;
}

/**
 * True for a signal that this step takes: it fits, or it fits none that waits for its name, so that no other step is kept from it.
 */
export function isFor(workflow: WorkflowData, step: WaitStep, signal: Sent): boolean {
  const fits = (one: WaitStep) => "output" in readSignal(one, signal);
  return fits(step) || !waitersFor(workflow, signal.name).some(fits);
}

/** Refuses a signal that no step of the workflow could take. */
export function checkSignal(workflow: WorkflowData, signal: Sent): void {
  const { name } = signal;
  const waiters = waitersFor(workflow, name);
  if (waiters.length === 0) throw awaitedByNone(workflow, name);
  const readings = waiters.map((step) => readSignal(step, signal));
  const [first] = readings;
  if (first && "error" in first && readings.every((reading) => "error" in reading)) throw first.error;
}

function awaitedByNone(workflow: WorkflowData, name: string): SpineError {
  const known = new Set<string>();
  for (const step of everyStep(workflow.steps)) {
    if (step.kind === "wait" && (step.signal !== null || step.isApproval))
      known.add(step.signal ?? step.name);
  }
  const list = [...known].map((one) => `"${one}"`).join(", ");
  return new SpineError(
    "VALIDATION_FAILED",
    `No step of "${workflow.name}" waits for a signal "${name}". It waits for ${list || "none"}. An approval goes to the path of its step ("review", "venues/XNYS/review").`,
    { detail: { issues: [{ path: "/name", message: "is waited for by no step" }] } },
  );
}

function doesNotFit(name: string, error: z.ZodError): SpineError {
  const issues = schemaIssues(error);
  const list = issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return new SpineError(
    "SIGNAL_INVALID",
    `The payload of the signal "${name}", as JSON gives it back, does not fit its schema: ${list}.`,
    { detail: { issues } },
  );
}

/** Of a schema that cannot say at once what fits it, too. */
function schemaThrew(name: string, error: unknown): SpineError {
  return new SpineError(
    "SIGNAL_INVALID",
    `The schema of the signal "${name}" threw: ${textOf(error)} It has to be synchronous; what takes time belongs into a step behind the wait.`,
    { cause: error },
  );
}
