import type { DatasetRef } from "../data/dataset.ts";
import type { QualityReport } from "../quality/quality-check.ts";

/** The output of a load step. */
export interface LoadResult {
  readonly loadId: string;
  readonly table: string;
  /** Rows written; 0 when the partition held the very same content already. */
  readonly inserted: number;
  /** Rows that were the current ones before and are not any more. */
  readonly superseded: number;
  /** Rows that were there already, the same in all columns, and were left as they are; of a load by keys. */
  readonly kept?: number;
  /** True when the partition held the same content already, so that nothing was written. */
  readonly unchanged: boolean;
  /**
   * The database that was loaded into, where it is not Spine's own: the load did not commit together with the record of its step, but
   * under a load id that no attempt of the step can load under again.
   */
  readonly database?: string;
  /** The columns that the table has got with this load, or with one before, beyond its definition. */
  readonly newColumns?: readonly string[];
}

/** The output of an ingest step. */
export interface IngestResult extends Pick<DatasetRef, "incremental"> {
  /** Rows that came through the transform. */
  readonly rows: number;
  /** Rows that were refused, by the source or by the transform. */
  readonly rejected: number;
  readonly quality: QualityReport;
  readonly load: LoadResult;
}
