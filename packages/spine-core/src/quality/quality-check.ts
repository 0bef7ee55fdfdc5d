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
}

/** The verdict of a quality step: its step's output, and its rows in the history. */
export interface QualityReport {
  readonly passed: boolean;
  readonly results: readonly QualityResult[];
}

/** What an accumulator says at the end; the engine adds the check's name, category and row count. */
export interface QualityFinding {
  readonly status: "PASS" | "WARN" | "FAIL";
  readonly message: string;
  readonly actual?: number | string | null;
  readonly expected?: string | null;
  readonly rowsFailed?: number;
  readonly samples?: readonly string[];
}

/** What a check may know beside the rows that it sees. */
export interface QualityInput {
  /** The run's parameters, as its workflow's schema gives them. */
  readonly params: unknown;
  /** Rows of the dataset. */
  readonly rows: number;
  /** Rows refused on the way to it: by the step that made the dataset, and by those that its rows came through. */
  readonly rejected: number;
}

/** Sees every row once, in order. */
export interface QualityAccumulator<R extends object = Row> {
  add(row: R): void;
  finish(): QualityFinding;
}

/** A check over the rows of a dataset: plain data and a function that starts its counting. */
export interface QualityCheck<R extends object = never> {
  readonly name: string;
  readonly category: QualityCategory;
  readonly blocking: boolean;
  /** What it keeps while it counts: a few numbers, or something for each distinct key. */
  readonly memory: "constant" | "keys";
  start(input: QualityInput): QualityAccumulator<R>;
}
