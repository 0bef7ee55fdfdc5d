import type { Partition } from "../context.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import type { RunStatus } from "./records.ts";

/** The state of one partition of one table: what was loaded into it last. */
export interface PartitionRecord {
  readonly table: string;
  readonly partition: Partition;
  readonly runId: string;
  readonly loadId: string;
  /** The content hash of the dataset that it was loaded from. */
  readonly hash: string;
  readonly rows: number;
  /** ISO time in UTC. */
  readonly loadedAt: string;
}

/** What is known of a partition: the load that is in it, and the newest run that was about it. */
export interface PartitionState {
  readonly loaded: PartitionRecord | null;
  readonly newest: { readonly runId: string; readonly status: RunStatus } | null;
}

/** Partitions whose states are asked for. */
export interface PartitionQuery {
  readonly table: string;
  /** The workflow whose runs count; null for none. */
  readonly workflow: string | null;
  /** The texts of the partitions (`partitionKey`), at most 1,000. */
  readonly keys: readonly string[];
}

/**
 * What is loaded, by partition. Reading only: partitions change in the commit that loads them, as an
 * attachment, and are never derived by scanning.
 */
export interface PartitionStore {
  /** With a transaction, the record stays as it is until that transaction ends. */
  get(
    table: string,
    partition: Partition,
    options?: { readonly transaction?: DatabaseTransaction },
  ): Promise<PartitionRecord | undefined>;
  list(table: string): Promise<readonly PartitionRecord[]>;
  /** The state of each of these partitions, in their order: of each two rows are read at most, whatever else there is. */
  states(query: PartitionQuery): Promise<readonly PartitionState[]>;
  /**
   * In the transaction that changes a table without saying which of its partitions: what was known of their content is not any
   * more (`hash` is empty, so the same content is loaded again), or with `gone` nothing of them is there.
   */
  changed(
    table: string,
    options: { readonly transaction: DatabaseTransaction; readonly gone?: boolean },
  ): Promise<void>;
}
