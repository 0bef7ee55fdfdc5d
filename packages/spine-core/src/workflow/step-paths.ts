import type { Step } from "./step.ts";

/** What stands before the path of a step whose work is taken back. No step of a workflow's own list has this name. */
export const UNDO = "undo";

/** True for the path under which a step is undone. */
export function isUndo(path: string): boolean {
  return path.startsWith(`${UNDO}/`);
}

/** The path under which a step is undone. */
export function undoOf(path: string): string {
  return `${UNDO}/${path}`;
}

/** The step that is undone under a path. */
export function undoneBy(path: string): string {
  return path.slice(UNDO.length + 1);
}

/** The path of a step inside of another; null stands for the workflow itself. Keys of items may be any text. */
export function pathIn(parent: string | null, name: string): string {
  if (parent === null) return name;
  const odd = name.includes("/") || name.includes("%");
  return `${parent}/${odd ? name.replaceAll("%", "%25").replaceAll("/", "%2F") : name}`;
}

/** The longest path in bytes: with the key of a checkpoint, which it stands beside in an index, databases take no more. */
export const LONGEST_PATH = 1_600;

/** How many bytes the longest path of a step inside of this one adds to its own, as far as that is known before it runs. */
export function longestInside(step: Step): number {
  const inner = innerSteps(step);
  // Keys of a map are not known; whoever has them adds them.
  const names = inner.map((one) => (step.kind === "map" ? 0 : one.name.length + 1) + longestInside(one));
  return Math.max(0, ...names);
}

/** The path of the step around this one; null for one of the workflow's own list. */
export function parentOf(path: string): string | null {
  const end = path.lastIndexOf("/");
  return end === -1 ? null : path.slice(0, end);
}

/** The last part of a path: the name of a step, or an item's key. */
export function nameIn(path: string): string {
  const text = path.slice(path.lastIndexOf("/") + 1);
  return text.includes("%") ? text.replaceAll("%2F", "/").replaceAll("%25", "%") : text;
}

/** The steps inside of a step, which are known before it runs. */
export function innerSteps(step: Step): readonly Step[] {
  switch (step.kind) {
    case "sequence":
      return step.steps;
    case "parallel":
      return step.branches;
    case "choice":
      return step.cases;
    case "map":
      return [step.each];
    default:
      return [];
  }
}

/** All steps of a workflow, those inside of others included. */
export function* everyStep(steps: readonly Step[]): Generator<Step, void, undefined> {
  for (const step of steps) {
    yield step;
    yield* everyStep(innerSteps(step));
  }
}

const known = new WeakMap<readonly Step[], Map<string, Step>>();

/** The step of a path; undefined when the workflow has none (any more). */
export function stepAt(steps: readonly Step[], path: string): Step | undefined {
  const byName = known.get(steps) ?? new Map(steps.map((step) => [step.name, step]));
  known.set(steps, byName);
  const end = path.indexOf("/");
  if (end === -1) return byName.get(path);
  const first = byName.get(path.slice(0, end));
  return first && inside(first, path.slice(end + 1));
}

function inside(step: Step, path: string): Step | undefined {
  if (step.kind !== "map") return stepAt(innerSteps(step), path);
  const end = path.indexOf("/");
  return end === -1 ? step.each : inside(step.each, path.slice(end + 1));
}
