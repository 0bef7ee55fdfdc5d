/** From least to most severe. */
export const ALERT_SEVERITIES = ["INFO", "WARNING", "ERROR", "CRITICAL"] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

/** Something that somebody should know. Frozen data; its identity is its labels, not its wording. */
export interface Alert {
  readonly severity: AlertSeverity;
  readonly title: string;
  readonly message: string;
  /** The pipeline or component that raised it. */
  readonly source: string;
  readonly runId: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** ISO time in UTC. */
  readonly raisedAt: string;
}

/**
 * Why somebody is told now. FIRST: nothing of the group was told before. NEW_ALERTS: something else of it fires as well. REPEATED: it
 * was raised again since, or has been firing for long. SOME_RESOLVED: a part of it is over. RESOLVED: all of it. ACKNOWLEDGED:
 * somebody has taken it on, for channels that want to know.
 */
export const NOTIFY_REASONS = [
  "FIRST",
  "NEW_ALERTS",
  "REPEATED",
  "SOME_RESOLVED",
  "RESOLVED",
  "ACKNOWLEDGED",
] as const;
export type NotifyReason = (typeof NOTIFY_REASONS)[number];

/** One alert of a notification, with how often it was raised since it began to fire. */
export interface NotifiedAlert extends Alert {
  readonly fingerprint: string;
  readonly status: "FIRING" | "RESOLVED";
  readonly raised: number;
  /** ISO time of the first time that it was raised. */
  readonly since: string;
  /** Who has taken it on. */
  readonly acknowledgedBy: string | null;
}

/** What a channel is given to deliver: the alerts of one group, at one moment. */
export interface AlertNotification {
  /** The same for every attempt to deliver it: the other side may tell a duplicate by it. */
  readonly key: string;
  /** The same for all notifications about one trouble, from the first to the one that says that it is over. */
  readonly group: string;
  readonly reason: NotifyReason;
  readonly status: "FIRING" | "ACKNOWLEDGED" | "RESOLVED";
  /** Of its most severe alert. */
  readonly severity: AlertSeverity;
  readonly title: string;
  /** What the alerts of the group have in common. */
  readonly labels: Readonly<Record<string, string>>;
  /** 20 at most, the most severe first. */
  readonly alerts: readonly NotifiedAlert[];
  readonly firing: number;
  readonly resolved: number;
  /** How many more times something was raised since the last message than this one and those before it have told. */
  readonly suppressed: number;
  /** ISO time at which it was decided to send it. */
  readonly at: string;
}

/** What a channel is given along with a notification. */
export interface SendOptions {
  /** Aborted when the time for it is over. */
  readonly signal: AbortSignal;
  /** 1 for the first; with a later one the other side may have got it already, under the same key. */
  readonly attempt: number;
}

/**
 * Where alerts are delivered. Conformance suite: `testAlertChannel` in `spine-core/testing`.
 *
 * `send` throws a SpineError when the other side did not take it: a retryable one (with `retryAfterMs` where it said when) is tried
 * again, any other is not. Neither its error nor what it logs holds a secret; the URL of a webhook is one.
 */
export interface AlertChannel {
  readonly name: string;
  /** True where somebody is to be told as well that an alert was acknowledged. */
  readonly acknowledges?: boolean;
  send(notification: AlertNotification, options: SendOptions): Promise<void>;
}
