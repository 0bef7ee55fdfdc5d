import type { Random } from "../random.ts";
import { project, type Query } from "./query.ts";
import type { QueryRecord } from "./query-record.ts";

/** How much a page may have; FINRA's are 5,000 rows and 3 MB, whichever comes first. */
export interface PageLimits {
  readonly rows: number;
  readonly bytes: number;
}

/** A page as it goes over the wire. */
export interface AnswerPage {
  readonly body: string;
  readonly contentType: string;
  /** Rows in it. */
  readonly rows: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Cuts the page that a query asks for out of all of its rows: JSON or CSV, FINRA's counts in the headers. */
export function answerPage(
  rows: readonly QueryRecord[],
  query: Query,
  limits: PageLimits,
  format: { readonly json: boolean; readonly random: Random },
): AnswerPage {
  const limit = Math.min(query.limit, limits.rows);
  const wanted = rows
    .slice(query.offset, query.offset + limit)
    .map((row) => project(row, query, format.random));
  const header = format.json ? "[" : csvHeader(query, rows);
  const parts: string[] = [];
  let bytes = Buffer.byteLength(header) + 1;
  for (const row of wanted) {
    const part = format.json ? JSON.stringify(row) : csvLine(row, query, rows);
    bytes += Buffer.byteLength(part) + 1;
    // One row is always sent, or a reader would never get on.
    if (bytes > limits.bytes && parts.length > 0) break;
    parts.push(part);
  }
  return {
    body: format.json ? `[${parts.join(",")}]` : `${[header, ...parts].join("\n")}\n`,
    contentType: format.json ? "application/json" : "text/plain",
    rows: parts.length,
    headers: {
      "Record-Total": `${rows.length}`,
      "Record-Offset": `${query.offset}`,
      "Record-Limit": `${limit}`,
      "Record-Max-Limit": `${limits.rows}`,
      "Total-Records-On-Page": `${parts.length}`,
      "Response-Payload-Max-Size": limits.bytes % MB === 0 ? `${limits.bytes / MB}mb` : `${limits.bytes}b`,
    },
  };
}

const MB = 1 << 20;

/** CSV has its columns in the order that was asked for, or that of the first row. */
function columnsOf({ fields }: Query, rows: readonly QueryRecord[]): readonly string[] {
  return fields.length > 0 ? fields : Object.keys(rows[0] ?? {});
}

function csvHeader(query: Query, rows: readonly QueryRecord[]): string {
  return columnsOf(query, rows)
    .map((name) => quoted(name, query))
    .join(query.delimiter);
}

function csvLine(row: QueryRecord, query: Query, rows: readonly QueryRecord[]): string {
  return columnsOf(query, rows)
    .map((name) => quoted(row[name] ?? "", query))
    .join(query.delimiter);
}

function quoted(value: string | number, { quoteValues }: Query): string {
  return quoteValues ? `"${String(value).replaceAll('"', '""')}"` : String(value);
}
