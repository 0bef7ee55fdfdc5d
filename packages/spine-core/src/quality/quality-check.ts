import type { Kysely } from "kysely";
import type { Partition } from "../context.ts";
import type { ColumnBlock } from "../data/column-block.ts";
import type { DatasetSchema } from "../data/dataset.ts";
import type { ColumnType } from "../data/table.ts";
import type { Dialect } from "../database/database.ts";
import type { AnySchema } from "../database/database-transaction.ts";
import type { JsonValue } from "../json.ts";
import type { Row } from "../sources/source.ts";

/** PASS and WARN let the run go on; FAIL stops it when the check blocks; ERROR: the check itself crashed. */
export const QUALITY_STATUSES = ["PASS", "WARN", "FAIL", "ERROR", "SKIPPED"] as const;
export type QualityStatus = (typeof QUALITY_STATUSES)[number];

export const QUALITY_CATEGORIES = ["INTEGRITY", "COMPLETENESS", "BUSINESS_RULE"] as const;
export type QualityCategory = (typeof QUALITY_CATEGORIES)[number];

/** What one check found. */
export interface QualityResult {
  readonly check: string;
  readonly category: QualityCategory;
  readonly status: QualityStatus;
  /** Whether a FAIL (or ERROR) of this check stops the run. */
  readonly blocking: boolean;
  readonly message: string;
  readonly actual: number | string | null;
  readonly expected: string | null;
  readonly rowsTested: number;
  readonly rowsFailed: number;
  /** Up to 20 examples of what failed. */
  readonly samples: readonly string[];
  /** Of a check that compares with earlier runs: which of them are its like; left out where all of the workflow's are. */
  readonly scope?: string;
}

/** The verdict of a quality step: its step's output, and its rows in the history. */
export interface QualityReport {
  readonly passed: boolean;
  readonly results: readonly QualityResult[];
}

/** What an accumulator says at the end; the engine adds the check's name, category and row count. */
export interface QualityFinding {
  /** SKIPPED: of these rows (of none, say) the check can say nothing. */
  readonly status: "PASS" | "WARN" | "FAIL" | "SKIPPED";
  readonly message: string;
  readonly actual?: number | string | null;
  readonly expected?: string | null;
  readonly rowsFailed?: number;
  readonly samples?: readonly string[];
  readonly scope?: string;
}

/** What a check may know beside the rows that it sees. */
export interface QualityInput {
  /** The run's parameters, as its workflow's schema gives them. */
  readonly params: unknown;
  /** Rows of the dataset. */
  readonly rows: number;
  /** Rows refused on the way to it: by the step that made the dataset, and by those that its rows came through. */
  readonly rejected: number;
  readonly partition?: Partition | null;
  /** The time by the clock of Spine, ms since the epoch. */
  readonly now?: number;
  /** The dataset's columns, where they are known. */
  readonly schema?: DatasetSchema;
  /** Of an ingest, whose schema is known at its end only: the columns that checks in SQL see. */
  readonly columns?: readonly string[];
  /** How many distinct keys a check keeps in memory; 100,000 when left out. */
  readonly mostKeys?: number;
}

/** The dataset as a table of SQL, with the columns that were asked for. */
export interface QualityRows {
  readonly db: Kysely<AnySchema>;
  readonly dialect: Dialect;
  /** The table; `_spine_row` is the position of its rows, from 1. */
  readonly table: string;
  /** The tables of other steps' datasets, by step. */
  readonly others: ReadonlyMap<string, string>;
}

/** What earlier runs are asked for. */
export interface PriorQuery {
  /** The name of the check. */
  readonly check: string;
  /** Only runs with this scope; null: all. */
  readonly scope: string | null;
  /** At most this many, newest first. */
  readonly limit: number;
}

/** What can be asked for beside the rows. */
export interface QualityContext {
  /** Aborted with the attempt. */
  readonly signal: AbortSignal;
  /** The dataset in SQL; null where no columns were asked for. */
  readonly rows: QualityRows | null;
  /** What a check of this step found (`actual`) in completed runs of the workflow before this one. */
  prior(query: PriorQuery): Promise<readonly string[]>;
}

/** A second look, after the last row. */
export interface QualityInspection {
  /** The columns that it needs in SQL, with their types; null where it needs none. */
  readonly columns: Readonly<Record<string, ColumnType>> | null;
  /** Columns of the datasets of other steps, by step, beside them. */
  readonly others?: Readonly<Record<string, Readonly<Record<string, ColumnType>>>>;
  look(context: QualityContext): Promise<void>;
}

/** Sees every row once, in order: one by one through `add`, or in blocks of columns through `addColumns`. */
export interface QualityAccumulator<R extends object = Row> {
  add(row: R): void;
  /** The same for many rows at once; where it is left out, `add` is called for each. */
  addColumns?(block: ColumnBlock): void;
  /** Whether it has to look again, at what the rows alone do not tell. Called once, after the last row; null when it need not. */
  inspect?(): QualityInspection | null;
  finish(): QualityFinding;
  /** What it has counted so far, for `restore` of one that is started anew: they go on as one. */
  save?(): JsonValue;
  restore?(state: JsonValue): void;
}

/** A check over the rows of a dataset: plain data and a function that starts its counting. */
export interface QualityCheck<R extends object = never> {
  readonly name: string;
  readonly category: QualityCategory;
  readonly blocking: boolean;
  /** What it keeps while it counts: a few numbers, or something for each distinct key (and not more than 100,000 of these). */
  readonly memory: "constant" | "keys";
  /** Says no where the check means nothing: it is SKIPPED then. */
  readonly when?: (input: QualityInput) => boolean;
  start(input: QualityInput): QualityAccumulator<R>;
}
