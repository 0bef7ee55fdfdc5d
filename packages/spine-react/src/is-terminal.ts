import type { RunStatus } from "spine-http/client";

/** Whether a run with this status has ended: it changes no more, unless somebody retries it. */
export function isTerminal(status: RunStatus): boolean {
  return status === "COMPLETED" || status === "FAILED" || status === "CANCELLED";
}
