import type { ErrorJson, SpineError } from "../errors.ts";
import { isUndo, UNDO, undoneBy, undoOf } from "../workflow/step-paths.ts";
import type { Draft } from "./draft.ts";
import type { RunState, StepState } from "./run-state.ts";

/** What has to be taken back when a run fails, the newest first. */
export function undosOf({ before, steps }: Pick<Draft, "before" | "steps">): readonly string[] {
  const all = new Map<string, StepState>([...before.steps, ...steps]);
  return [...all]
    .filter(([path, { status, order }]) => {
      if (status !== "COMPLETED" || order === undefined) return false;
      const undoing = all.get(undoOf(path));
      // One that failed is tried again, unless it failed for good.
      const gaveUp = undoing?.status === "FAILED" && undoing.retryAt === null;
      return undoing?.status !== "COMPLETED" && !gaveUp;
    })
    .sort(([, a], [, b]) => (b.order ?? 0) - (a.order ?? 0))
    .map(([path]) => path);
}

/** The same for a run that was rebuilt from its history. */
export function undosLeft(state: RunState): readonly string[] {
  return undosOf({ before: state, steps: new Map() });
}

/** Begins to undo the next step, one at a time; or tries again what failed. */
export function undoNext(draft: Draft, again?: string): void {
  const next = draft.ending?.left[0];
  const path = again ?? (next === undefined ? undefined : undoOf(next));
  if (path === undefined) return;
  const attempt = draft.step(path).attempt + 1;
  draft.begun.push({ name: path, kind: UNDO, attempt });
  draft.set(path, { attempt, status: "RUNNING", retryAt: null });
  draft.running.set(path, attempt);
}

/** An undo has ended; when it failed for good, the others are made all the same, and the run's error tells of it. */
export function undone(draft: Draft, path: string, error?: SpineError): void {
  if (!draft.ending) return;
  const { ending } = draft;
  const left = ending.left.filter((one) => undoOf(one) !== path);
  const failedUndo = error && ending.error ? withFailedUndo(ending.error, path) : ending.error;
  draft.ending = { ...ending, left, error: failedUndo ?? error?.toJSON() ?? null };
}

/** What a run ends with, and which of its undos have failed: only the end of the run stores that. */
export function withFailedUndos({ steps }: RunState, error: ErrorJson | null): ErrorJson | null {
  let told = error;
  for (const [path, { status, retryAt }] of steps) {
    if (told && isUndo(path) && status === "FAILED" && retryAt === null) told = withFailedUndo(told, path);
  }
  return told;
}

function withFailedUndo(error: ErrorJson, path: string): ErrorJson {
  const before = typeof error.context?.not_undone === "string" ? `${error.context.not_undone}, ` : "";
  return { ...error, context: { ...error.context, not_undone: `${before}${undoneBy(path)}` } };
}
