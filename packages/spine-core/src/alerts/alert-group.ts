import type { Partition } from "../context.ts";
import type { AlertSeverity } from "./alert.ts";

/** One alert of a group: all that was raised with its fingerprint since it began to fire. Times are ms since the epoch. */
export interface GroupedAlert {
  readonly fingerprint: string;
  readonly severity: AlertSeverity;
  readonly title: string;
  readonly message: string;
  readonly source: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What a completed run has to be of to end it; null where only a person ends it. */
  readonly workflow: string | null;
  readonly partition: Partition | null;
  /** The newest run that it was raised for. */
  readonly runId: string | null;
  readonly firstAt: number;
  readonly lastAt: number;
  /** How often it was raised, and how many of these somebody was told. */
  readonly raised: number;
  readonly told: number;
  /** As what it was told last; null: nobody knows of it yet. */
  readonly toldAs: "FIRING" | null;
  readonly resolvedAt: number | null;
  readonly acknowledged: Acknowledgement | null;
}

/** Somebody has taken an alert on: it is not repeated. */
export interface Acknowledgement {
  readonly by: string;
  readonly note: string | null;
  readonly at: number;
}

/** Alerts that are told together, and what was told of them: all that is known between two looks. Frozen plain data. */
export interface AlertGroup {
  /** Of its channels and labels: the same for all processes. */
  readonly groupId: string;
  readonly channels: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly since: number;
  /** How many notifications there were. */
  readonly sent: number;
  readonly notifiedAt: number | null;
  /** How many of them in a row only repeated. */
  readonly repeats: number;
  /** Since when there is something to tell; null for nothing. */
  readonly changedAt: number | null;
  /** Raised with fingerprints for which there is no room here, and not told yet. */
  readonly beyond: number;
  readonly alerts: readonly GroupedAlert[];
}

/** When groups are told. Milliseconds. */
export interface NotifyPolicy {
  /** How long a group waits for more of it before it is told. */
  readonly groupWaitMs: number;
  /** The least time between two notifications of a group. */
  readonly groupIntervalMs: number;
  /** After how long a group that goes on firing is told again. */
  readonly repeatMs: number;
}
