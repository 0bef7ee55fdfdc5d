import type { Table } from "../data/table.ts";
import type { Database, StateStores } from "../database/database.ts";
import type { RunDetail, StepRecord } from "../history/records.ts";
import type { Spine } from "../spine.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { AuditedRun } from "./audit.ts";
import type { DurableEffect } from "./crash-points.ts";
import type { Ledger } from "./ledger.ts";

/** What is looked at of what runs leave behind. */
export type ObservedStores = Omit<
  StateStores,
  | "hints"
  | "cursors"
  | "budgets"
  | "rejects"
  | "quality"
  | "lineage"
  | "manifest"
  | "schedules"
  | "notifications"
>;

/** What dies: a workflow whose code tells a ledger what it does, and what its runs ought to leave behind. */
export interface CrashSubject {
  /** The first one is started; the others are its children. All processes that work on a run get the same ledger. */
  workflows(ledger: Ledger): readonly [WorkflowData, ...WorkflowData[]];
  readonly tables: readonly Table[];
  /** Before and after which effects a process dies in turn: all that its runs have. */
  readonly effects: readonly DurableEffect[];
  /** Steps whose failure for good is taken: they are as finished as those that are complete. */
  readonly taken?: readonly string[];
  /** What somebody does for a run once it is accepted: in each process again, for nobody knows whether it was done. */
  help?(spine: Spine, runId: string): Promise<void>;
  /** What is there of a run, or of a child of one, and what ought to be. */
  look(
    detail: RunDetail,
    stores: ObservedStores,
    database: Database,
  ): Promise<Pick<AuditedRun, "effects" | "expected" | "endsAs">>;
}

/** True when a recorded attempt is the end of its step. */
export function isFinished(
  { taken = [] }: CrashSubject,
  { name, status, error, retryAt }: Pick<StepRecord, "name" | "status" | "error"> & { retryAt: unknown },
): boolean {
  if (status === "COMPLETED" || status === "SKIPPED") return true;
  return status === "FAILED" && retryAt === null && error?.code !== "WORKER_LOST" && taken.includes(name);
}
