import { expect, onTestFinished } from "vitest";
import { SAMPLE_WEEK } from "../sample-week.ts";
import { type FinraServer, startFinraServer } from "./finra-server.ts";
import type { FinraServerOptions } from "./finra-server-options.ts";
import type { QueryRecord } from "./query-record.ts";

export const SMALL = { symbols: 12, weeks: 8, requestsPerSecond: null } as const;
export const T1 = [
  { fieldName: "weekStartDate", compareType: "EQUAL", fieldValue: SAMPLE_WEEK },
  { fieldName: "tierIdentifier", compareType: "equal", fieldValue: "T1" },
] as const;
export const GRAIN = {
  fieldName: "summaryTypeCode",
  compareType: "EQUAL",
  fieldValue: "ATS_W_SMBL_FIRM",
} as const;
export const SORT = ["issueSymbolIdentifier", "MPID", "issueName"] as const;

/** A small server for one test. */
export async function serve(options: FinraServerOptions = {}): Promise<FinraServer> {
  const server = await startFinraServer({ ...SMALL, ...options });
  onTestFinished(() => server.close());
  return server;
}

export interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a query, or a GET where there is no body. */
export async function ask(
  { url }: FinraServer,
  body: object | string | null,
  { path, method, headers }: Asked = {},
): Promise<Response> {
  const sent = body === null ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  return await fetch(`${url}${path ?? "/data/group/otcMarket/name/weeklySummary"}`, {
    method: method ?? (body === null ? "GET" : "POST"),
    headers: { Accept: "application/json", "Content-Type": "application/json", ...headers },
    ...sent,
  });
}

export async function rowsOf(
  server: FinraServer,
  body: object,
  asked: Asked = {},
): Promise<readonly QueryRecord[]> {
  const response = await ask(server, body, asked);
  expect(response.status).toBe(200);
  return (await response.json()) as readonly QueryRecord[];
}

export const keyOf = (row: QueryRecord) =>
  JSON.stringify([row.issueSymbolIdentifier, row.MPID, row.issueName]);
