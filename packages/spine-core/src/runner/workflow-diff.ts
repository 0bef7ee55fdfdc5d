import type { StepRecord } from "../history/records.ts";
import { innerSteps, isUndo, nameIn, parentOf, pathIn, stepAt } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";

/** What became of the steps that a run has begun, by their paths; `*` stands for the items of a map. */
export interface WorkflowDiff {
  /** Begun, and not there any more. */
  readonly removed: readonly string[];
  /** There by now, and not begun when the run came by. */
  readonly added: readonly string[];
  /** Begun as something else. */
  readonly changed: readonly { readonly step: string; readonly was: string; readonly is: string }[];
  /** Begun in another order than they stand in now. */
  readonly moved: readonly string[];
}

/**
 * The difference between what a run has begun and what its workflow has by now. Steps that it had not come to may have changed
 * besides: nothing is known of what they were.
 */
export function workflowDiff(records: readonly StepRecord[], { steps }: WorkflowData): WorkflowDiff {
  const begun = beginnings(records);
  const removed: string[] = [];
  const changed: WorkflowDiff["changed"][number][] = [];
  const gone = new Set<string>();
  const lists = new Map<string | null, string[]>();
  for (const [path, kind] of begun) {
    const around = parentOf(path);
    if (around !== null && isIn(gone, around)) continue;
    const step = stepAt(steps, path);
    const list = listOf(lists, begun, path);
    if (!step) removed.push(path);
    else if (step.kind === kind) list.push(nameIn(path));
    else changed.push({ step: path, was: kind, is: step.kind });
    if (step?.kind !== kind) gone.add(path);
  }
  const added: string[] = [];
  const moved: string[] = [];
  for (const [around, names] of lists) {
    const step = around === null ? undefined : stepAt(steps, around);
    if (step?.kind === "map" || step?.kind === "choice") continue;
    const declared = (step ? innerSteps(step) : steps).map(({ name }) => name);
    const isOrdered = step?.kind !== "parallel";
    const last = isOrdered ? Math.max(...names.map((name) => declared.indexOf(name))) : declared.length;
    for (const name of declared.slice(0, last)) {
      const path = pathIn(around, name);
      if (!hasBegun(begun, path) && !gone.has(path)) added.push(path);
    }
    if (isOrdered) moved.push(...outOfOrder(names, declared).map((name) => pathIn(around, name)));
  }
  return { removed, added, changed, moved };
}

/** Each path once, in the order of its beginning, with its kind then; items of a map are one. */
function beginnings(records: readonly StepRecord[]): ReadonlyMap<string, string> {
  const kinds = new Map(records.map(({ name, kind }) => [name, kind]));
  const begun = new Map<string, string>();
  for (const { name, kind } of records) {
    if (isUndo(name)) continue;
    let path = "";
    let shape = "";
    for (const part of name.split("/")) {
      shape = path === "" ? part : `${shape}/${kinds.get(path) === "map" ? "*" : part}`;
      path = path === "" ? part : `${path}/${part}`;
    }
    if (!begun.has(shape)) begun.set(shape, kind);
  }
  return begun;
}

/** The names of the list that a step stands in; those around it that have no attempt of their own stand in theirs. */
function listOf(
  lists: Map<string | null, string[]>,
  begun: ReadonlyMap<string, string>,
  path: string,
): string[] {
  const around = parentOf(path);
  const list = lists.get(around) ?? [];
  lists.set(around, list);
  if (around !== null && !begun.has(around)) {
    const outer = listOf(lists, begun, around);
    if (!outer.includes(nameIn(around))) outer.push(nameIn(around));
  }
  return list;
}

/** True when the path, or one around it, is in the set. */
function isIn(paths: ReadonlySet<string>, path: string): boolean {
  for (let at: string | null = path; at !== null; at = parentOf(at)) if (paths.has(at)) return true;
  return false;
}

function hasBegun(begun: ReadonlyMap<string, string>, path: string): boolean {
  if (begun.has(path)) return true;
  // A sequence has no attempt of its own.
  for (const one of begun.keys()) if (one.startsWith(`${path}/`)) return true;
  return false;
}

/** Those that begun before one which stands before them. */
function outOfOrder(names: readonly string[], declared: readonly string[]): readonly string[] {
  return names.filter((name, index) =>
    names.slice(index + 1).some((later) => declared.indexOf(later) < declared.indexOf(name)),
  );
}
