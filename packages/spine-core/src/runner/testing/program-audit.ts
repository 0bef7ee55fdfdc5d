import type { RunRecord, StepRecord } from "../../history/records.ts";
import { isUndo, parentOf, stepAt, undoneBy, undoOf } from "../../workflow/step-paths.ts";
import type { WorkflowData } from "../../workflow/workflow.ts";
import { ATTEMPTS, nodeAt, type Program, undoFailsOf } from "./programs.ts";

type Records = readonly StepRecord[];

/** A run that has ended. */
export interface EndedProgram {
  readonly records: Records;
  /** How many of them there were when it was last tried again. */
  readonly retried: number;
  readonly succeeded: boolean;
  readonly error: RunRecord["error"];
  readonly workflow: WorkflowData;
  readonly program: Program;
  /** Those of its children that have not ended. */
  readonly children: readonly string[];
}

/** What has to hold at the end of every run; an error otherwise. */
export function auditEnd(ended: EndedProgram): void {
  const { records, retried, succeeded, error, workflow, program, children } = ended;
  if (children.length > 0) throw new Error(`Nobody waits for ${children.join()}, which were not cancelled.`);
  const open = records.filter(({ completedAt }) => completedAt === null);
  if (open.length > 0) throw new Error(`Attempts are left under way: ${open.map(({ name }) => name).join()}`);
  const undone = records
    .slice(retried)
    .filter(({ name, status }) => isUndo(name) && status === "COMPLETED")
    .map(({ name }) => undoneBy(name));
  if (succeeded) {
    if (undone.length > 0) throw new Error("A run that succeeded was undone.");
    auditDoneAgain(records);
    return;
  }
  const newestFirst = [...undone].sort((a, b) => doneAt(records, b) - doneAt(records, a));
  if (newestFirst.join() !== undone.join()) {
    throw new Error(`Undone were ${undone.join()}, not ${newestFirst.join()}.`);
  }
  const left = doneIn(records).filter((name) => hasUndo(workflow, name));
  const gaveUp = left.filter((name) => undoFailsOf(nodeAt(program, name)) >= ATTEMPTS);
  if (left.length > gaveUp.length) throw new Error(`Not undone are ${left.join()}, not ${gaveUp.join()}.`);
  const told = String(error?.context?.not_undone ?? "").split(", ");
  for (const name of gaveUp) if (!told.includes(name)) throw new Error(`${name} is not told of.`);
}

/** Everything that was undone has happened again since, unless what is around it failed before that, and this was taken. */
function auditDoneAgain(records: Records): void {
  const done = new Set(doneIn(records));
  for (const { name, status, seq } of records) {
    if (!isUndo(name) || status !== "COMPLETED" || done.has(undoneBy(name))) continue;
    const gaveUp = records.some(
      (record) =>
        record.seq > seq && record.status === "FAILED" && undoneBy(name).startsWith(`${record.name}/`),
    );
    if (gaveUp) continue;
    throw new Error(`${undoneBy(name)} was undone, and not done again.`);
  }
}

/** Steps that have happened, and not been undone since. */
function doneIn(records: Records): readonly string[] {
  const done = new Set<string>();
  for (const { name, status } of records) {
    if (status !== "COMPLETED") continue;
    if (isUndo(name)) done.delete(undoneBy(name));
    else done.add(name);
  }
  return [...done];
}

function doneAt(records: Records, path: string): number {
  return records.findLastIndex(({ name, status }) => name === path && status === "COMPLETED");
}

/** True when a finished step was taken back, or something inside of it; or when what was taken back was done again. */
export function isTakenBack(records: Records, { name, seq }: StepRecord): boolean {
  const later = records.filter((record) => record.seq > seq && record.status === "COMPLETED");
  if (isUndo(name)) return later.some((record) => record.name === undoneBy(name));
  const undo = undoOf(name);
  return later.some((record) => record.name === undo || record.name.startsWith(`${undo}/`));
}

/** No more items of a map at a time than it allows, whatever they are made of. */
export function checkConcurrency(workflow: WorkflowData, records: Records, name: string): void {
  if (isUndo(name)) return;
  for (let map = parentOf(name); map !== null; map = parentOf(map)) {
    const step = stepAt(workflow.steps, map);
    if (step?.kind !== "map") continue;
    const inside = `${map}/`;
    const itemOf = (path: string) => path.slice(inside.length).split("/")[0];
    const open = records.filter((record) => record.completedAt === null && record.name.startsWith(inside));
    const items = new Set(open.map((record) => itemOf(record.name)));
    if (items.size > step.concurrency) throw new Error(`${map} has more items at a time than it may.`);
  }
}

/** A run with steps that have timeouts, between two of its turns. */
export interface TimedProgram {
  readonly workflow: WorkflowData;
  readonly records: Records;
  /** True for an attempt whose own code is under way: a timer beside it ends that. */
  readonly hasCode: (path: string) => boolean;
  readonly now: number;
  /** When it does something by itself; null for never. */
  readonly wakes: number | null;
  /** False where what has come for it is looked at next. */
  readonly isRead: boolean;
  readonly isEnding: boolean;
}

/** The time of a step counts from its recorded begin: none goes on behind it or ends before it, and the run wakes for it. */
export function checkTimeouts(program: TimedProgram): void {
  const { workflow, records, hasCode, now, wakes, isRead, isEnding } = program;
  const kept = new Map<string, number>();
  // What has come for a step that waits is read before the time of what is around it is over.
  const waiting = records.flatMap(({ name, status }) => (status === "WAITING" ? [name] : []));
  const waitsAround = (path: string) => waiting.some((name) => name === path || name.startsWith(`${path}/`));
  for (const { name, kind, status, error, startedAt, completedAt } of records) {
    const timeoutMs = kind === "lambda" || isUndo(name) ? null : stepAt(workflow.steps, name)?.timeoutMs;
    if (timeoutMs == null) continue;
    const over = kept.get(name) ?? Date.parse(startedAt) + timeoutMs;
    kept.delete(name);
    if (error?.code === "STOPPED" || error?.code === "WORKER_LOST") kept.set(name, over);
    if (completedAt === null && !hasCode(name) && !isEnding) {
      if (over <= now && (isRead || !waitsAround(name))) throw new Error(`The time of ${name} is over.`);
      if (wakes === null || wakes > over) throw new Error(`Nothing wakes the run for ${name}.`);
    }
    const isTimeout = status === "FAILED" && error?.code === "STEP_TIMEOUT" && error.context?.step === name;
    if (isTimeout && Date.parse(completedAt ?? "") < over) throw new Error(`${name} had time left.`);
  }
}

function hasUndo({ steps }: WorkflowData, name: string): boolean {
  return Boolean(stepAt(steps, name)?.undo);
}
