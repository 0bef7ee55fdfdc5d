import { type RowCounts, RUN_STATUSES, type RunStatus, type RunTotals } from "spine-core";

/** What a database counted of the runs of a window. */
export interface Counted {
  readonly byStatus: Readonly<Partial<Record<RunStatus, number>>>;
  readonly capped: boolean;
  readonly oldest: string | null;
  readonly duration: RunTotals["duration"];
  readonly rows: Readonly<Record<string, RowCounts>>;
}

/** The totals as the port has them. */
export function runTotals({ byStatus, ...counted }: Counted): RunTotals {
  const all = Object.fromEntries(RUN_STATUSES.map((status) => [status, byStatus[status] ?? 0]));
  const { COMPLETED = 0, FAILED = 0 } = byStatus;
  return {
    runs: Object.values(all).reduce((sum, count) => sum + count, 0),
    byStatus: all as Record<RunStatus, number>,
    successRate: COMPLETED + FAILED === 0 ? null : COMPLETED / (COMPLETED + FAILED),
    ...counted,
  };
}
