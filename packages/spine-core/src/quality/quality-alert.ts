import { type ExecutionContext, partitionKey } from "../context.ts";
import type { AlertAttachment } from "../history/attachment.ts";
import { newId } from "../ids.ts";
import type { QualityResult } from "./quality-check.ts";

/**
 * The alert of a check that stops a run: a WARNING, since it is the data that is wrong and nothing was loaded; an ERROR where the
 * check itself crashed, which only a change of code ends.
 */
export function qualityAlert(
  { workflow, domain, partition, step }: ExecutionContext & { readonly step: string },
  result: QualityResult,
): AlertAttachment {
  const { check, category, status, message, actual, expected, rowsTested, rowsFailed, samples } = result;
  return {
    kind: "alert",
    alertId: newId(),
    severity: status === "ERROR" ? "ERROR" : "WARNING",
    title: `${workflow}: quality check ${check} ${status === "ERROR" ? "crashed" : "failed"}`,
    message,
    source: "quality",
    workflow,
    step,
    domain,
    partition,
    labels: {
      pipeline: workflow,
      ...(domain === null ? {} : { domain }),
      ...(partition === null || partitionKey(partition) === "" ? {} : { partition: partitionKey(partition) }),
      check,
      category,
    },
    details: { status, actual, expected, rowsTested, rowsFailed, samples: [...samples] },
  };
}
