import { type ErrorJson, SpineError } from "../errors.ts";
import type { StepEnd } from "../history/history-store.ts";
import { LAST_INSTANT } from "../instant.ts";
import type { JsonValue } from "../json.ts";
import type { ChoiceStep } from "../workflow/composite-steps.ts";
import type { Step } from "../workflow/step.ts";
import { innerSteps, nameIn, parentOf, pathIn } from "../workflow/step-paths.ts";
import type { Draft } from "./draft.ts";
import type { StepResult } from "./durable.ts";
import type { Plan } from "./plan.ts";
import { isOpen, type StepState, type Waiting } from "./run-state.ts";

/** The longest output of a step that is made of others, as JSON text: each of them may have a mebibyte. */
const LONGEST_OUTPUT = 16 * 2 ** 20;

/** Begins a step: its code, or the steps inside of it. */
export function begin(draft: Draft, path: string, step: Step): void {
  if (step.kind === "sequence") {
    draft.set(path, { status: "RUNNING", position: 0 });
    goOnIn(draft, path, step.steps);
    return;
  }
  const before = draft.step(path);
  const attempt = before.attempt + 1;
  draft.begun.push({ name: path, kind: step.kind, attempt });
  // Counted by itself: what has begun in this advance may be taken out of it again.
  draft.begins += 1;
  const order = step.undo ? { order: orderOf(before, step, draft.begins) } : {};
  const endsBy = before.endsBy ?? endOf(step, draft.now);
  draft.set(path, {
    ...order,
    ...(endsBy === undefined ? {} : { endsBy }),
    attempt,
    status: "RUNNING",
    retryAt: null,
  });
  const plan =
    step.kind === "pipeline"
      ? undefined
      : (before.plan ?? (step.kind === "parallel" && !step.when ? {} : undefined));
  if (plan) enter(draft, path, step, plan);
  else draft.running.set(path, attempt);
}

/** When what is inside of a step has to have ended, or the run that it waits for; undefined for a step that is only code. */
export function endOf(step: Step, begun: number): number | undefined {
  if (step.timeoutMs === null || !(step.kind === "pipeline" || innerSteps(step).length > 0)) return undefined;
  return Math.min(begun + step.timeoutMs, LAST_INSTANT);
}

/** What is inside of a step is undone before it, although it may have begun again behind that. */
export function orderOf(before: StepState, step: Step, next: number): number {
  return innerSteps(step).length > 0 ? (before.order ?? next) : next;
}

/** The step's own code has said what is to be done inside of it, or what it waits for. */
export function planned(draft: Draft, path: string, step: Step, { plan = {}, child }: StepResult): void {
  const { attempt } = draft.step(path);
  if (step.kind === "choice" && !hasCase(step, plan)) {
    // It is not recorded as its plan: once the code is mended, it is asked again.
    fail(draft, path, unknownCase(path, plan.case ?? "", step.cases));
    return;
  }
  if (child) draft.children.push(child);
  draft.attachments.push({
    kind: "checkpoint",
    step: path,
    key: `${PLAN}${attempt}`,
    value: JSON.stringify(plan),
  });
  enter(draft, path, step, plan);
  // A child that was there before may have ended already.
  if (plan.child !== undefined && !child) draft.unread = true;
}

/** True where the case that a choice has chosen is one of its own. */
export function hasCase(step: ChoiceStep, plan: Plan): boolean {
  return step.cases.some(({ name }) => name === plan.case);
}

/** What a plan is recorded under, with the number of its attempt behind it. */
export const PLAN = "spine:plan#";

function enter(draft: Draft, path: string, step: Step, plan: Plan): void {
  const { attempt, endsBy } = draft.step(path);
  switch (step.kind) {
    case "wait":
      waitFor(draft, path, plan);
      return;
    case "pipeline":
      waitFor(draft, path, plan, endsBy);
      return;
    case "map":
    case "choice":
    case "parallel":
      draft.entered.set(path, attempt);
      if (endsBy !== undefined) draft.limits.set(path, endsBy);
      draft.set(path, { plan, position: 0, open: 0 });
      goOnInside(draft, path, step);
      return;
    default:
  }
}

/** Begins what can begin inside of a step that is made of others, or says that all of it is done. */
export function goOnInside(draft: Draft, path: string, step: Step): void {
  if (step.kind === "map") beginItems(draft, path, step);
  else {
    const chosen = step.kind === "choice" ? draft.step(path).plan?.case : undefined;
    for (const inner of innerSteps(step)) {
      if (chosen === undefined || inner.name === chosen) beginInside(draft, path, inner.name, inner);
    }
  }
  const { status, open } = draft.step(path);
  if (status === "RUNNING" && open === 0) completeComposite(draft, path, step);
}

function waitFor(draft: Draft, path: string, plan: Plan, endsBy: number | null = null): void {
  const { attempt } = draft.step(path);
  const { until = endsBy, signal = null, child = null } = plan;
  draft.set(path, { plan, status: "WAITING" });
  const reason = signal !== null ? `signal ${signal}` : child !== null ? `run ${child}` : null;
  draft.waits.push({ name: path, attempt, until, reason });
  draft.waiting.set(path, { until, signal, child });
  // It may have come before.
  if (signal !== null) draft.unread = true;
}

/** What a step waited for is there. */
export function completeWait(draft: Draft, path: string, output: JsonValue): void {
  const text = JSON.stringify(output);
  if (text.length > LONGEST_OUTPUT) {
    fail(draft, path, outputTooLong(path, text.length));
    return;
  }
  draft.waiting.set(path, null);
  end(draft, path, { status: "COMPLETED", output: text });
  draft.set(path, { status: "COMPLETED" });
  done(draft, path, output);
}

/** Begins what is inside of a step, unless it is finished already, or under way. */
function beginInside(draft: Draft, parent: string, name: string, step: Step): void {
  const path = pathIn(parent, name);
  // One of those before it has failed at once, and its surroundings with it.
  if (draft.step(parent).status !== "RUNNING" || isDone(draft, path, step) || isOpen(draft.step(path)))
    return;
  draft.set(parent, { open: (draft.step(parent).open ?? 0) + 1 });
  begin(draft, path, step);
}

function beginItems(draft: Draft, path: string, step: Extract<Step, { kind: "map" }>): void {
  const { keys = [], concurrency = step.concurrency } = draft.step(path).plan ?? {};
  for (;;) {
    const { position = 0, open = 0 } = draft.step(path);
    const key = keys[position];
    if (key === undefined || open >= concurrency) return;
    draft.set(path, { position: position + 1 });
    beginInside(draft, path, key, step.each);
  }
}

/** Begins the next step of a sequence, or of the workflow's own list (`null`), or says that all are done. */
export function goOnIn(draft: Draft, path: string | null, steps: readonly Step[]): void {
  let position = path === null ? draft.position : (draft.step(path).position ?? 0);
  for (; position < steps.length; position += 1) {
    const step = steps[position];
    if (!step) break;
    const inner = pathIn(path, step.name);
    if (isDone(draft, inner, step)) continue;
    setPosition(draft, path, position);
    if (!isOpen(draft.step(inner))) begin(draft, inner, step);
    return;
  }
  setPosition(draft, path, position);
  if (path === null) return;
  const last = steps.at(-1);
  const output = last ? (draft.step(pathIn(path, last.name)).output ?? null) : null;
  draft.set(path, { status: "COMPLETED" });
  done(draft, path, output);
}

function setPosition(draft: Draft, path: string | null, position: number): void {
  if (path === null) draft.position = position;
  else draft.set(path, { position });
}

/** True when a step does not run any more: it is finished, was skipped, or failed and that is taken. */
function isDone(draft: Draft, path: string, step: Step): boolean {
  const { status, retryAt } = draft.step(path);
  if (status === "COMPLETED" || status === "SKIPPED") return true;
  return status === "FAILED" && retryAt === null && (step.onError === "continue" || isCollected(draft, path));
}

function isCollected(draft: Draft, path: string): boolean {
  const parent = parentOf(path);
  const around = parent === null ? undefined : draft.at(parent);
  return (around?.kind === "parallel" || around?.kind === "map") && around.collect;
}

/** A step has its output; what is around it goes on. */
export function done(draft: Draft, path: string, output: JsonValue | undefined): void {
  const parent = parentOf(path);
  if (output !== undefined) {
    draft.keep(path, output, parent !== null && draft.at(parent)?.kind === "sequence");
  }
  draft.todo.push(() => goOnAround(draft, parent));
}

function goOnAround(draft: Draft, parent: string | null): void {
  if (draft.ending || draft.failure) return;
  if (parent === null) {
    goOnIn(draft, null, draft.workflow.steps);
    return;
  }
  const around = draft.at(parent);
  const state = draft.step(parent);
  if (!around || !isUnderWay(draft, parent)) return;
  if (around.kind === "sequence") {
    goOnIn(draft, parent, around.steps);
    return;
  }
  draft.set(parent, { open: (state.open ?? 1) - 1 });
  if (around.kind === "map") beginItems(draft, parent, around);
  const { status, open } = draft.step(parent);
  if (status === "RUNNING" && open === 0) completeComposite(draft, parent, around);
}

/** False when the step, or one around it, has ended without what is inside of it. */
function isUnderWay(draft: Draft, path: string): boolean {
  for (let at: string | null = path; at !== null; at = parentOf(at)) {
    if (draft.step(at).status !== "RUNNING") return false;
  }
  return true;
}

function completeComposite(draft: Draft, path: string, step: Step): void {
  const output = outputOf(draft, path, step);
  const text = JSON.stringify(output);
  if (text.length > LONGEST_OUTPUT) {
    fail(draft, path, outputTooLong(path, text.length));
    return;
  }
  end(draft, path, { status: "COMPLETED", output: text });
  draft.leave(path);
  draft.set(path, { status: "COMPLETED" });
  done(draft, path, output);
}

/** What the steps inside of a step brought about, as its output. */
function outputOf(draft: Draft, path: string, step: Step): JsonValue {
  const of = (name: string): JsonValue => {
    const { status, output = null, error } = draft.step(pathIn(path, name));
    if (!("collect" in step && step.collect)) return output;
    if (status !== "FAILED" || !error) return { status: "COMPLETED", output };
    const { code, category, message } = error;
    return { status: "FAILED", error: { code, category, message } };
  };
  const { plan } = draft.step(path);
  if (step.kind === "map") return (plan?.keys ?? []).map(of);
  if (step.kind === "choice") return of(plan?.case ?? "");
  if (step.kind !== "parallel") return null;
  return Object.fromEntries(step.branches.map(({ name }) => [name, of(name)]));
}

/** Records the end of a step's attempt. */
export function end(draft: Draft, path: string, how: Pick<StepEnd, "status"> & Partial<StepEnd>): void {
  dropWait(draft, path);
  draft.ended.push({
    name: path,
    attempt: draft.step(path).attempt,
    output: null,
    error: null,
    rows: null,
    metrics: {},
    retryAt: null,
    ...how,
  });
}

/** A step that was about to wait in this advance, and need not. */
function dropWait(draft: Draft, path: string): void {
  const wait = draft.waits.findIndex(({ name }) => name === path);
  if (wait !== -1) draft.waits.splice(wait, 1);
}

/** A step whose attempt is under way around others, or waits, has failed. */
export function fail(draft: Draft, path: string, error: SpineError): void {
  const located = locate(draft, path, error);
  draft.leave(path);
  draft.waiting.set(path, null);
  end(draft, path, { status: "FAILED", error: located.toJSON() });
  failed(draft, path, located);
}

/** The end of a step that has failed for good is recorded: what is around it goes on without it, or fails with it. */
export function failed(draft: Draft, path: string, error: SpineError): void {
  const json: ErrorJson = error.toJSON();
  draft.set(path, { status: "FAILED", retryAt: null, error: json, endsBy: undefined });
  const step = draft.at(path);
  if (step && isDone(draft, path, step)) {
    done(draft, path, undefined);
    return;
  }
  const parent = parentOf(path);
  if (parent === null) {
    draft.failure ??= error;
    return;
  }
  const around = draft.at(parent);
  cancelInside(draft, parent);
  if (around?.kind === "sequence") failed(draft, parent, error);
  else if (draft.step(parent).status === "RUNNING") fail(draft, parent, error);
}

/** Ends everything that is under way inside of a step (`null`: of the run): it is cancelled. */
export function cancelInside(draft: Draft, around: string | null): void {
  const isInside = (path: string) => around === null || path.startsWith(`${around}/`);
  for (const [path] of draft.all<number>("running")) {
    if (!isInside(path)) continue;
    cancel(draft, path);
    draft.running.set(path, null);
    draft.stopped.push(path);
    dropEarlierChild(draft, path);
  }
  for (const [path, { child }] of draft.all<Waiting>("waiting")) {
    if (!isInside(path)) continue;
    cancel(draft, path);
    draft.waiting.set(path, null);
    if (child !== null) dropChild(draft, child);
  }
  for (const [path] of draft.all<number>("entered")) {
    if (!isInside(path)) continue;
    cancel(draft, path);
    draft.leave(path);
  }
  for (const [path] of draft.all<number>("retries")) {
    if (!isInside(path)) continue;
    draft.retries.set(path, null);
    draft.set(path, { status: "CANCELLED", retryAt: null });
    dropEarlierChild(draft, path);
  }
  if (!draft.before.resumes) return;
  // Paused and resumed with their children, and not begun again yet.
  for (const path of draft.before.steps.keys()) {
    if (isInside(path) && draft.step(path).status === "PENDING") dropEarlierChild(draft, path);
  }
}

/** An earlier attempt of a step waited for a run, and this one was going to. */
export function dropEarlierChild(draft: Draft, path: string): void {
  const child = draft.step(path).plan?.child;
  if (child !== undefined) dropChild(draft, child);
}

/** Nobody waits for a run any more: it is cancelled, or not even made. */
function dropChild(draft: Draft, child: string): void {
  const created = draft.children.findIndex(({ runId }) => runId === child);
  if (created === -1) draft.cancelled.push(child);
  else draft.children.splice(created, 1);
}

/** Ends an attempt; one that begins in this very advance has not begun at all. */
function cancel(draft: Draft, path: string): void {
  const { attempt } = draft.step(path);
  const begun = draft.begun.findIndex((one) => one.name === path && one.attempt === attempt);
  if (begun === -1) {
    end(draft, path, { status: "CANCELLED" });
    draft.set(path, { status: "CANCELLED", endsBy: undefined });
    return;
  }
  draft.begun.splice(begun, 1);
  dropWait(draft, path);
  draft.set(path, { status: "CANCELLED", attempt: attempt - 1, endsBy: undefined });
}

export function locate(draft: Draft, path: string, error: SpineError): SpineError {
  const { attempt } = draft.step(path);
  return error.withContext({ workflow: draft.workflow.name, step: path, attempt });
}

function unknownCase(path: string, chosen: string, cases: readonly Step[]): SpineError {
  const known = cases.map(({ name }) => `"${name}"`).join(", ") || "it has none";
  return new SpineError(
    "WORKFLOW_INVALID",
    `Step "${nameIn(path)}" chose "${chosen}", which is none of its cases (${known}).`,
  );
}

function outputTooLong(path: string, length: number): SpineError {
  return new SpineError(
    "PAYLOAD_INVALID",
    `The outputs inside of step "${path}" have ${length} characters together; the most is ${LONGEST_OUTPUT}. Return less from each of them, or put rows into a dataset.`,
  );
}
