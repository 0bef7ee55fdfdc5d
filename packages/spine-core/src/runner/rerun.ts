import { SpineError, ValidationError } from "../errors.ts";
import type { CreateCommit } from "../history/history-store.ts";
import type { RunDetail, StepRecord } from "../history/records.ts";
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
    if (record && isDone(record, step.onError)) return inherited(record);
    throw new SpineError(
      "RUN_CONFLICT",
      `Run ${run.runId} cannot be repeated from "${from}": its step "${step.name}" has no result. Begin with that step.`,
      { context: { runId: run.runId, step: step.name } },
    );
  });
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
