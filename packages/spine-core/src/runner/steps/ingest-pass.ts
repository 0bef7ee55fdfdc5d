import type { ChunkWrite, DatasetState } from "../../data/dataset.ts";
import { type InPartition, inPartition } from "../../data/partition-values.ts";
import { checkPartition } from "../../history/check-partition.ts";
import type { JsonValue } from "../../json.ts";
import type { QualityInput } from "../../quality/quality-check.ts";
import { type RunningChecks, startChecks } from "../../quality/run-checks.ts";
import type { Page, Reject, Row } from "../../sources/source.ts";
import { Rejection } from "../../workflow/rejection.ts";
import type { IngestStep } from "../../workflow/step.ts";
import type { StepContext } from "../../workflow/step-context.ts";
import type { StepScope } from "../step-scope.ts";
import { ContractedRow } from "./contracted-row.ts";
import type { Following } from "./following.ts";
import type { PageChunks } from "./read-pages.ts";
import { transformRow } from "./transform-step.ts";

/** What stands with each page of an ingest, around the cursor of its fetch. */
export type IngestCursor = {
  readonly spine_ingest: 1;
  readonly at: JsonValue;
  /** What the checks have counted; null where one of them cannot say. */
  readonly checks: JsonValue | null;
  /** How far the rows of the source have come; null where that is too much to be kept. */
  readonly increment: JsonValue | null;
  readonly discarded: number;
};

export function ingestCursorOf(cursor: JsonValue | null): IngestCursor | null {
  if (typeof cursor !== "object" || cursor === null || !("spine_ingest" in cursor)) return null;
  return cursor as unknown as IngestCursor;
}

/**
 * Distinct keys that a check keeps in memory: they stand with each page. With more of them the database counts, in the staging
 * table.
 */
const MOST_KEYS = 1_000;

/** Each commit has its price, and a page of a file is small. A host on SQLite waits while so many rows are written: some 15 ms. */
const TOGETHER = { pages: 8, rows: 4_000 };

/** The rows of an ingest on their way from its source to its staging table, and the checks that see them. */
export class IngestPass implements PageChunks {
  readonly #step: IngestStep;
  readonly #context: StepContext;
  readonly #following: Following;
  readonly #counted: { rows: number; rejected: number };
  readonly checks: RunningChecks;
  #contracted: ContractedRow;
  readonly #isOf: InPartition;

  constructor(step: IngestStep, scope: StepScope, following: Following, state: DatasetState) {
    this.#step = step;
    this.#context = scope.context;
    this.#following = following;
    const counted = { rows: state.rows, rejected: state.rejected };
    this.#counted = counted;
    const { params, partition } = scope.context;
    // How much there is is known once all of it was there.
    const input: QualityInput = {
      params,
      partition,
      now: scope.clock.now(),
      mostKeys: MOST_KEYS,
      columns: Object.keys(step.into.columns),
      get rows() {
        return counted.rows;
      },
      get rejected() {
        return counted.rejected;
      },
    };
    this.checks = startChecks(step.checks, input, { late: true });
    this.#contracted = new ContractedRow(step, 0);
    this.#isOf = inPartition(
      step.into,
      checkPartition(step.partition?.(scope.context) ?? null, `of step "${step.name}"`),
    );
  }

  /** Values that the contract has left out. */
  get discarded(): number {
    return this.#contracted.discarded;
  }

  /** Goes on behind the last page that an earlier attempt has stored. */
  goOn({ checks, increment, discarded }: IngestCursor): void {
    if (checks !== null) this.checks.restore(checks);
    if (increment !== null) this.#following.goOn(increment);
    this.#contracted.discarded = discarded;
  }

  readonly together = TOGETHER;

  /** What is stored of a page. */
  of(page: Page): Omit<ChunkWrite, "index" | "cursor"> {
    const rows: Row[] = [];
    const rejects: Reject[] = [...(page.rejects ?? [])];
    for (const [index, raw] of page.rows.entries()) {
      const line = page.lines?.[index] ?? null;
      const made = transformRow(this.#step, this.#context, raw, line, this.#contracted);
      if (made instanceof Rejection)
        rejects.push({ code: made.code, message: made.message, line, raw: raw as JsonValue });
      else rows.push(asJson(made));
    }
    this.#isOf(rows, this.#counted.rows);
    this.#counted.rows += rows.length;
    this.#counted.rejected += rejects.length;
    this.checks.add(rows);
    return { rows, lines: null, file: page.file ?? null, rejects, into: this.#step.into };
  }

  cursor(page: Page): IngestCursor {
    return {
      spine_ingest: 1,
      at: page.cursor,
      checks: this.checks.save(),
      increment: this.#following.progress(),
      discarded: this.discarded,
    };
  }
}

/** The row as a dataset would have it: checks see what is stored. */
function asJson(row: Row): Row {
  for (const key in row) {
    const value = row[key];
    if (value === undefined || (typeof value === "object" && value !== null))
      return JSON.parse(JSON.stringify(row)) as Row;
  }
  return row;
}
