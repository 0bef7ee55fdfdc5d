import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { type Random, seededRandom } from "../random.ts";
import type { DirtyCode } from "../week-rows.ts";
import { answerPage } from "./answer-page.ts";
import { type FaultKind, faultOf } from "./faults.ts";
import type { FinraServerSettings } from "./finra-server-options.ts";
import { PublishedWeeks } from "./published-weeks.ts";
import { type Query, readQuery, answer as rowsOf } from "./query.ts";
import { QueryError } from "./query-error.ts";
import { datasetOf, GROUP, type QueryDataset } from "./query-record.ts";
import type { Answer } from "./send.ts";
import { Tokens } from "./tokens.ts";

/** A request as the service sees it. */
export interface ServiceRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as text. */
  readonly text: string;
}

export interface ServiceAnswer {
  readonly answer: Answer;
  /** Rows of data in it. */
  readonly rows: number;
  /** The request's body, where it was JSON. */
  readonly body: Readonly<Record<string, unknown>> | null;
}

interface AsyncRequest {
  readonly dataset: QueryDataset;
  readonly query: Query;
  polls: number;
}

type Found = Omit<ServiceAnswer, "body">;

/** Where weekly files lie: the folder is ours, its answers are those of FINRA's file host. */
const FILES = "/equity/otcmarket/weekly/";

/** What is answered, without the sockets: paths, rights, limits, and what each kind of request comes to. */
export class FinraService {
  readonly published: PublishedWeeks;
  readonly tokens: Tokens;
  readonly #settings: FinraServerSettings;
  /** Another order each time, and the same orders in each process. */
  readonly #random: Random;
  readonly #async = new Map<string, AsyncRequest>();
  #second = { at: 0, requests: 0 };

  constructor(settings: FinraServerSettings) {
    const { today, weeks, seed, symbols, rows } = settings;
    const dirty = settings.dirty as Readonly<Partial<Record<DirtyCode, number>>> | undefined;
    this.#settings = settings;
    this.#random = seededRandom(`orders/${seed ?? 1}`);
    this.published = new PublishedWeeks({
      today,
      weeks,
      ...(rows === undefined ? {} : { rows }),
      ...(seed === undefined ? {} : { seed }),
      ...(symbols === undefined ? {} : { symbols }),
      ...(dirty === undefined ? {} : { dirty }),
    });
    this.tokens = new Tokens(settings.credentials ?? null, settings.tokenSeconds);
  }

  answer(request: ServiceRequest, faults: readonly FaultKind[]): ServiceAnswer {
    const body = jsonOf(request.text);
    const { pathname, searchParams } = new URL(request.path, "http://finra");
    if (this.#isTooMuch()) return { ...plain(429, { "Retry-After": "1" }), body };
    if (pathname.endsWith("/oauth2/access_token")) {
      const grant = searchParams.get("grant_type") ?? new URLSearchParams(request.text).get("grant_type");
      const { authorization } = request.headers;
      const answered = request.method === "POST" ? this.tokens.grant(authorization, grant) : { status: 405 };
      return { answer: answered, rows: 0, body };
    }
    if (pathname.startsWith(FILES)) return { ...this.#file(pathname.slice(FILES.length)), body };
    if (!this.tokens.admits(request.headers.authorization, this.#settings.requireToken))
      return { ...plain(401), body };
    const result = /^\/async-results\/([^/]+)$/.exec(pathname)?.[1];
    if (result !== undefined) return { ...this.#asyncResult(result), body };
    const path =
      /^\/(data|metadata|partitions|async-requests)\/group\/([^/]+)\/name\/([^/]+)(?:\/([^/]+))?$/.exec(
        pathname,
      );
    const [, kind, group, name = "", id] = path ?? [];
    const dataset = group?.toLowerCase() === GROUP.toLowerCase() ? datasetOf(name) : undefined;
    if (kind === undefined || dataset === undefined) return { ...plain(404), body };
    if (kind === "metadata") return { answer: { status: 200, body: metadata(dataset) }, rows: 0, body };
    if (kind === "partitions")
      return { answer: { status: 200, body: this.#partitions(dataset) }, rows: 0, body };
    if (kind === "async-requests") return { ...this.#asyncStatus(request.path, id ?? ""), body };
    return { ...this.#data(dataset, request, Object.fromEntries(searchParams), body, faults), body };
  }

  #data(
    dataset: QueryDataset,
    request: ServiceRequest,
    { limit, offset }: Readonly<Record<string, string>>,
    body: Readonly<Record<string, unknown>> | null,
    faults: readonly FaultKind[],
  ): Found {
    const { method, headers } = request;
    if (method !== "GET" && method !== "POST") return plain(405);
    const accepted = headers.accept ?? "*/*";
    const json = accepted.includes("application/json");
    if (!json && !/\*\/\*|text\/(plain|\*)/.test(accepted)) return plain(406);
    if (method === "POST" && !headers["content-type"]?.startsWith("application/json")) return plain(415);
    try {
      // Of a GET only these two are heeded, and whatever else it asks for is passed over in silence.
      const asked = method === "GET" ? { ...(limit ? { limit } : {}), ...(offset ? { offset } : {}) } : body;
      if (asked === null) throw new QueryError(400, "Request body is not valid JSON");
      const query = readQuery(dataset, asked);
      if (query.async) return this.#asyncBegin(dataset, query, request.path);
      return this.#page(dataset, query, json, faults);
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      return refused(error, dataset, method, body);
    }
  }

  #page(dataset: QueryDataset, query: Query, json: boolean, faults: readonly FaultKind[]): Found {
    const heeded = {
      ...query,
      ...(faults.includes("unsorted") ? { sortFields: [] } : {}),
      ...(faults.includes("unfiltered")
        ? { compareFilters: [], dateRangeFilters: [], domainFilters: [] }
        : {}),
    };
    const rows = rowsOf(dataset, heeded, this.published, this.#random);
    const last = Math.min(query.offset + Math.min(query.limit, this.#settings.pageRows), rows.length) - 1;
    const sent = faults.includes("doubled") ? rows.with(last, rows[query.offset] ?? {}) : rows;
    const { pageRows, pageBytes } = this.#settings;
    const page = answerPage(
      sent,
      query,
      { rows: pageRows, bytes: pageBytes },
      { json, random: this.#random },
    );
    const off = faultOf(faults, "totalOff")?.totalOff ?? 0;
    const headers = {
      "Content-Type": page.contentType,
      "FINRA-api-request-id": randomUUID(),
      ...page.headers,
      ...(off === 0 ? {} : { "Record-Total": `${rows.length + off}` }),
    };
    const empty = page.rows === 0 && this.#settings.empty === 204;
    return {
      answer: empty ? { status: 204, headers } : { status: 200, headers, body: page.body },
      rows: page.rows,
    };
  }

  #asyncBegin(dataset: QueryDataset, query: Query, path: string): Found {
    const requestId = randomUUID();
    this.#async.set(requestId, { dataset, query: { ...query, offset: 0 }, polls: 0 });
    const statusLink = `${path.replace("/data/", "/async-requests/").replace(/\?.*$/, "")}/${requestId}`;
    const body = { requestId, status: "PENDING", statusLink };
    return {
      answer: { status: 202, headers: { Location: statusLink, "FINRA-api-request-id": requestId }, body },
      rows: 0,
    };
  }

  #asyncStatus(path: string, requestId: string): Found {
    const request = this.#async.get(requestId);
    if (request === undefined) return plain(404);
    request.polls += 1;
    if (request.polls <= this.#settings.asyncPolls) {
      const body = { requestId, status: "RUNNING", statusLink: path };
      return { answer: { status: 202, headers: { Location: path }, body }, rows: 0 };
    }
    const body = { requestId, status: "COMPLETE", resultLink: `/async-results/${requestId}` };
    return { answer: { status: 200, body }, rows: 0 };
  }

  /** Everything in one file: that is what asynchronous requests are for. */
  #asyncResult(requestId: string): Found {
    const request = this.#async.get(requestId);
    if (request === undefined || request.polls <= this.#settings.asyncPolls) return plain(403);
    const rows = rowsOf(request.dataset, request.query, this.published, this.#random);
    const all = { rows: rows.length, bytes: Number.POSITIVE_INFINITY };
    const format = { json: true, random: this.#random };
    const page = answerPage(rows, { ...request.query, limit: Math.max(1, rows.length) }, all, format);
    return {
      answer: { status: 200, headers: { "Content-Type": page.contentType }, body: page.body },
      rows: page.rows,
    };
  }

  /** A weekly file, or the list of them, which FINRA's file host has not: there, weeklyDownloadDetails is the list. */
  #file(name: string): Found {
    const files = this.published.files();
    if (name === "") return { answer: { status: 200, body: { files: [...files.keys()] } }, rows: 0 };
    const week = files.get(name);
    // A file that is not there yet, or never will be, is no 404 at FINRA.
    if (week === undefined) {
      const body =
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>';
      return { answer: { status: 403, headers: { "Content-Type": "application/xml" }, body }, rows: 0 };
    }
    const body = [...this.published.file(week)].join("");
    return { answer: { status: 200, headers: { "Content-Type": "text/csv" }, body }, rows: 0 };
  }

  #partitions({ partitionKeys }: QueryDataset) {
    const availablePartitions = this.published
      .available()
      .map(({ week, tier }) => ({ partitions: [week, tier] }));
    return { availablePartitions: partitionKeys.length > 0 ? availablePartitions : [] };
  }

  #isTooMuch(): boolean {
    const limit = this.#settings.requestsPerSecond;
    const at = Math.floor(Date.now() / 1_000);
    if (at !== this.#second.at) this.#second = { at, requests: 0 };
    this.#second.requests += 1;
    return limit !== null && this.#second.requests > limit;
  }
}

function jsonOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

function metadata({ name, fields, partitionKeys }: QueryDataset) {
  return {
    datasetGroup: GROUP,
    datasetName: name,
    partitionFields: partitionKeys,
    fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
  };
}

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
};

function plain(status: number, headers: Readonly<Record<string, string>> = {}): Found {
  const statusDescription = DESCRIPTIONS[status] ?? "";
  const body = { statusCode: status, statusDescription, requestId: randomUUID(), message: statusDescription };
  return { answer: { status, headers, body }, rows: 0 };
}

/** A refused query is echoed, as FINRA does. */
function refused(
  error: QueryError,
  { name }: QueryDataset,
  action: string,
  body: Readonly<Record<string, unknown>> | null,
): Found {
  const dataRequest = {
    action,
    internalParams: {},
    datasetGroup: GROUP,
    datasetName: name,
    fields: [],
    domainFilters: [],
    ...body,
  };
  const { answer } = plain(error.status);
  const answered = {
    ...(answer.body as Readonly<Record<string, unknown>>),
    message: error.message,
    dataRequest,
  };
  return { answer: { ...answer, body: answered }, rows: 0 };
}
