import { parse, resolve } from "node:path";
import { SourceError, SpineError, ValidationError } from "spine-core";
import { isIsoDate } from "./iso-date.ts";
import { publishedOn, toWeekStart, weekEnding, weekOf } from "./publication.ts";
import { TIER_NAMES, type Tier, tierOf } from "./tiers.ts";
import type { WeeklyFileRow } from "./weekly-file-columns.ts";
import { finraWeeklyFile } from "./weekly-file-source.ts";

/** What a weekly file is about. Dates are `YYYY-MM-DD`. */
export interface WeeklyFile {
  /** Absolute. */
  readonly path: string;
  readonly tier: Tier;
  /** Monday. */
  readonly week_start: string;
  /** Friday. */
  readonly week_ending: string;
  /** The date in the file: the day of its publication, or of its restatement. */
  readonly last_update_date: string;
}

export interface DescribeFileOptions {
  /** Directories that the file must lie in; anywhere when left out. */
  readonly roots?: readonly string[];
  /** Any day of the week that the file holds; for restated files, whose date does not tell. */
  readonly weekEnding?: string;
  readonly signal?: AbortSignal;
}

/** Enough to get past a few malformed rows at the top, and still a bounded read. */
const ROWS_TO_LOOK_AT = 100;

/**
 * Says which tier and week a weekly file holds, from its header and its first row; the rest is not read. The
 * week is not in the file: it follows from the day of publication (`weekOf`).
 *
 * @throws SpineError SOURCE_NOT_FOUND, SOURCE_NOT_A_FILE, SOURCE_EMPTY, SOURCE_HEADER, SOURCE_DELIMITER,
 * SOURCE_ENCODING, SOURCE_NO_ROWS, SOURCE_TRUNCATED or SOURCE_LINE_TOO_LONG; SOURCE_MALFORMED for a tier or a
 * date that is none, and for a date on which FINRA first publishes no week of that tier, unless the week is
 * named; VALIDATION_FAILED for a week that was not published yet on the file's date.
 */
export async function describeFile(path: string, options: DescribeFileOptions = {}): Promise<WeeklyFile> {
  const absolute = resolve(path);
  const { row, line } = await firstRow(absolute, options);
  const tier = tierOf(row.tierDescription);
  if (!tier) {
    throw malformed(
      absolute,
      line,
      `its tier is ${JSON.stringify(row.tierDescription)}, none of ${TIER_NAMES.join(", ")}`,
    );
  }
  const { lastUpdateDate } = row;
  if (!isIsoDate(lastUpdateDate)) {
    throw malformed(
      absolute,
      line,
      `its lastUpdateDate is ${JSON.stringify(lastUpdateDate)}, no date (YYYY-MM-DD)`,
    );
  }
  const week_start =
    options.weekEnding === undefined
      ? weekOfFile(absolute, line, lastUpdateDate, tier)
      : namedWeek(options.weekEnding, absolute, lastUpdateDate, tier);
  return {
    path: absolute,
    tier,
    week_start,
    week_ending: weekEnding(week_start),
    last_update_date: lastUpdateDate,
  };
}

async function firstRow(path: string, options: DescribeFileOptions) {
  const source = finraWeeklyFile({ roots: options.roots ?? [parse(path).root], batchRows: ROWS_TO_LOOK_AT });
  for await (const { rows, lines } of source.stream(
    { path },
    options.signal ? { signal: options.signal } : {},
  )) {
    const row: WeeklyFileRow | undefined = rows[0];
    if (row) return { row, line: lines?.[0] ?? null };
    break;
  }
  throw new SourceError(
    `None of the first ${ROWS_TO_LOOK_AT} rows of ${path} can be read as a row of the weekly file.`,
    {
      context: { path },
    },
  );
}

function weekOfFile(path: string, line: number | null, date: string, tier: Tier): string {
  try {
    return weekOf(date, tier);
  } catch (error) {
    throw malformed(path, line, SpineError.from(error).message, error);
  }
}

function namedWeek(day: string, path: string, date: string, tier: Tier): string {
  const week = toWeekStart(day);
  const published = publishedOn(week, tier);
  if (date >= published) return week;
  throw new ValidationError(
    `${path} is dated ${date}, but the week of ${week} of ${tier} was first published on ${published}. Check which week the file holds.`,
    { context: { path } },
  );
}

function malformed(path: string, line: number | null, why: string, cause?: unknown): SourceError {
  return new SourceError(`${path}${line === null ? "" : `, line ${line}`}: ${why.replace(/\.?$/, ".")}`, {
    context: { path, line },
    cause,
  });
}
