import type { AlertSeverity } from "../alerts/alert.ts";
import type { Partition } from "../context.ts";
import type { JsonValue } from "../json.ts";
import type { QualityResult } from "../quality/quality-check.ts";
import type { CursorName } from "./cursor-store.ts";
import type { Metrics, StepProgress } from "./records.ts";

/** A finished load: which rows came from which dataset, by which step. */
export interface LoadAttachment {
  readonly kind: "load";
  readonly loadId: string;
  readonly step: string;
  readonly table: string;
  readonly partition: Partition | null;
  readonly disposition: string;
  readonly dataset: string;
  readonly hash: string;
  readonly inserted: number;
  readonly superseded: number;
}

/** The new state of a partition. */
export interface PartitionAttachment {
  readonly kind: "partition";
  readonly table: string;
  readonly partition: Partition;
  readonly loadId: string;
  readonly hash: string;
  readonly rows: number;
}

/** The result of one check. */
export interface QualityAttachment {
  readonly kind: "quality";
  readonly step: string;
  readonly result: QualityResult;
}

/** A result inside a step that is not to be worked out again: `context.checkpoint`, `context.transaction`. */
export interface CheckpointAttachment {
  readonly kind: "checkpoint";
  readonly step: string;
  /** Unique within the step of a run. */
  readonly key: string;
  /** JSON text. */
  readonly value: string;
}

/** A message that a step logged. */
export interface LogAttachment {
  readonly kind: "log";
  readonly step: string;
  readonly attempt: number;
  readonly level: string;
  readonly message: string;
  /** JSON text; null where there are none. */
  readonly fields: string | null;
  /** When it was logged, ms since the epoch. */
  readonly at: number;
}

/** How far an attempt under way has come: of each step of a run the newest is kept. */
export interface ProgressAttachment extends Omit<StepProgress, "at"> {
  readonly kind: "progress";
  readonly step: string;
  readonly attempt: number;
  /** When it said so, ms since the epoch. */
  readonly at: number;
}

/**
 * How far a fetch has come, for the runs after this one. Goes with the commit that completes the run, and moves the cursor
 * only forwards.
 */
export interface CursorAttachment {
  readonly kind: "cursor";
  readonly name: CursorName;
  /** Moves the cursor if it is greater than the one that is there, by code points. */
  readonly position: string;
  /** JSON text. */
  readonly value: string;
  /** `resets` of the cursor when it was read: one that was reset since is left alone. */
  readonly resets: number;
}

/** An alert that is raised with what it is about. It waits in the database for whoever delivers it. */
export interface AlertAttachment {
  readonly kind: "alert";
  /** Unique, and in the order of time: a UUIDv7. */
  readonly alertId: string;
  readonly severity: AlertSeverity;
  readonly title: string;
  readonly message: string;
  /** The component that raises it, e.g. `quality`. */
  readonly source: string;
  readonly workflow: string;
  /** The step that it is about; null for the whole run. */
  readonly step: string | null;
  readonly domain: string | null;
  readonly partition: Partition | null;
  /** What it is about. Its identity: alerts with equal labels are one that is raised again, whatever they say. */
  readonly labels: Readonly<Record<string, string>>;
  readonly details: JsonValue;
}

/** That a partition has reached a stage of a domain's work. */
export interface ManifestAttachment {
  readonly kind: "manifest";
  readonly domain: string;
  readonly partition: Partition;
  readonly stage: string;
  readonly rank: number;
  readonly rows: number | null;
  readonly metrics: Metrics;
}

/**
 * Rows of other tables that commit together with a transition of a run, or not at all. A new kind is a
 * member of this union and a case in each history store; the port does not change.
 */
export type Attachment =
  | LoadAttachment
  | PartitionAttachment
  | QualityAttachment
  | CheckpointAttachment
  | LogAttachment
  | ProgressAttachment
  | CursorAttachment
  | ManifestAttachment
  | AlertAttachment;
