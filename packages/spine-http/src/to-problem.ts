import { SpineError } from "spine-core";
import { HttpProblem, type ProblemCode, type ProblemIssue } from "./problems.ts";

/** The answers to Spine's own errors that somebody who asks can do something about. All others are `internal`. */
const BY_CODE: Readonly<Record<string, ProblemCode>> = {
  VALIDATION_FAILED: "invalid-body",
  PAYLOAD_INVALID: "invalid-body",
  SIGNAL_INVALID: "invalid-body",
  UNKNOWN_WORKFLOW: "not-found",
  UNKNOWN_SOURCE: "not-found",
  RUN_NOT_FOUND: "not-found",
  SCHEDULE_NOT_FOUND: "not-found",
  SCHEDULE_EXISTS: "conflict",
  SCHEDULE_CHANGED: "stale",
  DATASET_MISSING: "expired",
  RUN_CONFLICT: "conflict",
  WORKFLOW_CHANGED: "conflict",
  APPROVAL_REJECTED: "conflict",
  RUN_CANCELLED: "conflict",
  KEY_REUSED: "idempotency-mismatch",
  PERMISSION_DENIED: "forbidden",
  RATE_LIMITED: "rate-limited",
  DATABASE_BUSY: "store-unavailable",
  DATABASE_UNAVAILABLE: "store-unavailable",
  DATABASE_FULL: "store-unavailable",
  TRANSIENT: "store-unavailable",
  STOPPED: "draining",
};
const RETRY_AFTER_SECONDS = 2;

/**
 * What is answered to an error. Of one that nobody outside can do anything about, nothing is said but the request's id: messages may
 * name hosts, statements or files.
 *
 * @param at where in the request that stands which Spine names in its issues: `/params` for parameters.
 */
export function toProblem(error: unknown, at = ""): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const known = SpineError.is(error) ? error : null;
  const code = known === null ? undefined : BY_CODE[known.code];
  if (known === null || code === undefined) {
    return new HttpProblem(
      "internal",
      "The request failed. What happened stands in the log of the process, under the id of this request.",
    );
  }
  const isOutage = code === "store-unavailable" || code === "draining";
  const errors = issuesOf(known.detail, at);
  const { runId } = known.context;
  return new HttpProblem(
    code === "invalid-body" && at === "/params" ? "invalid-params" : code,
    isOutage ? OUTAGE : known.message,
    {
      errorCode: known.code,
      ...(errors.length === 0 ? {} : { errors }),
      ...(runId === undefined ? {} : { executionId: runId }),
      ...(isOutage || code === "rate-limited"
        ? { retryAfterSeconds: Math.ceil((known.retryAfterMs ?? RETRY_AFTER_SECONDS * 1_000) / 1_000) }
        : {}),
    },
  );
}

const OUTAGE = "The request could not be carried out just now. Send it again in a few seconds.";

/** The issues in the detail of a ValidationError. */
function issuesOf(detail: unknown, at: string): readonly ProblemIssue[] {
  const issues = (detail as { readonly issues?: unknown } | null | undefined)?.issues;
  if (!Array.isArray(issues)) return [];
  return issues
    .slice(0, MOST_ISSUES)
    .map((issue: { readonly path?: unknown; readonly message?: unknown }) => ({
      path: `${at}${typeof issue.path === "string" && issue.path !== "/" ? issue.path : ""}` || "/",
      code: "invalid",
      message: typeof issue.message === "string" ? issue.message : "does not fit",
    }));
}

/** Somebody is to mend them, not to read thousands. */
export const MOST_ISSUES = 100;
