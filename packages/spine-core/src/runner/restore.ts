import { countsAsFailure, SpineError } from "../errors.ts";
import type { CheckpointRecord, RunDetail, StepRecord } from "../history/records.ts";
import { deepFreeze, type JsonValue } from "../json.ts";
import type { Step } from "../workflow/step.ts";
import {
  innerSteps,
  isUndo,
  nameIn,
  parentOf,
  pathIn,
  stepAt,
  undoneBy,
  undoOf,
} from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { PLAN } from "./begin-step.ts";
import type { Ended } from "./durable.ts";
import type { Plan } from "./plan.ts";
import { NOT_BEGUN, newRun, type RunState, type StepState } from "./run-state.ts";
import { undosLeft } from "./undo.ts";

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
  const lost: Ended[] = [];
  const plans = plansIn(checkpoints);
  state.begun = records.length;
  for (const record of records) restoreAttempt(workflow, state, record, plans, lost, run.worker);
  for (const path of state.retries.keys()) if (!isReached(workflow, state, path)) dropRetry(state, path);
  for (const step of workflow.steps) {
    if (!restoreInside(state, step.name, step)) break;
    state.position += 1;
  }
  state.unread = [...state.waiting.values()].some(({ signal, child }) => signal !== null || child !== null);
  if (run.endsAs !== null) {
    state.ending = { as: run.endsAs, error: run.error, left: undosLeft(state) };
  }
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
  lost: Ended[],
  worker: string | null,
): void {
  const { name: path, attempt, status, seq } = record;
  const before = state.steps.get(path) ?? NOT_BEGUN;
  const step = isUndo(path) ? undefined : stepAt(workflow.steps, path);
  const plan = plans.get(path)?.get(attempt) ?? keptPlan(before, step);
  const order = step?.undo ? { order: seq } : {};
  const at: StepState = { ...before, ...order, attempt, retryAt: null, ...(plan ? { plan } : {}) };
  state.retries.delete(path);
  switch (status) {
    case "COMPLETED":
      state.steps.set(path, { ...at, status });
      if (isUndo(path)) forget(state, undoneBy(path));
      else undoable(state, path);
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
        break;
      }
      state.running.set(path, attempt);
      lost.push({ step: path, attempt, failure: workerLost(worker) });
      break;
    default:
      // Cancelled: it begins again when the run goes on.
      state.steps.set(path, { ...at, status: "PENDING" });
  }
}

/** A step was undone: it, and what is around it, has not happened. A run that goes on does it again. */
function forget(state: RunState, undone: string): void {
  for (let path: string | null = undone; path !== null; path = parentOf(path)) {
    const at = state.steps.get(path);
    if (at) state.steps.set(path, { ...at, status: "PENDING" });
    const around = parentOf(path);
    const outputs = around === null ? state.outputs : state.locals.get(around);
    if (outputs) delete outputs[nameIn(path)];
  }
}

/** A step was done again after it had been undone: there is something to undo again. */
function undoable(state: RunState, path: string): void {
  const undo = state.steps.get(undoOf(path));
  if (undo) state.steps.set(undoOf(path), { ...undo, status: "PENDING" });
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

/** What an earlier attempt found out is found out, unless that attempt failed because of it. */
function keptPlan({ plan }: StepState, step: Step | undefined): Plan | undefined {
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

/** True when all steps around this one are under way: otherwise these begin again, and it with them. */
function isReached(workflow: WorkflowData, state: RunState, path: string): boolean {
  if (isUndo(path)) return true;
  for (let around = parentOf(path); around !== null; around = parentOf(around)) {
    if (!state.entered.has(around) && stepAt(workflow.steps, around)?.kind !== "sequence") return false;
  }
  return true;
}

function dropRetry(state: RunState, path: string): void {
  state.retries.delete(path);
  const at = state.steps.get(path);
  if (at) state.steps.set(path, { ...at, status: "PENDING", retryAt: null });
}

/** Works out what stands in no row: positions, and how much is under way. True when the step is done. */
function restoreInside(state: RunState, path: string, step: Step, collected = false): boolean {
  const at = state.steps.get(path);
  if (step.kind === "sequence") return restoreSequence(state, path, step.steps, collected);
  if (at?.status === "COMPLETED" || at?.status === "SKIPPED") return true;
  if (at) {
    const counts = restoreBranches(state, path, step, at);
    if (state.entered.has(path)) {
      state.steps.set(path, { ...at, ...counts });
      return false;
    }
  }
  if (at?.status !== "FAILED" || at.retryAt !== null) return false;
  if (step.onError === "continue" || collected) return true;
  state.steps.set(path, { ...at, status: "PENDING" });
  return false;
}

/** The same for what is inside of a step; how much of that has begun, and has not ended. */
function restoreBranches(
  state: RunState,
  path: string,
  step: Step,
  { plan }: StepState,
): { readonly open: number; readonly position: number } {
  const names = step.kind === "map" ? (plan?.keys ?? []) : innerSteps(step).map(({ name }) => name);
  const collect = "collect" in step && step.collect;
  let open = 0;
  let position = 0;
  for (const [index, name] of names.entries()) {
    const inner = pathIn(path, name);
    const each = step.kind === "map" ? step.each : innerSteps(step)[index];
    const isDone = each !== undefined && restoreInside(state, inner, each, collect);
    if (!isBegun(state, inner)) continue;
    position = index + 1;
    if (!isDone) open += 1;
  }
  return { open, position };
}

function restoreSequence(state: RunState, path: string, steps: readonly Step[], collected: boolean): boolean {
  let position = 0;
  for (const step of steps) {
    if (!restoreInside(state, pathIn(path, step.name), step)) break;
    position += 1;
  }
  const last = steps.at(-1);
  const isDone = position === steps.length;
  const here = steps[position];
  const failed = here && state.steps.get(pathIn(path, here.name));
  const output = isDone && last ? (state.steps.get(pathIn(path, last.name))?.output ?? null) : undefined;
  const begun = steps.some(({ name }) => isBegun(state, pathIn(path, name)));
  const gaveUp =
    collected &&
    !isDone &&
    failed?.error !== undefined &&
    failed.status === "PENDING" &&
    !isUnderWay(state, path);
  state.steps.set(path, {
    ...NOT_BEGUN,
    position,
    status: isDone ? "COMPLETED" : gaveUp ? "FAILED" : begun ? "RUNNING" : "PENDING",
    ...(output === undefined ? {} : { output }),
    ...(gaveUp && failed?.error ? { error: failed.error } : {}),
  });
  return isDone || gaveUp;
}

/** True when code inside of the step is under way, waits, or is to be tried again. */
function isUnderWay(state: RunState, path: string): boolean {
  const inside = (one: string) => one.startsWith(`${path}/`);
  return [
    ...state.running.keys(),
    ...state.entered.keys(),
    ...state.waiting.keys(),
    ...state.retries.keys(),
  ].some(inside);
}

function isBegun(state: RunState, path: string): boolean {
  const at = state.steps.get(path);
  return at !== undefined && (at.attempt > 0 || at.status !== "PENDING");
}

function workerLost(worker: string | null): SpineError {
  return new SpineError(
    "WORKER_LOST",
    "The process that ran this attempt ended before it did; it is tried again.",
    { context: { worker } },
  );
}
