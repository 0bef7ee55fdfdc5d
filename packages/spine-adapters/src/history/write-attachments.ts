import { type Attachment, partitionKey } from "spine-core";
import type { SqliteConnection } from "../databases/sqlite/sqlite-connection.ts";
import type { HistorySql } from "./history-sql.ts";

/** The commit that attachments belong to. */
interface Owner {
  readonly runId: string;
  /** The number of the commit's last event. */
  readonly version: number;
  readonly at: string;
}

/** Writes what commits together with a transition. */
export function writeAttachments(
  connection: SqliteConnection,
  sql: HistorySql,
  { runId, version, at }: Owner,
  attachments: readonly Attachment[],
): void {
  for (const [position, attachment] of attachments.entries()) {
    switch (attachment.kind) {
      case "load": {
        const { loadId, step, table, partition, disposition, dataset, hash, inserted, superseded } =
          attachment;
        const key = partition && partitionKey(partition);
        const text = partition && JSON.stringify(partition);
        connection.run(
          sql.insertLoad,
          ...[loadId, runId, step, table, key, text, disposition, dataset, hash, inserted, superseded, at],
        );
        break;
      }
      case "partition": {
        const { table, partition, loadId, hash, rows } = attachment;
        const text = JSON.stringify(partition);
        connection.run(
          sql.putPartition,
          ...[table, partitionKey(partition), text, runId, loadId, hash, rows, at],
        );
        break;
      }
      case "quality": {
        const { check, category, status, blocking, message, ...found } = attachment.result;
        connection.run(
          sql.insertQuality,
          ...[runId, version, position, attachment.step, check, category, status, Number(blocking), message],
          ...[found.actual === null ? null : String(found.actual), found.expected],
          ...[found.rowsTested, found.rowsFailed, JSON.stringify(found.samples), at],
        );
        break;
      }
    }
  }
}
