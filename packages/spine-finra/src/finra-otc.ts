import { createHash } from "node:crypto";
import { type HttpRequest, httpSource } from "spine-adapters/sources";
import { type JsonValue, type Page, type Source, SourceError, type StreamOptions } from "spine-core";
import { type FinraOtcOptions, type FinraOtcSettings, readFinraOtcOptions } from "./finra-otc-options.ts";
import { isIsoDate } from "./iso-date.ts";
import { publishedOn } from "./publication.ts";
import { type QueryApiRow, toWeeklyRow } from "./query-api-row.ts";
import { ATS_BY_SYMBOL_AND_VENUE } from "./trade-activity.ts";
import { type FinraOtcRequest, overlappingPages, ROW_KEY, weekChanged, weekQuery } from "./week-query.ts";
import type { WeeklyRow } from "./weekly-file-columns.ts";

/**
 * FINRA's Query API as a source of the rows of a week of a tier, by symbol and ATS (ATS_W_SMBL_FIRM): those of the
 * weekly file, in its form, with product type and dollars besides.
 *
 * The service has no order of its own, so one is asked for, and it is not trusted: each page begins with the last row
 * of the page before, no other row may come twice, every row must be of the week, tier and grain that was asked for,
 * and together they must be as many as it said. A week that FINRA publishes again while it is read, with other rows or
 * other numbers, is SOURCE_CHANGED: a fetch step then reads it from its start.
 *
 * Errors: those of `httpSource` (RATE_LIMITED, SOURCE_UNAVAILABLE, …), SOURCE_NO_ROWS for a week that is not out,
 * SOURCE_CHANGED, and SOURCE_MALFORMED where the filters were not heeded.
 *
 * @example
 * const source = finraOtc({ credentials: { clientId: "env:FINRA_CLIENT_ID", clientSecret: "env:FINRA_CLIENT_SECRET" } });
 * for await (const page of source.stream({ tier: "T1", week_start: "2026-03-02" })) console.log(page.rows.length);
 */
export function finraOtc(
  options: FinraOtcOptions = {},
): Source<FinraOtcRequest, WeeklyRow> & { readonly origin: string } {
  const settings = readFinraOtcOptions(options);
  const name = `finra.query_api (${settings.origin})`;
  const { baseUrl, credentials, allowPrivate, pageRows, requestsPerSecond } = settings;
  const pages = httpSource({
    name,
    baseUrl,
    allowPrivate,
    paginate: overlappingPages(pageRows),
    // More than an answer has, so that an answer is a page.
    batchRows: 2 * pageRows,
    ...(credentials ? { auth: { kind: "oauth2", ...credentials } } : {}),
    ...(requestsPerSecond === null ? {} : { rate: { limit: requestsPerSecond, perMs: 1_000 } }),
  });
  return Object.freeze({
    name,
    origin: settings.origin,
    stream: (request: FinraOtcRequest, streaming: StreamOptions = {}) =>
      readWeek(request, streaming, { settings, pages }),
  });
}

interface Reading {
  readonly settings: FinraOtcSettings;
  readonly pages: Source<HttpRequest>;
}

/** Where a stream stands after a page. */
type Position = {
  /** The same of the pages below. */
  readonly at: JsonValue;
  readonly rows: number;
  readonly pages: number;
  /** The key of the last row. */
  readonly last: string;
  /** The earliest `lastUpdateDate` of the first page: rows with a later one were restated. Empty where none has a date. */
  readonly base: string;
  readonly restated: Restated;
};

/** How many rows were restated, and the sum of their hashes. */
type Restated = { readonly rows: number; readonly sum: number };

async function* readWeek(
  request: FinraOtcRequest,
  streaming: StreamOptions,
  reading: Reading,
): AsyncGenerator<Page<WeeklyRow>> {
  let position = positionOf(streaming.cursor);
  const seen = new Set<string>();
  const cursor = position?.at ?? null;
  for await (const page of reading.pages.stream(weekQuery(request), { ...streaming, cursor })) {
    const all = page.rows as readonly QueryApiRow[];
    const [refused] = page.rejects ?? [];
    if (refused) throw malformed(`A row of the answer is no row: ${refused.message}`, reading);
    for (const row of all) checkAsked(row, request, reading);
    const [first] = all;
    if (first === undefined) continue;
    if (position !== null && keyOf(first) !== position.last) throw weekChanged("its rows have moved");
    const fresh = position === null ? all : all.slice(1);
    if (position !== null) seen.add(position.last);
    for (const row of fresh) {
      const key = keyOf(row);
      if (seen.has(key)) throw weekChanged(`a row came twice (${key})`);
      seen.add(key);
    }
    const before = position?.rows ?? 0;
    const base: string = position?.base ?? earliest(all);
    position = {
      at: page.cursor,
      rows: before + fresh.length,
      pages: (position?.pages ?? 0) + 1,
      last: keyOf(all.at(-1) as QueryApiRow),
      base,
      restated: addRestated(position?.restated ?? { rows: 0, sum: 0 }, fresh, base),
    };
    const rows = fresh.map(toWeeklyRow);
    yield { ...page, rows, lines: rows.map((_row, index) => before + index + 1), cursor: position };
  }
  if (position === null) throw noRows(request, reading);
  // A single page is one answer, and of one piece. Several may have a restatement between them.
  if (position.pages > 1 && position.base !== "") await checkRestated(position, request, streaming, reading);
}

/** Filters that are not heeded give the first page of everything with status 200. */
function checkAsked(row: QueryApiRow, { tier, week_start }: FinraOtcRequest, reading: Reading): void {
  const found = [row.weekStartDate, row.tierIdentifier, row.summaryTypeCode];
  const asked = [week_start, tier, ATS_BY_SYMBOL_AND_VENUE];
  if (found.every((value, index) => value === asked[index])) return;
  throw malformed(
    `${reading.settings.baseUrl} was asked for ${asked.join(", ")} and answered with a row of ${found.map(String).join(", ")}: it does not heed the filters.`,
    reading,
  );
}

function malformed(what: string, { settings }: Reading): SourceError {
  return new SourceError(`${what} Nothing of it is kept: report it, and load the week from its file.`, {
    code: "SOURCE_MALFORMED",
    context: { source: settings.origin },
  });
}

function earliest(rows: readonly QueryApiRow[]): string {
  const dates = rows.map((row) => String(row.lastUpdateDate)).filter(isIsoDate);
  return dates.reduce((first, date) => (date < first ? date : first), dates[0] ?? "");
}

const SUMS_BELOW = 2 ** 48;

function addRestated(before: Restated, rows: readonly QueryApiRow[], base: string): Restated {
  // What has no date is no answer to a question about dates either.
  const restated = rows.filter(({ lastUpdateDate: date }) => isIsoDate(String(date)) && String(date) > base);
  const sum = restated.reduce((so, row) => (so + hashOf(row).readUIntBE(0, 6)) % SUMS_BELOW, before.sum);
  return { rows: before.rows + restated.length, sum };
}

/**
 * After several pages: the restated rows, asked for once more, must be those that were read. A row that was restated
 * after its page was read is not; and without such rows nothing changed, for FINRA dates what it changes.
 */
async function checkRestated(
  { base, restated }: Position,
  request: FinraOtcRequest,
  streaming: StreamOptions,
  { pages }: Reading,
): Promise<void> {
  let found: Restated = { rows: 0, sum: 0 };
  for await (const page of pages.stream(weekQuery(request, base), { ...streaming, cursor: null })) {
    const rows = page.rows as readonly QueryApiRow[];
    found = addRestated(found, found.rows === 0 ? rows : rows.slice(1), base);
  }
  if (found.rows === restated.rows && found.sum === restated.sum) return;
  throw weekChanged(`${found.rows} rows are restated, of those that were read ${restated.rows} were`);
}

function noRows({ tier, week_start }: FinraOtcRequest, { settings }: Reading): SourceError {
  const due = publishedOn(week_start, tier);
  return new SourceError(
    `${settings.baseUrl} has no rows for week ${week_start} of ${tier}. FINRA first publishes it on ${due}; after that day, check the week and the tier.`,
    {
      code: "SOURCE_NO_ROWS",
      context: { tier, week_start, source: settings.origin },
      detail: { published_on: due },
    },
  );
}

function keyOf(row: QueryApiRow): string {
  return JSON.stringify(ROW_KEY.map((name) => row[name] ?? null));
}

/** Of all fields, in an order of ours: the service has none. */
function hashOf(row: QueryApiRow): Buffer {
  const fields = Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(fields)).digest();
}

function positionOf(cursor: JsonValue | null | undefined): Position | null {
  if (cursor === null || cursor === undefined) return null;
  const { at, rows, pages, last, base, restated } = cursor as Partial<Position>;
  const fits =
    Number.isSafeInteger(rows) &&
    Number.isSafeInteger(pages) &&
    typeof last === "string" &&
    typeof base === "string";
  if (fits && at !== undefined && typeof restated?.sum === "number") return cursor as Position;
  throw weekChanged("the place to go on at is not one of this source");
}
