import type { HttpRequest, PageAnswer, Paginate } from "spine-adapters/sources";
import { type JsonValue, SourceError } from "spine-core";
import { QUERY_FIELDS } from "./query-api-row.ts";
import type { Tier } from "./tiers.ts";
import { ATS_BY_SYMBOL_AND_VENUE } from "./trade-activity.ts";

/** A week of a tier. */
export interface FinraOtcRequest {
  readonly tier: Tier;
  /** Monday, `YYYY-MM-DD`. */
  readonly week_start: string;
}

/** What tells rows apart, in the order that is asked for. FINRA's own data is not unique in less. */
export const ROW_KEY = ["issueSymbolIdentifier", "MPID", "issueName", "productTypeCode"] as const;

/**
 * What is asked for: one partition at one grain, in an order without ties. FINRA sorts only where all keys of the
 * partition are filtered by EQUAL. With `after`, only rows whose `lastUpdateDate` is later.
 */
export function weekQuery({ tier, week_start }: FinraOtcRequest, after?: string): HttpRequest {
  const filter = (fieldName: string, fieldValue: string, compareType = "EQUAL") => ({
    fieldName,
    compareType,
    fieldValue,
  });
  return {
    url: "/data/group/otcMarket/name/weeklySummary",
    body: {
      fields: [...QUERY_FIELDS],
      compareFilters: [
        filter("weekStartDate", week_start),
        filter("tierIdentifier", tier),
        filter("summaryTypeCode", ATS_BY_SYMBOL_AND_VENUE),
        ...(after === undefined ? [] : [filter("lastUpdateDate", after, "GREATER")]),
      ],
      sortFields: [...ROW_KEY],
    },
  };
}

/** Rows so far, and how many there are in all. A type, because it has to be JSON. */
type Place = { readonly rows: number; readonly total: number };

/**
 * Pages that overlap by one row: the first of each page is the last of the page before, so that whoever reads sees in
 * the same answer that nothing moved in between. It goes on behind the rows that came, not behind those that were asked
 * for; and the total must stay what it was.
 */
export function overlappingPages(limit: number): Paginate {
  return {
    kind: "custom",
    apply(request: HttpRequest, place: JsonValue | null): HttpRequest {
      const offset = place === null ? 0 : (place as Place).rows - 1;
      return {
        ...request,
        body: { ...(request.body as Readonly<Record<string, JsonValue>>), limit, offset },
      };
    },
    next({ place, records, header }: PageAnswer): JsonValue | null {
      const before = place as Place | null;
      if (records === 0 && before === null) return null;
      const total = Number(header("record-total") ?? Number.NaN);
      if (!Number.isSafeInteger(total)) {
        throw new SourceError("It has rows and no Record-Total: nobody can tell whether they are all.", {
          code: "SOURCE_FORMAT",
        });
      }
      if (before !== null && total !== before.total) {
        throw weekChanged(`it had ${before.total} rows, and has ${total} now`);
      }
      const rows = before === null ? records : before.rows + records - 1;
      if (rows > total) throw weekChanged(`${rows} rows came, of ${total}`);
      if (before !== null && records < 2) {
        throw new SourceError(`It ends after ${before.rows} rows, of ${total}.`, {
          code: "SOURCE_TRUNCATED",
          retryable: true,
        });
      }
      return rows === total ? null : { rows, total };
    },
  };
}

/** What was read so far does not go with what comes now. A fetch step then reads the week from its start. */
export function weekChanged(how: string): SourceError {
  return new SourceError(
    `The week changed at the service while it was read: ${how}. It has to be read from its start.`,
    { code: "SOURCE_CHANGED", retryable: true },
  );
}
