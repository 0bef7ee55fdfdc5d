import type { Clock } from "../clock.ts";
import type { DatasetRef, DatasetStore, DatasetWriter } from "../data/dataset.ts";
import type { RejectStore } from "../data/reject-store.ts";
import type { Database } from "../database/database.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import type { SpineError } from "../errors.ts";
import { ValidationError } from "../errors.ts";
import type { Attachment, CursorAttachment } from "../history/attachment.ts";
import type { ProgressPoint } from "../history/check-progress.ts";
import type { CursorStore } from "../history/cursor-store.ts";
import type { NewRun } from "../history/history-store.ts";
import type { PartitionStore } from "../history/partition-store.ts";
import type { QualityStore } from "../history/quality-store.ts";
import type { RowCounts } from "../history/records.ts";
import type { JsonValue } from "../json.ts";
import type { Redaction } from "../redaction.ts";
import type { RateBudgets } from "../sources/rate-budgets.ts";
import type { StepContext } from "../workflow/step-context.ts";
import type { Plan } from "./plan.ts";

/** What the code of a step kind works with: the user's view of the run, and the stores behind it. */
export interface StepScope {
  readonly context: StepContext;
  /** The right to write this step's dataset. */
  readonly writer: DatasetWriter;
  readonly database: Database;
  /** Another database, as `createSpine({ databases })` names it. @throws SpineError CONFIG_INVALID where there is none of that name. */
  databaseOf(name: string | null | undefined): Database;
  readonly datasets: DatasetStore;
  readonly partitions: PartitionStore;
  readonly rejects: RejectStore;
  readonly quality: QualityStore;
  readonly cursors: CursorStore;
  readonly budgets: RateBudgets;
  readonly clock: Clock;
  /** Takes the run's secrets out of what is about to be recorded; null where it has none. */
  readonly redaction: Redaction | null;
  /** The step's path. */
  readonly path: string;
  /** What the step's code said of stages that partitions have reached. */
  advanced(): readonly Attachment[];
  /** What earlier attempts recorded inside of the step, by key; what this one is sure to record may be added. */
  recorded(): Map<string, JsonValue>;
  /** Says how far the step has come, which is a sign of life too: at each page. */
  progress(rows: RowCounts, of?: Pick<ProgressPoint, "done" | "total" | "unit">): void;
  /** A run of another workflow as a child of this one: the same, however often the step is tried. */
  prepareChild(pipeline: string, params: unknown): Promise<PreparedChild>;
}

/** A child that a step is to wait for. */
export interface PreparedChild {
  readonly runId: string;
  /** Set where it does not exist yet. */
  readonly child?: NewRun;
}

/** What a step kind brings about, before its output is made JSON. */
export interface StepOutcome {
  readonly output: unknown;
  readonly rows?: RowCounts;
  readonly attachments?: readonly Attachment[];
  /** The verdict of a step that ran to its end and is a failure all the same. */
  readonly error?: SpineError;
  /** As in `StepResult`. */
  readonly skipped?: boolean;
  readonly ends?: string;
  readonly cursors?: readonly CursorAttachment[];
  readonly plan?: Plan;
  readonly child?: NewRun;
}

/** An outcome that needs writes in the transaction that records it. */
export interface TransactionalOutcome {
  readonly write: (transaction: DatabaseTransaction) => Promise<StepOutcome>;
}

/** Who writes the step's dataset, as long as this attempt goes on. */
export function writerOf({ writer, context }: StepScope): DatasetWriter {
  return { ...writer, signal: context.signal };
}

/** The dataset that an earlier step made. */
export function datasetOf(context: StepContext, step: string): DatasetRef {
  const output = (context.outputs as Readonly<Record<string, unknown>>)[step];
  if (typeof output === "object" && output !== null && "dataset" in output) return output as DatasetRef;
  throw new ValidationError(
    `Step "${context.step}" reads the dataset of step "${step}", but the output of "${step}" is no dataset.`,
  );
}
