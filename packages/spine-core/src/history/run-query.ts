import { anything, checkOptions, type OptionKinds } from "../check-options.ts";
import { type Partition, partitionKey } from "../context.ts";
import { ValidationError } from "../errors.ts";
import { shown } from "../shown.ts";
import { RUN_STATUSES, type RunStatus, type RunSummary } from "./records.ts";

/** Which runs: all that fit each of the fields that are given. */
export interface RunFilter {
  readonly workflow?: string;
  /** In one of these; an empty list finds nothing. */
  readonly status?: readonly RunStatus[];
  readonly domain?: string;
  readonly tag?: string;
  readonly partition?: Partition;
  /** The run whose children they are. */
  readonly parentRunId?: string;
  /**
   * Created at this time or later, ms since the epoch. The time of creation is the one in the run's id, by which lists
   * are ordered: that of the process that started it.
   */
  readonly since?: number;
  /** Created before this time, ms since the epoch. */
  readonly until?: number;
  /**
   * Text that stands in the message or code of the run's error, or in a value of its parameters; the case of ASCII letters
   * does not count. No index helps here, so it is looked for in a window of time only: the 7 days before `until` (or
   * now) when `since` is left out.
   */
  readonly search?: string;
  /**
   * What started them: `api` finds `api` and what has more behind a colon, such as `api:ann`. No index helps here either: it is looked
   * for in the same window.
   */
  readonly triggeredBy?: string;
  /** True: with a quality check that failed; false: with none that did. In the same window. */
  readonly qualityFailed?: boolean;
}

/** A page of runs, newest first. */
export interface RunQuery extends RunFilter {
  /** At most this many; 50 when left out, 200 at most. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export interface RunPage {
  /** Without parameters, outputs and metrics, which may be long: `get` returns these. */
  readonly items: readonly RunSummary[];
  readonly nextCursor: string | null;
}

/** A query that was checked, as a store carries it out. Run ids are in the order of creation. */
export interface RunSelection {
  readonly workflow: string | null;
  /** Each once; null for all. */
  readonly statuses: readonly RunStatus[] | null;
  readonly domain: string | null;
  readonly tag: string | null;
  readonly partitionKey: string | null;
  readonly parentRunId: string | null;
  readonly search: string | null;
  readonly triggeredBy: string | null;
  readonly qualityFailed: boolean | null;
  /** The smallest run id that fits; null for any. */
  readonly from: string | null;
  /** Run ids have to be smaller; null for any. */
  readonly below: string | null;
}

const DAY_MS = 86_400_000;
/** How far back a search, or a summary, looks when it is not told. */
export const DEFAULT_WINDOW_MS = 7 * DAY_MS;
const DEFAULT_LIMIT = 50;
const MOST = 200;
const LONGEST_SEARCH = 200;
/** The last millisecond that fits into an id. */
const LAST_MS = 2 ** 48 - 1;
const RUN_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Checks a query and completes it; for implementers of stores.
 *
 * @param now what the default window of a search ends at.
 * @throws ValidationError whose message and `detail` name the field.
 */
export function selectRuns(query: RunQuery, now: number): RunSelection {
  checkQuery(query);
  const { status, partition, search, triggeredBy, qualityFailed, cursor } = query;
  for (const name of ["workflow", "domain", "tag", "parentRunId", "search", "triggeredBy"] as const)
    checkQueryText(name, query[name]);
  if (search !== undefined && (search === "" || search.length > LONGEST_SEARCH)) {
    throw refusal("search", `has ${search.length} characters; it can have 1 to ${LONGEST_SEARCH}`);
  }
  if (status !== undefined && !Array.isArray(status)) throw refusal("status", "is no list of statuses");
  for (const one of status ?? []) {
    if (!RUN_STATUSES.includes(one))
      throw refusal("status", `is ${shown(one)}; use ${RUN_STATUSES.join(", ")}`);
  }
  if (qualityFailed !== undefined && typeof qualityFailed !== "boolean")
    throw refusal("qualityFailed", "is neither true nor false");
  if (partition !== undefined && !isObject(partition)) {
    throw refusal("partition", 'is no partition, such as { week: "2025-01-06" }');
  }
  for (const value of Object.values(partition ?? {})) checkQueryText("partition", value);
  const until = timeOf("until", query.until);
  const isIndexed = search === undefined && triggeredBy === undefined && qualityFailed === undefined;
  const since =
    timeOf("since", query.since) ?? (isIndexed ? null : Math.max(0, (until ?? now) - DEFAULT_WINDOW_MS));
  if (since !== null && until !== null && since >= until) {
    throw refusal("since", "is not before until; the window between them is empty");
  }
  const start = cursor === undefined ? null : readCursor(cursor);
  const end = until === null ? null : firstIdAt(until);
  return {
    workflow: query.workflow ?? null,
    statuses: status ? [...new Set(status)] : null,
    domain: query.domain ?? null,
    tag: query.tag ?? null,
    partitionKey: partition ? partitionKey(partition) : null,
    parentRunId: query.parentRunId ?? null,
    search: search ?? null,
    triggeredBy: triggeredBy ?? null,
    qualityFailed: qualityFailed ?? null,
    from: since === null ? null : firstIdAt(since),
    below: start === null || (end !== null && end < start) ? end : start,
  };
}

/** Each is checked by itself. */
const FILTER: OptionKinds<RunFilter> = {
  workflow: anything,
  status: anything,
  domain: anything,
  tag: anything,
  partition: anything,
  parentRunId: anything,
  since: anything,
  until: anything,
  search: anything,
  triggeredBy: anything,
  qualityFailed: anything,
};
const QUERY: OptionKinds<RunQuery> = { ...FILTER, limit: anything, cursor: anything };

/** Refuses a field that does not exist: all runs would be found instead of those that were meant. */
function checkQuery(query: unknown): void {
  checkOptions(query, QUERY, { of: "a query", called: "field", name: "query" });
}

/** The same for a filter, which has no pages. */
export function checkFilter(filter: unknown): asserts filter is RunFilter {
  checkOptions(filter, FILTER, { of: "a filter", called: "field", name: "filter" });
}

/** How many runs a page holds at most. */
export function pageSize(query: RunQuery): number {
  checkQuery(query);
  const { limit = DEFAULT_LIMIT } = query;
  if (Number.isInteger(limit) && limit >= 1) return Math.min(limit, MOST);
  throw refusal("limit", `is ${shown(limit)}; it must be a whole number from 1 to ${MOST}`);
}

/** The page, from its items and one more where there are more. */
export function pageOf(found: readonly RunSummary[], limit: number): RunPage {
  const items = found.length > limit ? found.slice(0, limit) : found;
  const last = items.at(-1);
  return { items, nextCursor: found.length > limit && last ? writeCursor(last.runId) : null };
}

/** The smallest id that a run created at this time can have. */
function firstIdAt(ms: number): string {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

function timeOf(field: "since" | "until", ms: number | undefined): number | null {
  if (ms === undefined) return null;
  if (typeof ms === "number" && Number.isFinite(ms) && ms >= 0 && ms <= LAST_MS) return Math.ceil(ms);
  throw refusal(field, `is ${shown(ms)}; it must be a time in milliseconds since the epoch`);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkQueryText(field: string, text: unknown): void {
  if (text === undefined) return;
  if (typeof text !== "string") throw refusal(field, "is no text");
  if (text.includes("\0") || !text.isWellFormed()) throw refusal(field, "holds characters that are no text");
}

function writeCursor(runId: string): string {
  return Buffer.from(JSON.stringify([runId])).toString("base64url");
}

function readCursor(cursor: string): string {
  try {
    const [runId] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    if (typeof runId === "string" && RUN_ID.test(runId)) return runId;
  } catch {
    // Refused below.
  }
  throw refusal("cursor", "is not one that a list returned. Start again without a cursor");
}

/** A ValidationError about one field of a query. */
export function refusal(field: string, why: string): ValidationError {
  return new ValidationError(`The ${field} of a query ${why}.`, {
    detail: { issues: [{ path: `/${field}`, message: why }] },
  });
}
