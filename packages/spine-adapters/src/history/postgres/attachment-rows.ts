import {
  type Attachment,
  alertFingerprint,
  type CursorName,
  type ManifestAttachment,
  type Partition,
  type ProgressAttachment,
  partitionKey,
} from "spine-core";
import { isoTime } from "../iso-time.ts";
import { progressRow } from "../progress-rows.ts";
import { RowSet } from "./row-set.ts";

/** The rows of other tables that go with the commits of a flush. */
export class AttachmentRows {
  readonly loads = new RowSet();
  readonly partitions = new RowSet();
  readonly quality = new RowSet();
  readonly alerts = new RowSet();
  readonly checkpoints = new RowSet();
  readonly logs = new RowSet();
  readonly cursors = new RowSet();
  readonly manifest = new RowSet();
  readonly #partitions = new Set<string>();
  readonly #cursors = new Set<string>();
  readonly #manifest = new Set<string>();
  /** By run and step: the newest counts, and a row is changed once per statement. */
  readonly #progress = new Map<string, readonly [runId: string, progress: ProgressAttachment]>();

  get progress(): RowSet {
    const rows = new RowSet();
    for (const [runId, progress] of this.#progress.values()) {
      const { step_name, attempt, rows_in, rows_out, rows_rejected, ...said } = progressRow(progress);
      const { done, total, unit, message, said_at } = said;
      const counts = [rows_in, rows_out, rows_rejected, done, total] as const;
      rows.add(runId, step_name, attempt, ...counts, unit, message, said_at);
    }
    return rows;
  }

  /** False when one of them changes a row that another one of the statement changes too. */
  fits(attachments: readonly Attachment[]): boolean {
    return attachments.every((each) => {
      if (each.kind === "partition") return !this.#partitions.has(this.#name(each.table, each.partition));
      if (each.kind === "manifest") return !this.#manifest.has(nameOfStage(each));
      return each.kind !== "cursor" || !this.#cursors.has(nameOfCursor(each.name));
    });
  }

  /** @param pos the number of the commit's last event among those of its run in the flush. */
  add(runId: string, pos: number, attachments: readonly Attachment[]): void {
    for (const [position, attachment] of attachments.entries()) {
      switch (attachment.kind) {
        case "load": {
          const { loadId, step, table, partition, disposition, dataset, hash, inserted, superseded } =
            attachment;
          const [key, json] = partition ? [partitionKey(partition), JSON.stringify(partition)] : [null, null];
          this.loads.add(
            runId,
            loadId,
            step,
            table,
            key,
            json,
            disposition,
            dataset,
            hash,
            inserted,
            superseded,
          );
          break;
        }
        case "partition": {
          const { table, partition, loadId, hash, rows } = attachment;
          this.#partitions.add(this.#name(table, partition));
          this.partitions.add(
            runId,
            table,
            partitionKey(partition),
            JSON.stringify(partition),
            loadId,
            hash,
            rows,
          );
          break;
        }
        case "quality": {
          const { step, result } = attachment;
          const { check, category, status, blocking, message, actual, expected } = result;
          const { rowsTested, rowsFailed, samples, scope = null } = result;
          const value = actual === null ? null : String(actual);
          const cells = [step, check, category, status, blocking, message, value, expected] as const;
          const counts = [rowsTested, rowsFailed, JSON.stringify(samples)] as const;
          this.quality.add(runId, pos, position, ...cells, ...counts, scope);
          break;
        }
        case "alert": {
          const { alertId, severity, title, message, source, workflow, step, domain } = attachment;
          const { partition, labels, details } = attachment;
          const said = [severity, title, message, source, workflow, step, domain] as const;
          const of = partition && JSON.stringify(partition);
          const print = alertFingerprint(labels);
          this.alerts.add(
            runId,
            alertId,
            ...said,
            of,
            JSON.stringify(labels),
            print,
            JSON.stringify(details),
          );
          break;
        }
        case "checkpoint":
          this.checkpoints.add(runId, attachment.step, attachment.key, attachment.value);
          break;
        case "cursor": {
          const { name, position, value, resets } = attachment;
          this.#cursors.add(nameOfCursor(name));
          this.cursors.add(runId, name.workflow, name.step, name.scope, name.of, position, value, resets);
          break;
        }
        case "manifest": {
          const { domain, partition, stage, rank, rows, metrics } = attachment;
          this.#manifest.add(nameOfStage(attachment));
          const of = [domain, partitionKey(partition), stage, rank, JSON.stringify(partition)] as const;
          this.manifest.add(runId, ...of, rows, JSON.stringify(metrics));
          break;
        }
        case "progress":
          this.#progress.set(`${runId}/${attachment.step}`, [runId, attachment]);
          break;
        case "log": {
          const { step, attempt, level, message, fields, at } = attachment;
          this.logs.add(runId, pos, position, step, attempt, level, message, fields, isoTime(at));
          break;
        }
      }
    }
  }

  #name(table: string, partition: Partition): string {
    return `${table}/${partitionKey(partition)}`;
  }
}

function nameOfStage({ domain, partition, stage }: ManifestAttachment): string {
  return JSON.stringify([domain, stage, partitionKey(partition)]);
}

function nameOfCursor({ workflow, step, scope, of }: CursorName): string {
  return JSON.stringify([workflow, step, scope, of]);
}
