import { SpineError, ValidationError } from "../errors.ts";
import type { CreateCommit } from "../history/history-store.ts";
import { isTerminal, type RunDetail, type RunRecord, type StepRecord } from "../history/records.ts";
import type { Step } from "../workflow/step.ts";
import { everyStep, undoOf } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";

/** The results that a new run has from the one that it repeats: those of the steps before `from`. */
export function inheritedBy(
  { run, steps }: RunDetail,
  workflow: WorkflowData,
  from: string | undefined,
): NonNullable<CreateCommit["inherited"]> {
  if (from === undefined) return [];
  const position = workflow.steps.findIndex(({ name }) => name === from);
  if (position === -1) {
    const names = workflow.steps.map(({ name }) => `"${name}"`).join(", ");
    throw new ValidationError(
      `"${workflow.name}" has no step "${from}" in its own list to begin with. It has ${names}.`,
      { detail: { issues: [{ path: "/from", message: "is no step of the workflow" }] } },
    );
  }
  return workflow.steps.slice(0, position).map((step) => {
    const record = newestOf(steps, step.name);
    if (isUndone(run, steps, step, record)) throw undone(run.runId, step.name, from);
    if (record && isDone(record, step.onError)) return inherited(record);
    throw new SpineError(
      "RUN_CONFLICT",
      `Run ${run.runId} cannot be repeated from "${from}": its step "${step.name}" has no result. Begin with that step.`,
      { context: { runId: run.runId, step: step.name } },
    );
  });
}

/** True for what was taken back since, or still may be; what this run had from another one is that one's. */
function isUndone(
  { status, inherited }: RunRecord,
  steps: readonly StepRecord[],
  step: Step,
  record: StepRecord | undefined,
): boolean {
  const undo = undoOf(step.name);
  const isOfIt = ({ name }: StepRecord) => name === undo || name.startsWith(`${undo}/`);
  const since = record?.seq ?? 0;
  if (steps.some((one) => isOfIt(one) && one.status === "COMPLETED" && one.seq > since)) return true;
  if (isTerminal(status) || since <= inherited) return false;
  return [...everyStep([step])].some((each) => each.undo !== null);
}

function undone(runId: string, step: string, from: string): SpineError {
  return new SpineError(
    "RUN_CONFLICT",
    `Run ${runId} cannot be repeated from "${from}": what its step "${step}" did was undone, or is while the run has not ended. Begin with that step, or one before it.`,
    { context: { runId, step } },
  );
}

function newestOf(steps: readonly StepRecord[], name: string): StepRecord | undefined {
  return steps.findLast((step) => step.name === name);
}

function isDone({ status, retryAt }: StepRecord, onError: "stop" | "continue"): boolean {
  if (status === "COMPLETED" || status === "SKIPPED") return true;
  return status === "FAILED" && retryAt === null && onError === "continue";
}

function inherited(record: StepRecord): NonNullable<CreateCommit["inherited"]>[number] {
  const { name, kind, attempt, status, output, error, rows, metrics } = record;
  return {
    name,
    kind,
    attempt,
    status: status as "COMPLETED" | "SKIPPED" | "FAILED",
    output: status === "COMPLETED" ? JSON.stringify(output) : null,
    error,
    rows,
    metrics,
    retryAt: null,
  };
}
