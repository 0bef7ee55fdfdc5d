import {
  type AlertAttachment,
  type Attachment,
  alertFingerprint,
  type CheckpointAttachment,
  type CursorAttachment,
  type LoadAttachment,
  type LogAttachment,
  type ManifestAttachment,
  type PartitionAttachment,
  type ProgressAttachment,
  partitionKey,
  type QualityAttachment,
} from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { isoTime } from "../iso-time.ts";
import { logSeq } from "../log-rows.ts";
import { progressRow } from "../progress-rows.ts";
import type { StateTables } from "../state-tables.ts";

interface Scope {
  readonly connection: SqliteConnection;
  readonly tables: StateTables;
  readonly runId: string;
  /** The number of the commit's last event. */
  readonly version: number;
  readonly at: string;
}

/** Writes what commits together with a transition. */
export function writeAttachments(scope: Scope, attachments: readonly Attachment[]): void {
  for (const [position, attachment] of attachments.entries()) {
    switch (attachment.kind) {
      case "load":
        writeLoad(scope, attachment);
        break;
      case "partition":
        writePartition(scope, attachment);
        break;
      case "quality":
        writeQuality(scope, attachment, position);
        break;
      case "alert":
        writeAlert(scope, attachment);
        break;
      case "checkpoint":
        writeCheckpoint(scope, attachment);
        break;
      case "cursor":
        moveCursor(scope, attachment);
        break;
      case "log":
        writeLog(scope, attachment, position);
        break;
      case "manifest":
        writeManifest(scope, attachment);
        break;
      case "progress":
        writeProgress(scope, attachment);
        break;
    }
  }
}

function writeLoad({ connection, tables, runId, at }: Scope, load: LoadAttachment): void {
  connection.insert(tables.loads, {
    load_id: load.loadId,
    run_id: runId,
    step_name: load.step,
    table_name: load.table,
    partition_key: load.partition && partitionKey(load.partition),
    partition: load.partition && JSON.stringify(load.partition),
    disposition: load.disposition,
    dataset_id: load.dataset,
    hash: load.hash,
    inserted: load.inserted,
    superseded: load.superseded,
    loaded_at: at,
  });
}

function writePartition({ connection, tables, runId, at }: Scope, attachment: PartitionAttachment): void {
  const { table, partition, loadId, hash, rows } = attachment;
  connection.insert(
    tables.partitions,
    {
      table_name: table,
      partition_key: partitionKey(partition),
      partition: JSON.stringify(partition),
      run_id: runId,
      load_id: loadId,
      hash,
      rows,
      loaded_at: at,
    },
    `ON CONFLICT (table_name, partition_key) DO UPDATE SET
  partition = excluded.partition, run_id = excluded.run_id, load_id = excluded.load_id,
  hash = excluded.hash, rows = excluded.rows, loaded_at = excluded.loaded_at`,
  );
}

function writeCheckpoint({ connection, tables, runId, at }: Scope, checkpoint: CheckpointAttachment): void {
  const { step, key, value } = checkpoint;
  connection.insert(tables.step_checkpoints, {
    run_id: runId,
    step_name: step,
    checkpoint_key: key,
    value,
    recorded_at: at,
  });
}

/** Forwards only, and not where it was reset since. */
function moveCursor({ connection, tables, runId, at }: Scope, cursor: CursorAttachment): void {
  const { name, position, value, resets } = cursor;
  const { workflow: workflow_name, step: step_name, scope, of: kind } = name;
  connection.insert(
    tables.cursors,
    { workflow_name, step_name, scope, kind, position, value, resets, run_id: runId, updated_at: at },
    `ON CONFLICT (workflow_name, step_name, scope, kind) DO UPDATE SET
  position = excluded.position, value = excluded.value, run_id = excluded.run_id, updated_at = excluded.updated_at
WHERE resets = excluded.resets AND (position IS NULL OR position < excluded.position)`,
  );
}

function writeLog({ connection, tables, runId, version }: Scope, log: LogAttachment, position: number): void {
  connection.insert(tables.run_logs, {
    run_id: runId,
    seq: logSeq(version, position),
    step_name: log.step,
    attempt: log.attempt,
    level: log.level,
    message: log.message,
    fields: log.fields,
    logged_at: isoTime(log.at),
  });
}

function writeManifest({ connection, tables, runId, at }: Scope, manifest: ManifestAttachment): void {
  const { domain, partition, stage, rank, rows, metrics } = manifest;
  connection.insert(
    tables.work_manifest,
    {
      domain,
      partition_key: partitionKey(partition),
      stage,
      stage_rank: rank,
      partition: JSON.stringify(partition),
      rows,
      run_id: runId,
      metrics: JSON.stringify(metrics),
      advanced_at: at,
    },
    `ON CONFLICT (domain, partition_key, stage) DO UPDATE SET stage_rank = excluded.stage_rank, rows = excluded.rows,
  run_id = excluded.run_id, metrics = excluded.metrics, advanced_at = excluded.advanced_at`,
  );
}

/** The newest counts. */
function writeProgress({ connection, tables, runId }: Scope, progress: ProgressAttachment): void {
  connection.insert(
    tables.step_progress,
    { run_id: runId, ...progressRow(progress) },
    `ON CONFLICT (run_id, step_name) DO UPDATE SET
  attempt = excluded.attempt, rows_in = excluded.rows_in, rows_out = excluded.rows_out,
  rows_rejected = excluded.rows_rejected, done = excluded.done, total = excluded.total, unit = excluded.unit,
  message = excluded.message, said_at = excluded.said_at`,
  );
}

function writeAlert({ connection, tables, runId, at }: Scope, alert: AlertAttachment): void {
  connection.insert(tables.alerts, {
    alert_id: alert.alertId,
    severity: alert.severity,
    title: alert.title,
    message: alert.message,
    source: alert.source,
    workflow_name: alert.workflow,
    run_id: runId,
    step_name: alert.step,
    domain: alert.domain,
    partition: alert.partition && JSON.stringify(alert.partition),
    labels: JSON.stringify(alert.labels),
    fingerprint: alertFingerprint(alert.labels),
    details: JSON.stringify(alert.details),
    raised_at: at,
  });
}

function writeQuality(scope: Scope, { step, result }: QualityAttachment, position: number): void {
  const { connection, tables, runId } = scope;
  const run = connection.get<{ workflow_name: string }>(
    `SELECT workflow_name FROM ${tables.workflow_runs} WHERE run_id = ?`,
    runId,
  );
  connection.insert(tables.quality_results, {
    workflow_name: run?.workflow_name ?? null,
    scope: result.scope ?? null,
    run_id: runId,
    event_seq: scope.version,
    position,
    step_name: step,
    check_name: result.check,
    category: result.category,
    status: result.status,
    blocking: Number(result.blocking),
    message: result.message,
    actual: result.actual === null ? null : String(result.actual),
    expected: result.expected,
    rows_tested: result.rowsTested,
    rows_failed: result.rowsFailed,
    samples: JSON.stringify(result.samples),
    recorded_at: scope.at,
  });
}
