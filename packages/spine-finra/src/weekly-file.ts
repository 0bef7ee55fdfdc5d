import { parse, resolve } from "node:path";
import { SourceError, SpineError, ValidationError } from "spine-core";
import { isIsoDate } from "./iso-date.ts";
import { publishedOn, toWeekStart, weekEnding, weekFirstPublishedOn, weekOf } from "./publication.ts";
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
  /**
   * The date that the week was told by: the day of its publication, which its rows carry. Null where the week was
   * named: its rows may have been restated on any day since.
   */
  readonly last_update_date: string | null;
}

export interface DescribeFileOptions {
  /** Directories that the file must lie in; anywhere when left out. */
  readonly roots?: readonly string[];
  /** Any day of the week that the file holds; for restated files, whose dates do not tell. */
  readonly weekEnding?: string;
  readonly signal?: AbortSignal;
}

/** Enough to get past bad rows at the top, and still a bounded read. */
const ROWS_TO_LOOK_AT = 100;

/**
 * Says which tier and week a weekly file holds, from its header and its first hundred rows; the rest is not read.
 * The week is not in the file: it follows from the day of publication (`weekOf`). What most of these rows say counts,
 * so that an odd row does not speak for the file.
 *
 * @throws SpineError SOURCE_NOT_FOUND, SOURCE_NOT_A_FILE, SOURCE_EMPTY, SOURCE_HEADER, SOURCE_DELIMITER,
 * SOURCE_ENCODING, SOURCE_NO_ROWS, SOURCE_TRUNCATED or SOURCE_LINE_TOO_LONG; SOURCE_MALFORMED where no row has a
 * tier and a date, or none a date on which FINRA first publishes a week of its tier, unless the week is named;
 * VALIDATION_FAILED for a week that was not published yet on the file's dates.
 */
export async function describeFile(path: string, options: DescribeFileOptions = {}): Promise<WeeklyFile> {
  const absolute = resolve(path);
  const dated = datedRows(absolute, await firstRows(absolute, options));
  const { weekEnding: day } = options;
  const told = day === undefined ? tellWeek(absolute, dated) : nameWeek(absolute, dated, toWeekStart(day));
  return { path: absolute, ...told, week_ending: weekEnding(told.week_start) };
}

interface FileRow {
  readonly row: WeeklyFileRow;
  readonly line: number | null;
}

/** What a row says of its file. */
interface DatedRow {
  readonly tier: Tier;
  readonly date: string;
  readonly line: number | null;
}

type Told = Pick<WeeklyFile, "tier" | "week_start" | "last_update_date">;

async function firstRows(path: string, options: DescribeFileOptions): Promise<readonly FileRow[]> {
  const source = finraWeeklyFile({ roots: options.roots ?? [parse(path).root], batchRows: ROWS_TO_LOOK_AT });
  const streaming = options.signal ? { signal: options.signal } : {};
  for await (const { rows, lines } of source.stream({ path }, streaming)) {
    if (rows.length === 0) break;
    return rows.map((row, index) => ({ row, line: lines?.[index] ?? null }));
  }
  throw malformed(
    path,
    null,
    `None of the first ${ROWS_TO_LOOK_AT} rows can be read as a row of the weekly file: each has too few or too many fields.`,
    GET_IT_AGAIN,
  );
}

const GET_IT_AGAIN =
  "Check that it is one of FINRA's weekly files (8 fields, separated by pipes); if it was edited, get it again from FINRA's OTC Transparency site.";

/** The rows with a tier and a date; when there are none, the first row's fault is told. */
function datedRows(path: string, rows: readonly FileRow[]): readonly DatedRow[] {
  const dated = rows.flatMap(({ row, line }): readonly DatedRow[] => {
    const tier = tierOf(row.tierDescription);
    return tier && isIsoDate(row.lastUpdateDate) ? [{ tier, date: row.lastUpdateDate, line }] : [];
  });
  const [first] = rows;
  if (dated.length > 0 || !first) return dated;
  const { tierDescription, lastUpdateDate } = first.row;
  const why =
    tierOf(tierDescription) === undefined
      ? `its tier is ${JSON.stringify(tierDescription)}, none of ${TIER_NAMES.join(", ")}`
      : `its lastUpdateDate is ${JSON.stringify(lastUpdateDate)}, not a date of the form YYYY-MM-DD`;
  throw malformed(path, first.line, `${why}, and no row near it is better.`, GET_IT_AGAIN);
}

/** Tier and week as most of the rows tell them that are dated by a first publication. */
function tellWeek(path: string, rows: readonly DatedRow[]): Told {
  const { date, tier, line } =
    mostFrequent(
      rows.filter((row) => weekFirstPublishedOn(row.date, row.tier) !== null),
      (row) => `${row.tier} ${row.date}`,
    ) ?? (rows[0] as DatedRow);
  try {
    return { tier, week_start: weekOf(date, tier), last_update_date: date };
  } catch (error) {
    throw malformed(path, line, SpineError.from(error).message, "", error);
  }
}

/** The named week, of the tier that most of the rows are of. */
function nameWeek(path: string, rows: readonly DatedRow[], week_start: string): Told {
  const { tier } = mostFrequent(rows, (row) => row.tier) as DatedRow;
  const published = publishedOn(week_start, tier);
  const newest = rows.reduce((last, { date }) => (date > last ? date : last), "");
  if (newest >= published) return { tier, week_start, last_update_date: null };
  throw new ValidationError(
    `${path} is dated ${newest}, but the week of ${week_start} of ${tier} was first published on ${published}. Check which week the file holds, and name a day of that one.`,
    { context: { path } },
  );
}

/** The first of those that most others are like; undefined when there are none. */
function mostFrequent<T>(items: readonly T[], keyOf: (item: T) => string): T | undefined {
  const groups = new Map<string, { readonly first: T; count: number }>();
  for (const item of items) {
    const group = groups.get(keyOf(item)) ?? { first: item, count: 0 };
    group.count += 1;
    groups.set(keyOf(item), group);
  }
  // Stable: of two with the same count the one that came first.
  return [...groups.values()].sort((a, b) => b.count - a.count)[0]?.first;
}

function malformed(
  path: string,
  line: number | null,
  why: string,
  advice: string,
  cause?: unknown,
): SourceError {
  return new SourceError(`${path}${line === null ? "" : `, line ${line}`}: ${why} ${advice}`.trimEnd(), {
    context: { path, line },
    cause,
  });
}
