import type { JsonValue } from "../json.ts";
import type { ItemContext } from "../workflow/step-context.ts";
import { isUndo, nameIn, stepAt, undoneBy } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { RunState } from "./run-state.ts";

/** What the code of a step sees of its run. */
export interface StepView {
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Inside of a map: the item that it is about. */
  readonly item: ItemContext | null;
  /** For an undo: what the step had brought about. */
  readonly output: JsonValue | null;
}

/** The view of a run whose steps are not inside of others; it grows with the run, and none of them can change it. */
export function viewOfRun(state: RunState): StepView {
  return { outputs: readOnly(state.outputs), item: null, output: null };
}

/** The view of the step with this path. @param whole that of the run. */
export function viewOf(workflow: WorkflowData, state: RunState, path: string, whole: StepView): StepView {
  if (!path.includes("/")) return whole;
  if (isUndo(path)) {
    const undone = undoneBy(path);
    const output = undone.includes("/") ? state.steps.get(undone)?.output : state.outputs[undone];
    return { ...viewOf(workflow, state, undone, whole), output: output ?? null };
  }
  let { outputs } = whole;
  let item: ItemContext | null = null;
  for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
    const around = path.slice(0, end);
    const step = stepAt(workflow.steps, around);
    const locals = step?.kind === "sequence" ? state.locals.get(around) : undefined;
    if (locals) outputs = { ...outputs, ...locals };
    if (step?.kind === "map") item = itemOf(state, around, path.slice(end + 1));
  }
  return { outputs: outputs === whole.outputs ? outputs : readOnly(outputs), item, output: null };
}

function itemOf(state: RunState, map: string, inside: string): ItemContext {
  const end = inside.indexOf("/");
  const key = nameIn(end === -1 ? inside : inside.slice(0, end));
  const plan = state.steps.get(map)?.plan;
  const index = plan?.keys ? indexOf(plan.keys, key) : -1;
  return { item: plan?.items?.[index] ?? null, key, index };
}

const indexes = new WeakMap<readonly string[], ReadonlyMap<string, number>>();

/** A list may be long, and each of its items asks. */
function indexOf(keys: readonly string[], key: string): number {
  const known = indexes.get(keys) ?? new Map(keys.map((one, index) => [one, index]));
  indexes.set(keys, known);
  return known.get(key) ?? -1;
}

function readOnly<T extends object>(target: T): T {
  const refuse = () => false;
  return new Proxy(target, {
    // A step may be called `constructor`: where it has no output, what every object has is not its output.
    get: (outputs, name) =>
      Object.hasOwn(outputs, name) ? (Reflect.get(outputs, name) as unknown) : undefined,
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
    setPrototypeOf: refuse,
  });
}
