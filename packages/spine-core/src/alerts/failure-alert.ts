import { type Partition, partitionKey } from "../context.ts";
import type { ErrorCategory, ErrorJson } from "../errors.ts";
import type { AlertAttachment } from "../history/attachment.ts";
import type { Transition } from "../history/history-store.ts";
import { newId } from "../ids.ts";
import type { AlertSeverity } from "./alert.ts";

/** A run that has FAILED. */
export interface RunFailure {
  readonly runId: string;
  readonly workflow: string;
  readonly domain: string | null;
  readonly partition: Partition | null;
  readonly error: Pick<ErrorJson, "code" | "category" | "message" | "context">;
}

/** How severe it is that a run has failed; null: nobody is told. */
export type FailureSeverity = (failure: RunFailure) => AlertSeverity | null;

/** What differs from ERROR. Of bad data nothing was loaded, and it is somebody else's; a disk that is full stops all runs. */
const SEVERITIES: Partial<Record<ErrorCategory, AlertSeverity>> = {
  DATA_QUALITY: "WARNING",
  RESOURCE: "CRITICAL",
};

/**
 * How severe a failure is by itself: CRITICAL where a resource has run out or processes died at it again and again, WARNING for the
 * quality of data, ERROR otherwise.
 *
 * @example
 * const spine = await createSpine({
 *   database: memory(),
 *   alerts: { onFailure: (failure) => (failure.domain === "test" ? null : failureSeverity(failure)) },
 * });
 */
export function failureSeverity({ error: { code, category } }: RunFailure): AlertSeverity {
  return code === "POISONED" ? "CRITICAL" : (SEVERITIES[category] ?? "ERROR");
}

/**
 * A transition with the alert that its run has failed, which commits with it; as it is where the run does not fail, or where a check
 * that failed with it has raised one.
 */
export function withFailureAlert(
  transition: Transition,
  run: Omit<RunFailure, "error">,
  severityOf: FailureSeverity | false = failureSeverity,
): Transition {
  const { run: change, attachments } = transition;
  if (change?.status !== "FAILED" || severityOf === false) return transition;
  if (attachments.some(({ kind }) => kind === "alert")) return transition;
  const alert = failureAlert({ ...run, error: change.error ?? UNKNOWN }, severityOf);
  return alert === null ? transition : { ...transition, attachments: [...attachments, alert] };
}

const UNKNOWN = {
  code: "INTERNAL",
  category: "INTERNAL",
  message: "The run failed without an error.",
} as const;

function failureAlert(failure: RunFailure, severityOf: FailureSeverity): AlertAttachment | null {
  const { workflow, domain, partition, error } = failure;
  let severity: AlertSeverity | null;
  try {
    severity = severityOf(failure);
  } catch {
    // What the host's rule throws must not keep a failure from being recorded, nor from being told.
    severity = failureSeverity(failure);
  }
  if (severity === null) return null;
  const { code, category, message, context } = error;
  const step = context?.step ?? null;
  return {
    kind: "alert",
    alertId: newId(),
    severity,
    title: `${workflow} failed: ${code}`,
    message,
    source: "run",
    workflow,
    step,
    domain,
    partition,
    labels: {
      pipeline: workflow,
      ...(domain === null ? {} : { domain }),
      ...(partition === null || partitionKey(partition) === "" ? {} : { partition: partitionKey(partition) }),
      category,
    },
    details: { code, category, step },
  };
}
