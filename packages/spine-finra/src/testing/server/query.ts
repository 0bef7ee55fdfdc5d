import { z } from "zod";
import { isIsoDate } from "../../iso-date.ts";
import type { Random } from "../random.ts";
import type { PublishedWeeks } from "./published-weeks.ts";
import { QueryError } from "./query-error.ts";
import type { QueryDataset, QueryRecord } from "./query-record.ts";

const COMPARISONS = ["EQUAL", "NOT_EQUAL", "GREATER", "LESSER", "GTE", "LTE", "BEGINS_WITH"] as const;
const value = z.union([z.string(), z.number(), z.null()]);

/** The body of a query. FINRA's defaults and bounds: 1,000 rows, and 5,000 at most, from offset 0 to 500,000. */
const QueryBody = z.object({
  fields: z.array(z.string()).default([]),
  compareFilters: z
    .array(
      z.object({
        fieldName: z.string(),
        fieldValue: value,
        compareType: z.string().toUpperCase().pipe(z.enum(COMPARISONS)),
      }),
    )
    .default([]),
  dateRangeFilters: z
    .array(z.object({ fieldName: z.string(), startDate: z.string(), endDate: z.string() }))
    .default([]),
  domainFilters: z.array(z.object({ fieldName: z.string(), values: z.array(value) })).default([]),
  sortFields: z.array(z.string()).default([]),
  limit: z.coerce.number().int().min(1).default(1_000),
  offset: z.coerce.number().int().min(0).max(500_000, "Maximum offset is 500000").default(0),
  quoteValues: z.boolean().default(true),
  delimiter: z.string().length(1).default(","),
  async: z.boolean().default(false),
});
export type Query = z.output<typeof QueryBody>;

/** Reads a body, or the parameters of a GET, of which FINRA heeds no filter: only `limit` and `offset`. */
export function readQuery(dataset: QueryDataset, input: unknown): Query {
  const { data: query, error } = QueryBody.safeParse(input);
  if (query === undefined) {
    const [issue] = error.issues;
    throw new QueryError(400, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "cannot be read"}`);
  }
  checkFields(dataset, query);
  checkDates(dataset, query);
  checkSort(dataset, query);
  return query;
}

function filtersOf(query: Query) {
  return [...query.compareFilters, ...query.dateRangeFilters, ...query.domainFilters];
}

function checkFields({ name, fields, filterable }: QueryDataset, query: Query): void {
  const filtered = filtersOf(query).map(({ fieldName }) => fieldName);
  const sorted = query.sortFields.map((field) => sortKey(field).name);
  const unknown = [...query.fields, ...filtered, ...sorted].find((field) => !Object.hasOwn(fields, field));
  if (unknown !== undefined) throw new QueryError(400, `Field ${unknown} is not part of dataset ${name}`);
  const barred = filterable && filtered.find((field) => !filterable.includes(field));
  if (barred !== undefined)
    throw new QueryError(400, `Field ${barred} cannot be filtered on in dataset ${name}`);
}

function checkDates({ fields }: QueryDataset, query: Query): void {
  const dates = [
    ...query.compareFilters
      .filter(({ fieldName }) => fields[fieldName] === "Date")
      .map(({ fieldValue }) => fieldValue),
    ...query.dateRangeFilters.flatMap(({ startDate, endDate }) => [startDate, endDate]),
  ];
  if (dates.every((date) => typeof date === "string" && isDate(date))) return;
  throw new QueryError(400, "Invalid date field format. Must be yyyy-MM-dd or yyyy-MM-dd HH:mm:ss.SSS");
}

function isDate(text: string): boolean {
  return isIsoDate(text.slice(0, 10)) && /^.{10}( \d{2}:\d{2}:\d{2}(\.\d{1,3})?)?$/.test(text);
}

/** FINRA sorts within one partition only. */
function checkSort({ partitionKeys }: QueryDataset, query: Query): void {
  if (query.sortFields.length === 0) return;
  const named = query.compareFilters.filter(({ compareType }) => compareType === "EQUAL");
  const missing = partitionKeys.filter((key) => !named.some(({ fieldName }) => fieldName === key));
  if (missing.length === 0) return;
  throw new QueryError(
    400,
    `Sorting is allowed only if all partitions keys are specified in EQUAL CompareFilter.Partition keys missing or not using EQUAL CompareFilter: ${missing.join(", ")}`,
  );
}

/** Every row that a query is for: sorted as it asks, and in no order at all where it does not, nor within equal keys. */
export function answer(
  dataset: QueryDataset,
  query: Query,
  published: PublishedWeeks,
  random: Random,
): readonly QueryRecord[] {
  const rows = shuffled(recordsFor(dataset, query, published), random);
  const keys = query.sortFields.map(sortKey);
  return keys.length === 0 ? rows : rows.sort((a, b) => compareBy(keys, a, b));
}

/** A row with the fields that were asked for, in an order of its own: JSON objects have none. */
export function project(row: QueryRecord, { fields }: Query, random: Random): QueryRecord {
  const names = fields.length > 0 ? fields : Object.keys(row);
  return Object.fromEntries(shuffled([...names], random).map((name) => [name, row[name] ?? null]));
}

function recordsFor(dataset: QueryDataset, query: Query, published: PublishedWeeks): QueryRecord[] {
  if (dataset.name === "weeklyDownloadDetails") {
    return published
      .available()
      .flatMap(({ week, tier }) =>
        ["ATS_W_SMBL", "ATS_W_SMBL_FIRM", "ATS_W_FIRM", "ATS_W_VOL_STATS"].map((summaryTypeCode) => ({
          weekStartDate: week,
          tierIdentifier: tier,
          summaryTypeCode,
        })),
      )
      .filter((row) => matches(row, query));
  }
  const historic = dataset.name === "weeklySummaryHistoric";
  return published.available().flatMap(({ week, tier }) => {
    const extra = historic ? { historicalWeek: week, historicalMonth: week.slice(0, 7) } : {};
    // Without making the week first: it is not needed where its keys do not fit.
    if (!matches({ ...extra, weekStartDate: week, tierIdentifier: tier }, query)) return [];
    const rows = published.records(week, tier).filter((row) => matches({ ...row, ...extra }, query));
    return historic ? rows.map((row) => ({ ...row, ...extra })) : rows;
  });
}

/** Whether a row passes all filters on fields that it has. */
function matches(row: QueryRecord, query: Query): boolean {
  return (
    query.compareFilters.every(
      ({ fieldName, fieldValue, compareType }) =>
        !Object.hasOwn(row, fieldName) || compares(row[fieldName] ?? null, compareType, fieldValue),
    ) &&
    query.dateRangeFilters.every(({ fieldName, startDate, endDate }) => {
      if (!Object.hasOwn(row, fieldName)) return true;
      const date = String(row[fieldName]);
      return date >= startDate.slice(0, 10) && date <= endDate.slice(0, 10);
    }) &&
    query.domainFilters.every(
      ({ fieldName, values }) =>
        !Object.hasOwn(row, fieldName) || values.some((one) => String(one) === String(row[fieldName])),
    )
  );
}

type Value = string | number | null;

function compares(found: Value, comparison: (typeof COMPARISONS)[number], wanted: Value): boolean {
  if (found === null || wanted === null) return false;
  const order = compareValues(found, typeof found === "number" ? Number(wanted) : String(wanted));
  switch (comparison) {
    case "EQUAL":
      return order === 0;
    case "NOT_EQUAL":
      return order !== 0;
    case "GREATER":
      return order > 0;
    case "LESSER":
      return order < 0;
    case "GTE":
      return order >= 0;
    case "LTE":
      return order <= 0;
    case "BEGINS_WITH":
      return String(found).startsWith(String(wanted));
  }
}

interface SortKey {
  readonly name: string;
  readonly down: boolean;
}

function sortKey(field: string): SortKey {
  return { name: field.replace(/^[+-]/, ""), down: field.startsWith("-") };
}

function compareBy(keys: readonly SortKey[], a: QueryRecord, b: QueryRecord): number {
  for (const { name, down } of keys) {
    const order = compareValues(a[name] ?? null, b[name] ?? null);
    if (order !== 0) return down ? -order : order;
  }
  return 0;
}

function compareValues(a: Value, b: Value): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}

/** In place. */
function shuffled<T>(items: T[], random: Random): T[] {
  for (let left = items.length - 1; left > 0; left--) {
    const other = random.int(left + 1);
    const [a, b] = [items[left] as T, items[other] as T];
    items[left] = b;
    items[other] = a;
  }
  return items;
}
