import type { RunDetail, StepRecord } from "spine-core";
import type { AuditedRun } from "spine-core/testing";
import { EXPECTED, fate, UNDOABLE } from "./workload.ts";

/** What a run has to leave behind, and how it ends: those that fail, or are cancelled on their way, are undone. */
export function expectedOf(
  detail: RunDetail | undefined,
  found: readonly string[],
  isOfCancelled: boolean,
): Pick<AuditedRun, "expected" | "endsAs"> {
  const expected = EXPECTED[detail?.run.workflow ?? ""] ?? [];
  if (!detail) return { expected };
  const { workflow, params, status } = detail.run;
  // A child that is cancelled with its parent has come as far as it has.
  if (workflow === "kill.leaf" && isOfCancelled && status === "CANCELLED")
    return { expected: found.filter((effect) => expected.includes(effect)), endsAs: status };
  if (workflow !== "kill.kinds") return { expected };
  const planned = fate((params as { readonly n: number }).n);
  const completed = completedIn(detail);
  const undone = UNDOABLE.filter((path) => completed.has(path)).map((path) => `effect undo/${path}`);
  // Who was to cancel it may have died before, and it may have ended before it was.
  if (planned === "is cancelled" && status === "CANCELLED") {
    const made = UNDOABLE.filter((path) => completed.has(path) && path.endsWith("write"));
    // What had not ended may have left behind what it committed itself, and is not undone; nobody takes the signals that are left.
    const others = found.filter((one) => expected.includes(one) || one.startsWith("signal "));
    return { expected: [...undone, ...made.map((path) => `effect ${path}`), ...others], endsAs: status };
  }
  if (planned === "fails") return { expected: [...expected, ...undone], endsAs: "FAILED" };
  return { expected };
}

/**
 * What is wrong with how a run was undone: each of its steps that was COMPLETED and has an undo is taken back, the newest first,
 * once.
 */
export function undoFindings({
  run,
  steps,
}: RunDetail): readonly (readonly [code: string, detail: string])[] {
  const undos = steps.filter(({ name, status }) => name.startsWith("undo/") && status === "COMPLETED");
  const undone = undos.map(({ name }) => name.slice("undo/".length));
  if (run.workflow !== "kill.kinds") return [];
  if (run.status === "COMPLETED") return undone.map((path) => ["UNDONE", `${path}, of a run that succeeded`]);
  const begun = completedIn({ steps });
  const left = UNDOABLE.filter((path) => begun.has(path) && !undone.includes(path));
  const inOrder = undone.toSorted((a, b) => (begun.get(b) ?? 0) - (begun.get(a) ?? 0));
  return [
    ...left.map((path) => ["NOT_UNDONE", path] as const),
    ...(inOrder.join() === undone.join() ? [] : [["UNDO_ORDER", undone.join(" ")] as const]),
  ];
}

/** The steps that were finished → when they had begun, as a position. */
function completedIn({ steps }: { readonly steps: readonly StepRecord[] }): ReadonlyMap<string, number> {
  return new Map(steps.filter(({ status }) => status === "COMPLETED").map(({ name, seq }) => [name, seq]));
}
