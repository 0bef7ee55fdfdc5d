import {
  type ColumnBlock,
  type DatasetChunk,
  type DatasetRef,
  type DatasetSchema,
  type DatasetState,
  type DatasetWriter,
  decodeJson,
  type Row,
  rowsOf,
  SpineError,
  type StoredReject,
} from "spine-core";
import { decodeBlocks, decodeLines } from "./chunk-codec.ts";

/** A row of `datasets`. */
export interface DatasetRow {
  readonly dataset_id: string;
  readonly run_id: string;
  readonly step_name: string;
  readonly token: number;
  readonly chunks: number;
  readonly rows: number;
  readonly rejected: number;
  readonly bytes: number;
  readonly cursor: string | null;
  readonly hash: string | null;
  /** The columns with the types in them, as JSON text; null for a dataset of an older version. */
  readonly columns: string | null;
  readonly sealed_at: string | null;
}

/** What is read of a row of `dataset_chunks`. */
export interface ChunkRow {
  readonly hash: string;
  readonly rows: number;
  readonly lines: string | null;
  readonly file: string | null;
  readonly data: Uint8Array;
}

/** A row of `rejects` with the step of its dataset. */
export interface RejectRow {
  readonly step_name: string;
  readonly position: number;
  readonly code: string;
  readonly message: string;
  readonly line: number | null;
  readonly file: string | null;
  readonly raw: string;
}

/** A dataset as the port has it while it is written. */
export function readState(row: DatasetRow): DatasetState {
  const { chunks, rows, rejected, bytes, cursor } = row;
  return {
    dataset: row.dataset_id,
    chunks,
    rows,
    rejected,
    bytes,
    cursor: cursor === null ? null : decodeJson(cursor),
    sealed: row.sealed_at !== null,
  };
}

/** A dataset as the port has it once it is whole. */
export function readRef({ dataset_id, rows, rejected, bytes, hash, columns }: DatasetRow): DatasetRef {
  const schema = columns === null ? {} : { schema: JSON.parse(columns) as DatasetSchema };
  return { dataset: dataset_id, rows, rejected, bytes, hash: hash ?? "", ...schema };
}

/** A chunk as the port has it. */
export function readChunk(
  dataset: string,
  index: number,
  { rows, hash, lines, file, data }: ChunkRow,
): DatasetChunk {
  try {
    const blocks = decodeBlocks(data, hash);
    return new StoredChunk(
      { index, lines: decodeLines(lines, rows), ...(file === null ? {} : { file }) },
      blocks,
    );
  } catch (error) {
    throw chunkDamaged(dataset, index, error);
  }
}

/**
 * Rows are made when somebody asks for them: a load works on columns. The getter is the class's own: one for each object would have
 * a hidden class for each, which lives long, and the rows with it.
 */
class StoredChunk implements DatasetChunk {
  readonly index: number;
  readonly lines: readonly number[] | null;
  readonly file?: string | null;
  readonly blocks: readonly ColumnBlock[];
  #rows: readonly Row[] | undefined;

  constructor({ index, lines, file }: Omit<DatasetChunk, "rows" | "blocks">, blocks: readonly ColumnBlock[]) {
    this.index = index;
    this.lines = lines;
    if (file !== undefined) this.file = file;
    this.blocks = blocks;
  }

  get rows(): readonly Row[] {
    this.#rows ??= this.blocks.flatMap(rowsOf);
    return this.#rows;
  }
}

/** A reject as the port has it. */
export function readReject(runId: string, row: RejectRow): StoredReject {
  const { step_name, position, code, message, line, file, raw } = row;
  return { runId, step: step_name, index: position, code, message, line, file, raw: decodeJson(raw) };
}

/** Stored data that cannot be read is said to be so, not taken for an empty chunk. */
export function chunkDamaged(dataset: string, chunk: number, cause?: unknown): SpineError {
  return new SpineError("DATABASE_FAILED", `Chunk ${chunk} of dataset ${dataset} is damaged or gone.`, {
    context: { dataset, chunk },
    cause,
  });
}

/** The dataset does not exist. */
export function datasetMissing(dataset: string): SpineError {
  return new SpineError(
    "DATASET_MISSING",
    `The dataset ${dataset} is not there (any more): retention removes the datasets of old runs.`,
    { context: { dataset } },
  );
}

/** Somebody else has the right to write. */
export function writerFenced({ runId, step, token }: DatasetWriter, current: number): SpineError {
  return new SpineError(
    "FENCED",
    `Step "${step}" may not write its dataset with token ${token}: the right to write is with token ${current}.`,
    { context: { runId, step } },
  );
}
