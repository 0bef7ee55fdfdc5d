import type { Step } from "../workflow/step.ts";
import { innerSteps, parentOf, pathIn, stepAt } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { isOpen, NOT_BEGUN, type RunState, type StepState } from "./run-state.ts";

/** Works out what stands in no row: how far a run is, and how much of it is under way. */
export function restoreOrder(workflow: WorkflowData, state: RunState): void {
  new Order(state).restore(workflow.steps);
}

class Order {
  readonly #state: RunState;
  /** The paths of what is under way, and of what is around it. */
  #underWay: ReadonlySet<string>;

  constructor(state: RunState) {
    this.#state = state;
    this.#underWay = pathsUnderWay(state);
  }

  restore(steps: readonly Step[]): void {
    this.#state.position = this.#restoreList(null, steps);
  }

  /** Of steps one after another: how many are done. What is under way behind these and the next one begins again in its turn. */
  #restoreList(around: string | null, steps: readonly Step[]): number {
    let done = 0;
    let isBehind = false;
    for (const step of steps) {
      const path = pathIn(around, step.name);
      if (isBehind && this.#underWay.has(path)) this.#interrupt(path);
      const isDone = this.#restoreStep(path, step);
      if (isBehind) continue;
      if (isDone) done += 1;
      else isBehind = true;
    }
    return done;
  }

  /** True when the step is done. */
  #restoreStep(path: string, step: Step, collected = false): boolean {
    const { steps, entered } = this.#state;
    const at = steps.get(path);
    const hasRecord = at !== undefined && at.attempt > 0;
    if (step.kind === "sequence" && !(hasRecord && at.status === "COMPLETED")) {
      return this.#restoreSequence(path, step.steps, collected);
    }
    if (at?.status === "COMPLETED" || at?.status === "SKIPPED") return true;
    if (at) {
      const open = this.#restoreBranches(path, step, at);
      if (entered.has(path)) {
        // The items of a map are gone through once more: those that are done, or under way, do not begin.
        steps.set(path, { ...at, open, position: 0 });
        return false;
      }
    }
    if (at?.status !== "FAILED" || at.retryAt !== null) return false;
    if (step.onError === "continue" || collected) return true;
    steps.set(path, { ...at, status: "PENDING" });
    return false;
  }

  /** How many of the steps inside of a step are under way. */
  #restoreBranches(path: string, step: Step, { plan }: StepState): number {
    const names = step.kind === "map" ? (plan?.keys ?? []) : innerSteps(step).map(({ name }) => name);
    const collect = "collect" in step && step.collect;
    let open = 0;
    for (const [index, name] of names.entries()) {
      const inner = pathIn(path, name);
      const each = step.kind === "map" ? step.each : innerSteps(step)[index];
      if (each) this.#restoreStep(inner, each, collect);
      if (isOpen(this.#state.steps.get(inner))) open += 1;
    }
    return open;
  }

  #restoreSequence(path: string, list: readonly Step[], collected: boolean): boolean {
    const { steps } = this.#state;
    const position = this.#restoreList(path, list);
    const last = list.at(-1);
    const isDone = position === list.length;
    const here = list[position];
    const failed = here && steps.get(pathIn(path, here.name));
    const output = isDone && last ? (steps.get(pathIn(path, last.name))?.output ?? null) : undefined;
    // What has begun and is not under way begins again, once it may.
    const goesOn = this.#underWay.has(path);
    const gaveUp =
      collected && !isDone && failed?.error !== undefined && failed.status === "PENDING" && !goesOn;
    steps.set(path, {
      ...NOT_BEGUN,
      position,
      status: isDone ? "COMPLETED" : gaveUp ? "FAILED" : goesOn ? "RUNNING" : "PENDING",
      ...(output === undefined ? {} : { output }),
      ...(gaveUp && failed?.error ? { error: failed.error } : {}),
    });
    return isDone || gaveUp;
  }

  /** Takes a step, and what is inside of it, out of what is under way: it begins again, with what it found out. */
  #interrupt(path: string): void {
    const state = this.#state;
    const { steps, running, waiting, entered, retries } = state;
    const isIn = (one: string) => one === path || one.startsWith(`${path}/`);
    for (const one of [...running.keys(), ...waiting.keys(), ...entered.keys()].filter(isIn)) {
      const attempt = steps.get(one)?.attempt ?? 0;
      state.interrupted.set(one, { attempt, child: waiting.get(one)?.child ?? null });
      running.delete(one);
      waiting.delete(one);
      entered.delete(one);
      state.limits.delete(one);
      steps.set(one, { ...(steps.get(one) ?? NOT_BEGUN), status: "PENDING" });
    }
    for (const one of [...retries.keys()].filter(isIn)) dropRetry(state, one);
    this.#underWay = pathsUnderWay(state);
  }
}

/** True when all steps around this one are under way: otherwise these begin again, and it with them. */
export function isReached(workflow: WorkflowData, state: RunState, path: string): boolean {
  for (let around = parentOf(path); around !== null; around = parentOf(around)) {
    if (!state.entered.has(around) && stepAt(workflow.steps, around)?.kind !== "sequence") return false;
  }
  return true;
}

export function dropRetry(state: RunState, path: string): void {
  state.retries.delete(path);
  const at = state.steps.get(path);
  if (at) state.steps.set(path, { ...at, status: "PENDING", retryAt: null });
}

function pathsUnderWay({ running, waiting, entered, retries }: RunState): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const map of [running, waiting, entered, retries]) {
    for (const path of map.keys()) {
      for (let at: string | null = path; at !== null && !paths.has(at); at = parentOf(at)) paths.add(at);
    }
  }
  return paths;
}
