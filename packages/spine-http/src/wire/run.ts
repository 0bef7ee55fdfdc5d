import {
  ERROR_CATEGORIES,
  type ErrorSummary,
  RUN_STATUSES,
  type RunDetail,
  type RunRecord,
  type RunSummary,
  stepAt,
  type WorkflowData,
} from "spine-core";
import { z } from "zod";
import { secondsBetween } from "./list.ts";

export const RunStatus = z.enum(RUN_STATUSES).meta({ id: "RunStatus" });
export const Partition = z.record(z.string(), z.string());
export const Metrics = z.record(z.string(), z.union([z.number(), z.string()]));

/** The members that say why something failed: the text of the seed, and what a program reads. */
export const FAILURE = {
  error: z.string().nullable(),
  error_code: z.string().nullable(),
  error_category: z.enum(ERROR_CATEGORIES).nullable(),
} as const;

const SUMMARY = {
  execution_id: z.string().describe("The id of the run, everywhere."),
  pipeline: z.string(),
  domain: z.string().nullable(),
  partition: Partition.nullable(),
  tags: z.array(z.string()),
  status: RunStatus,
  version: z.int().describe("Counts the events of the run."),
  ...FAILURE,
  triggered_by: z.string(),
  parent_execution_id: z.string().nullable(),
  rerun_of: z.string().nullable().describe("The run that it repeats."),
  queue: z.string().nullable(),
  priority: z.int(),
  created_at: z.iso.datetime(),
  started_at: z.iso.datetime().nullable(),
  completed_at: z.iso.datetime().nullable(),
  duration: z.number().nullable().describe("Seconds from its start to its end; null before that."),
  available_at: z.iso.datetime().nullable().describe("When it may go on, while it waits for a time."),
  deadline: z.iso.datetime().nullable(),
} as const;

/** A run as lists show it. */
export const Run = z.strictObject(SUMMARY).meta({ id: "Run" });
export type Run = z.output<typeof Run>;

export function runOf(run: RunSummary | RunRecord): Run {
  const {
    runId,
    workflow,
    parentRunId,
    rerunOf,
    triggeredBy,
    createdAt,
    startedAt,
    completedAt,
    availableAt,
  } = run;
  return {
    execution_id: runId,
    pipeline: workflow,
    domain: run.domain,
    partition: run.partition,
    tags: [...run.tags],
    status: run.status,
    version: run.version,
    ...failureOf(run.error),
    triggered_by: triggeredBy,
    parent_execution_id: parentRunId,
    rerun_of: rerunOf,
    queue: run.queue,
    priority: run.priority,
    created_at: createdAt,
    started_at: startedAt,
    completed_at: completedAt,
    duration: secondsBetween(startedAt, completedAt),
    available_at: availableAt,
    deadline: run.deadline,
  };
}

export function failureOf(error: ErrorSummary | null): {
  readonly error: string | null;
  readonly error_code: string | null;
  readonly error_category: ErrorSummary["category"] | null;
} {
  return {
    error: error?.message ?? null,
    error_code: error?.code ?? null,
    error_category: error?.category ?? null,
  };
}

/** More of an error: what it is about, and what was behind it. */
export const ErrorDetail = z
  .strictObject({
    retryable: z.boolean(),
    context: z.record(z.string(), z.unknown()).nullable(),
    detail: z.unknown(),
    cause: z.string().nullable(),
  })
  .meta({ id: "ErrorDetail" });

export function errorDetailOf(error: RunRecord["error"]): z.output<typeof ErrorDetail> | null {
  if (!error) return null;
  const { retryable, context = null, detail = null, cause = null } = error;
  return { retryable, context, detail, cause };
}

/** What can be done with a run. */
const ACTIONS = ["cancel", "pause", "resume", "retry", "rerun", "approve", "signal"] as const;
type Action = (typeof ACTIONS)[number];

export const AllowedAction = z
  .strictObject({
    action: z.enum(ACTIONS),
    allowed: z.boolean(),
    reason: z.string().nullable().describe("Why not."),
    targets: z
      .array(z.string())
      .nullable()
      .describe(
        "The steps that wait for an approval, or the signals that steps wait for; null where it is about the run.",
      ),
  })
  .meta({ id: "AllowedAction" });

const NEEDS: Readonly<Record<Action, string>> = {
  cancel: "runs:cancel",
  pause: "runs:cancel",
  resume: "runs:cancel",
  retry: "runs:retry",
  rerun: "runs:retry",
  approve: "runs:signal",
  signal: "runs:signal",
};
/** What `waitingFor` says of a step that waits for a signal, before its name. */
const SIGNAL = "signal ";
const ENDED = ["COMPLETED", "FAILED", "CANCELLED"];

/** @param may whether the one who asks has a permission; @param workflow the pipeline, where this process knows it. */
export function allowedActions(
  detail: RunDetail,
  may: (permission: string) => boolean,
  workflow: WorkflowData | undefined,
): readonly z.output<typeof AllowedAction>[] {
  const { run } = detail;
  const hasEnded = ENDED.includes(run.status);
  const approvals = approvalsOf(detail, workflow);
  const targets: Partial<Record<Action, string[]>> = {
    approve: approvals,
    signal: signalsOf(detail, approvals),
  };
  const refusal = (action: Action): string | null => {
    if (!may(NEEDS[action])) return "You may not.";
    switch (action) {
      case "cancel":
      case "signal":
        return hasEnded ? "The run has ended." : null;
      case "pause":
        return hasEnded ? "The run has ended." : run.status === "PAUSED" ? "The run is paused." : null;
      case "resume":
        return run.status === "PAUSED" ? null : "The run is not paused.";
      case "retry":
        if (run.status === "COMPLETED") return "The run is completed: rerun it.";
        return hasEnded ? null : "The run has not ended.";
      case "rerun":
        return workflow ? null : "This process does not know the pipeline.";
      case "approve":
        return approvals.length > 0 ? null : "No step waits for an approval.";
    }
  };
  return ACTIONS.map((action) => {
    const reason = refusal(action);
    return { action, allowed: reason === null, reason, targets: targets[action] ?? null };
  });
}

/**
 * The steps that wait for an approval. One that waits for a signal of its own name waits in the same way: which it is stands in the
 * pipeline, where that is known.
 */
export function approvalsOf({ steps }: RunDetail, workflow: WorkflowData | undefined): string[] {
  return steps.flatMap(({ name, status, waitingFor }) => {
    if (status !== "WAITING" || waitingFor !== `${SIGNAL}${name}`) return [];
    const step = workflow && stepAt(workflow.steps, name);
    return !step || (step.kind === "wait" && step.isApproval) ? [name] : [];
  });
}

function signalsOf({ steps }: RunDetail, approvals: readonly string[]): string[] {
  const waiting = steps.filter(({ name, status }) => status === "WAITING" && !approvals.includes(name));
  const names = waiting.flatMap(({ waitingFor }) =>
    waitingFor?.startsWith(SIGNAL) ? waitingFor.slice(SIGNAL.length) : [],
  );
  return [...new Set(names)];
}
