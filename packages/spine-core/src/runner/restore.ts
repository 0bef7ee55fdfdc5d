import { countsAsFailure, SpineError } from "../errors.ts";
import type { CheckpointRecord, RunDetail, RunRecord, StepRecord } from "../history/records.ts";
import { deepFreeze, type JsonValue } from "../json.ts";
import type { Step } from "../workflow/step.ts";
import { isUndo, nameIn, parentOf, stepAt, undoneBy, undoOf } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { endOf, hasCase, orderOf, PLAN } from "./begin-step.ts";
import { cursorsIn } from "./cursor-marks.ts";
import type { Ended } from "./durable.ts";
import type { Plan } from "./plan.ts";
import { dropRetry, isReached, restoreOrder } from "./restore-order.ts";
import { NOT_BEGUN, newRun, type RunState, type StepState } from "./run-state.ts";
import { undosLeft, withFailedUndos } from "./undo.ts";

/**
 * The state of a claimed run, and the attempts whose code its earlier owner left under way: they are lost, and count as
 * ended without counting as failures.
 */
export function restore(
  workflow: WorkflowData,
  { run, steps: records }: RunDetail,
  checkpoints: readonly CheckpointRecord[],
): { readonly state: RunState; readonly lost: readonly Ended[] } {
  const state = newRun(run.deadline === null ? null : Date.parse(run.deadline));
  const plans = plansIn(checkpoints);
  for (const [step, cursors] of cursorsIn(checkpoints)) state.cursors.set(step, cursors);
  state.resumes = true;
  state.begun = records.length;
  let undoing = false;
  for (const record of records) {
    // While a run is undone nothing else begins: it was retried since.
    if (undoing && !isUndo(record.name)) undoAnew(state);
    undoing = isUndo(record.name);
    restoreAttempt(workflow, state, record, plans, run);
  }
  for (const path of state.retries.keys()) {
    // A run that is on its way to its end only undoes, and one that goes on does not.
    const isOther = isUndo(path) === (run.endsAs === null);
    if (isOther || !(isUndo(path) || isReached(workflow, state, path))) dropRetry(state, path);
  }
  for (const path of state.waiting.keys()) {
    if (!isReached(workflow, state, path)) waitAnew(state, path);
  }
  restoreOrder(workflow, state);
  state.unread = [...state.waiting.values()].some(({ signal, child }) => signal !== null || child !== null);
  if (run.endsAs === null) undoAnew(state);
  else state.ending = { as: run.endsAs, error: withFailedUndos(state, run.error), left: undosLeft(state) };
  const lost = [...state.running].map(([step, attempt]) => ({
    step,
    attempt,
    failure: workerLost(run.worker),
  }));
  return { state, lost };
}

/** The plans of attempts: step → attempt → plan. */
function plansIn(checkpoints: readonly CheckpointRecord[]): ReadonlyMap<string, ReadonlyMap<number, Plan>> {
  const plans = new Map<string, Map<number, Plan>>();
  for (const { step, key, value } of checkpoints) {
    if (!key.startsWith(PLAN)) continue;
    const ofStep = plans.get(step) ?? new Map<number, Plan>();
    plans.set(step, ofStep.set(Number(key.slice(PLAN.length)), value as Plan));
  }
  return plans;
}

function restoreAttempt(
  workflow: WorkflowData,
  state: RunState,
  record: StepRecord,
  plans: ReadonlyMap<string, ReadonlyMap<number, Plan>>,
  { inherited }: Pick<RunRecord, "inherited">,
): void {
  const { name: path, attempt, status, seq } = record;
  // With a new attempt, what an earlier one failed with is over.
  const { error: _error, endsBy: earlier, ...before } = state.steps.get(path) ?? NOT_BEGUN;
  const step = isUndo(path) ? undefined : stepAt(workflow.steps, path);
  const found = plans.get(path)?.get(attempt);
  state.retries.delete(path);
  if (!isFinished(record) && !isStill(workflow, state, record, found)) {
    // The workflow has it no more, or as something else: what is under way of it ends, and it begins anew where there is one.
    if (record.completedAt === null) state.interrupted.set(path, { attempt, child: found?.child ?? null });
    state.steps.set(path, { ...NOT_BEGUN, attempt, generation: before.generation ?? 0 });
    return;
  }
  const plan = found ?? keptPlan(before, step, path);
  // What it has from the run that it repeats is that run's to undo.
  const order = step?.undo && seq > inherited ? { order: orderOf(before, step, seq) } : {};
  // An attempt that was cut short leaves its end to the next one.
  const endsBy = step && (earlier ?? endOf(step, Date.parse(record.startedAt)));
  const limit = endsBy !== undefined && isCutShort(record) ? { endsBy } : {};
  const at: StepState = { ...before, ...order, attempt, retryAt: null, ...(plan ? { plan } : {}), ...limit };
  switch (status) {
    case "COMPLETED":
      state.steps.set(path, { ...at, status });
      if (isUndo(path)) forget(state, undoneBy(path));
      keepOutput(workflow, state, path, deepFreeze(record.output));
      break;
    case "SKIPPED":
      state.steps.set(path, { ...at, status });
      break;
    case "FAILED":
      restoreFailure(state, path, at, before, record);
      break;
    case "WAITING": {
      // By this process's clock: the plan has that of the process which made it.
      const until = record.waitingUntil === null ? null : Date.parse(record.waitingUntil);
      state.steps.set(path, { ...at, status, plan: { ...plan, until } });
      state.waiting.set(path, { until, signal: plan?.signal ?? null, child: plan?.child ?? null });
      break;
    }
    case "RUNNING":
      state.steps.set(path, { ...at, status });
      if (isEntered(step, plan)) {
        state.entered.set(path, attempt);
        if (endsBy !== undefined) state.limits.set(path, endsBy);
      } else state.running.set(path, attempt);
      break;
    default:
      // Cancelled: it begins again when the run goes on.
      state.steps.set(path, { ...at, status: "PENDING" });
  }
}

/** True for an attempt that is under way, or whose process is gone or was stopped. */
function isCutShort({ completedAt, error }: StepRecord): boolean {
  return completedAt === null || error?.code === "STOPPED" || error?.code === "WORKER_LOST";
}

/**
 * A process that was stopped has ended what was around a step that waits, and left that waiting. It waits again once what is
 * around it has begun again: for the same run, until the same time.
 */
function waitAnew(state: RunState, path: string): void {
  const { attempt, ...at } = state.steps.get(path) ?? NOT_BEGUN;
  const { child, until } = state.waiting.get(path) ?? { child: null, until: null };
  const error = new SpineError("STOPPED", "The process was stopped that worked on what is around this wait.");
  state.waiting.delete(path);
  state.interrupted.set(path, { attempt, child: null, error });
  const endsBy = child !== null && until !== null ? { endsBy: until } : {};
  state.steps.set(path, { ...at, ...endsBy, attempt, status: "PENDING" });
}

/** What is finished stays so, whatever its step is by now. */
function isFinished({ status }: StepRecord): boolean {
  return status === "COMPLETED" || status === "SKIPPED";
}

/** True for an attempt whose step is what it was, and so is what is around it. */
function isStill(
  { steps }: WorkflowData,
  state: RunState,
  { name: path, kind }: StepRecord,
  plan: Plan | undefined,
): boolean {
  if (isUndo(path)) return Boolean(stepAt(steps, undoneBy(path))?.undo);
  const step = stepAt(steps, path);
  if (step?.kind !== kind || (plan && !isPlanOf(step, path, plan))) return false;
  for (let around = parentOf(path); around !== null; around = parentOf(around)) {
    if (state.interrupted.has(around)) return false;
  }
  return true;
}

/** False for what a step found out before it was changed: its case is gone, or it waits for another signal. */
function isPlanOf(step: Step, path: string, plan: Plan): boolean {
  if (step.kind === "choice") return hasCase(step, plan);
  if (step.kind !== "wait") return true;
  return (plan.signal ?? null) === (step.isApproval ? path : step.signal);
}

/** The run goes on: an undo that failed for good is tried again, should it come to that once more. */
function undoAnew(state: RunState): void {
  for (const [path, at] of state.steps) {
    if (isUndo(path) && at.status === "FAILED" && at.retryAt === null)
      state.steps.set(path, { ...at, status: "PENDING" });
  }
}

/**
 * A step was undone: it, what is inside of it, and what is around it, has not happened. A run that goes on does it again, and
 * what it found out and recorded then counts no more. (What is inside and has an undo of its own is undone by that.)
 */
function forget(state: RunState, undone: string): void {
  for (const [path, { order }] of state.steps) {
    if (path === undone || (path.startsWith(`${undone}/`) && order === undefined)) beginAnew(state, path);
  }
  // Done again, it can be undone again.
  const undo = state.steps.get(undoOf(undone));
  if (undo) state.steps.set(undoOf(undone), { ...undo, status: "PENDING", failures: 0 });
  for (let path = parentOf(undone); path !== null; path = parentOf(path)) {
    // What is around it may have failed, and that been taken: it begins again all the same.
    const { error: _error, ...at } = state.steps.get(path) ?? NOT_BEGUN;
    if (state.steps.has(path)) state.steps.set(path, { ...at, status: "PENDING" });
    dropOutput(state, path);
  }
}

function beginAnew(state: RunState, path: string): void {
  const at = state.steps.get(path);
  if (!at) return;
  const { plan: _plan, output: _output, error: _error, order: _order, generation = 0, ...rest } = at;
  state.steps.set(path, { ...rest, status: "PENDING", failures: 0, generation: generation + 1 });
  dropOutput(state, path);
}

function dropOutput(state: RunState, path: string): void {
  const around = parentOf(path);
  const outputs = around === null ? state.outputs : state.locals.get(around);
  if (outputs) delete outputs[nameIn(path)];
}

function restoreFailure(
  state: RunState,
  path: string,
  at: StepState,
  before: StepState,
  { error, retryAt }: StepRecord,
): void {
  const lost = error?.code === "WORKER_LOST";
  if (retryAt === null && !lost) {
    // For good: whether it is taken, or starts over with all its attempts, depends on what is around it.
    const { plan, ...rest } = at;
    const kept = plan?.until === undefined && plan?.signal === undefined ? { plan } : {};
    state.steps.set(path, { ...rest, ...kept, status: "FAILED", failures: 0, ...(error ? { error } : {}) });
    return;
  }
  const next = retryAt === null ? 0 : Date.parse(retryAt);
  const failures = before.failures + (countsAsFailure(error?.code) ? 1 : 0);
  state.steps.set(path, { ...at, status: "FAILED", failures, retryAt: next });
  state.retries.set(path, next);
}

/** What an earlier attempt found out is found out, as long as its step is what it was. */
function keptPlan({ plan }: StepState, step: Step | undefined, path: string): Plan | undefined {
  if (step && plan && !isPlanOf(step, path, plan)) return undefined;
  return plan ?? (step?.kind === "parallel" && !step.when ? {} : undefined);
}

function isEntered(step: Step | undefined, plan: Plan | undefined): boolean {
  return plan !== undefined && (step?.kind === "parallel" || step?.kind === "map" || step?.kind === "choice");
}

function keepOutput(workflow: WorkflowData, state: RunState, path: string, output: JsonValue): void {
  if (isUndo(path)) return;
  const parent = parentOf(path);
  if (parent === null) {
    state.outputs[path] = output;
    return;
  }
  const at = state.steps.get(path);
  if (at) state.steps.set(path, { ...at, output });
  if (stepAt(workflow.steps, parent)?.kind === "sequence") {
    state.locals.set(parent, { ...state.locals.get(parent), [nameIn(path)]: output });
  }
}

function workerLost(worker: string | null): SpineError {
  return new SpineError(
    "WORKER_LOST",
    "The process that ran this attempt ended before it did; it is tried again.",
    { context: { worker } },
  );
}
