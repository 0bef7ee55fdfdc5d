import { type AlertSeverity, decodeJson, type Partition, type StoredAlert } from "spine-core";

/** A row of `alerts`. */
export interface AlertRow {
  readonly alert_id: string;
  readonly severity: AlertSeverity;
  readonly title: string;
  readonly message: string;
  readonly source: string;
  readonly workflow_name: string | null;
  readonly run_id: string | null;
  readonly step_name: string | null;
  readonly domain: string | null;
  readonly partition: string | null;
  readonly labels: string;
  readonly fingerprint: string;
  readonly details: string;
  readonly raised_at: string;
}

export const ALERT_COLUMNS = `alert_id, severity, title, message, source, workflow_name, run_id, step_name, domain, partition,
  labels, fingerprint, details, raised_at`;

/** An alert as the port has it. */
export function readAlert(row: AlertRow): StoredAlert {
  return {
    alertId: row.alert_id,
    severity: row.severity,
    title: row.title,
    message: row.message,
    source: row.source,
    workflow: row.workflow_name,
    runId: row.run_id,
    step: row.step_name,
    domain: row.domain,
    partition: row.partition === null ? null : (decodeJson(row.partition) as unknown as Partition),
    labels: decodeJson(row.labels) as unknown as Readonly<Record<string, string>>,
    fingerprint: row.fingerprint,
    raisedAt: row.raised_at,
    details: decodeJson(row.details),
  };
}
