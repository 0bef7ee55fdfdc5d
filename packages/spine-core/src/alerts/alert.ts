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

/** Where alerts are delivered. `send` throws a SpineError when the other side did not take it. */
export interface AlertChannel {
  readonly name: string;
  send(alert: Alert, options: { readonly signal: AbortSignal }): Promise<void>;
}
