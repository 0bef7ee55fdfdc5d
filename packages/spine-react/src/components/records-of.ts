import type { Status } from "spine-http/client";

/** How many rows a run has made: its own metric `total_records`, or what its last step with rows gave out. */
export function recordsOf({ metrics, steps }: Pick<Status, "metrics" | "steps">): number | null {
  const total = Number(metrics.total_records ?? Number.NaN);
  if (Number.isFinite(total)) return total;
  const last = steps.findLast(({ rows, parent }) => rows !== null && parent === null);
  return last?.rows?.out ?? null;
}
