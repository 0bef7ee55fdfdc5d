import { SpineError } from "spine-core";
import { z } from "zod";
import type { NetRules } from "../../net/net-rules.ts";
import { type FileSourceOptions, fileRules } from "../file-source-options.ts";
import type { BodyPath } from "./body-path.ts";
import type { BodyLimits } from "./decoded-body.ts";
import { type HttpAuth, isReference } from "./http-auth.ts";
import type { Paginate } from "./paginate.ts";
import type { HttpTimeouts } from "./reply-timer.ts";
import { STATUS_ACTIONS, type StatusAction } from "./status-action.ts";

export const HTTP_FORMATS = ["json", "jsonl", "csv", "psv", "tsv"] as const;

export type HttpFormat = (typeof HTTP_FORMATS)[number];

/** Rows of an object whose members are the rows, each under its key: `{ "2026-01-05": { "open": "1.2" }, … }`. */
export interface EntriesAt {
  /** Where the object is; the body itself when left out. */
  readonly path?: BodyPath;
  /** The column that the key becomes. */
  readonly key: string;
  /** The column of members that are no objects; "value" when left out. */
  readonly value?: string;
}

export interface HttpSourceOptions extends NetRules, Partial<BodyLimits> {
  /** Under which workflows name the source; "http" when left out. */
  readonly name?: string;
  /** What the URLs of requests are put behind; none of them leads away from its origin. */
  readonly baseUrl?: string;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly auth?: HttpAuth;
  /** One answer (`{ kind: "single" }`) when left out. */
  readonly paginate?: Paginate;
  /** What bodies are; "json" when left out. All but json are read as they come, whatever their size. */
  readonly format?: HttpFormat;
  /** Where the list of rows is in a JSON body; the body itself when left out. */
  readonly rows?: BodyPath;
  /** Rows of an object with keys, instead of a list. */
  readonly entries?: EntriesAt;
  /** True: what is there is one object, the only row. */
  readonly one?: boolean;
  /** Columns that tell rows from each other: rows that come again on a later page are noticed by it. */
  readonly key?: string | readonly string[];
  /** How delimited bodies are written, as for files. */
  readonly text?: Pick<FileSourceOptions, (typeof TEXT_OPTIONS)[number]>;
  /** Rows and rejects in a page of ours at most; 10,000 when left out. */
  readonly batchRows?: number;
  /** What is done about single statuses, where it is something else than usual, e.g. `{ 404: "empty" }`. */
  readonly status?: Readonly<Record<number, StatusAction>>;
  /** How often a request is sent again at once, before the step's retry policy takes over; 2 when left out. */
  readonly quickRetries?: number;
  /** What the other side lets us ask, counted by all processes together. Its name is the source's when left out. */
  readonly rate?: {
    readonly name?: string;
    readonly limit: number;
    readonly perMs: number;
    readonly burst?: number;
  };
  /** Longer waits, for `rate` or because of `Retry-After`, are left to the step's next attempt; 2 s when left out. */
  readonly longestWaitMs?: number;
  /** The longest that `Retry-After` is believed; a day when left out. */
  readonly maxRetryAfterMs?: number;
  /** Connections 10 s, first line of an answer 30 s, next piece of a body 30 s, whole answer 10 min when left out. */
  readonly timeouts?: Partial<HttpTimeouts>;
  /** Answers at most; 100,000 when left out. */
  readonly maxPages?: number;
  /** Origins beside the request's own that links to next pages may lead to, e.g. `["https://cdn.example.com"]`. */
  readonly linkOrigins?: readonly string[];
  /** True: an empty page is not an error though there are more, as of sides that filter after they cut pages. */
  readonly allowEmptyPages?: boolean;
  /** True: reads text that ends with the connection, without a length: whether it is whole, nobody knows. */
  readonly allowUnframed?: boolean;
}

/** {@link HttpSourceOptions} with every default filled in. */
export type HttpRules = NetRules &
  BodyLimits &
  Required<
    Pick<
      HttpSourceOptions,
      | "name"
      | "headers"
      | "paginate"
      | "format"
      | "text"
      | "batchRows"
      | "status"
      | "quickRetries"
      | "longestWaitMs"
      | "maxRetryAfterMs"
      | "maxPages"
      | "linkOrigins"
      | "allowEmptyPages"
      | "allowUnframed"
      | "one"
    >
  > & {
    readonly baseUrl: string | null;
    readonly auth: HttpAuth | null;
    readonly rows: BodyPath;
    readonly entries: EntriesAt | null;
    readonly key: readonly string[] | null;
    readonly rate: {
      readonly name: string;
      readonly limit: number;
      readonly perMs: number;
      readonly burst?: number;
    } | null;
    readonly timeouts: HttpTimeouts;
  };

const MIB = 1024 * 1024;
const text = z.string().min(1);
const count = z.int().min(1);
const ms = z
  .number()
  .positive()
  .max(2 ** 31 - 1);
const path = z.union([text, z.array(text).min(1)]);
const headers = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~\w-]+$/),
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/),
);
const secret = z.custom<unknown>(
  (value) => typeof value === "function" || (typeof value === "string" && isReference(value)),
  // The text itself must not stand in the message: it may be the secret.
  "must be a function or a reference to an environment variable (env:NAME), not the secret itself",
);
const code = z.custom<unknown>((value) => typeof value === "function", "must be a function");
const httpUrl = z.url({ protocol: /^https?$/ });
const sentIn = z.enum(["query", "body"]).optional();
const numberAt = z.union([z.strictObject({ header: text }), z.strictObject({ body: path })]).optional();
const total = { total: numberAt };

const auth = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("bearer"), token: secret }),
  z.strictObject({ kind: z.literal("key"), key: secret, header: text.optional(), query: text.optional() }),
  z.strictObject({ kind: z.literal("basic"), user: z.union([text, code]), password: secret }),
  z.strictObject({
    kind: z.literal("oauth2"),
    tokenUrl: httpUrl,
    clientId: z.union([text, code]),
    clientSecret: secret,
    scope: text.optional(),
    fields: z.record(z.string(), z.string()).optional(),
    credentials: z.enum(["basic", "fields"]).optional(),
  }),
]);

const paginate = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("single"), ...total }),
  z.strictObject({ kind: z.literal("json-link"), next: path, ...total }),
  z.strictObject({ kind: z.literal("header-link"), rel: text.optional(), ...total }),
  z.strictObject({ kind: z.literal("header-cursor"), header: text, cursorPath: path, in: sentIn, ...total }),
  z.strictObject({
    kind: z.literal("cursor"),
    next: path,
    more: path.optional(),
    cursorPath: path,
    in: sentIn,
    ...total,
  }),
  z.strictObject({
    kind: z.literal("offset"),
    limit: count,
    in: sentIn,
    offsetPath: path.optional(),
    limitPath: path.nullable().optional(),
    first: z.int().min(0).optional(),
    ...total,
  }),
  z.strictObject({
    kind: z.literal("page-number"),
    in: sentIn,
    pagePath: path.optional(),
    first: z.int().min(0).optional(),
    limit: count.optional(),
    limitPath: path.optional(),
    pages: numberAt,
    ...total,
  }),
  z.strictObject({ kind: z.literal("custom"), apply: code, next: code, ...total }),
]);

const TEXT_OPTIONS = [
  "delimiter",
  "quote",
  "encoding",
  "columns",
  "header",
  "trailer",
  "repeatedHeader",
  "maxLineBytes",
] as const;

const OPTIONS = z.strictObject({
  name: text,
  baseUrl: httpUrl
    .refine((url) => !/[?#]|:\/\/[^/]*@/.test(url), "must have no query and no credentials")
    .optional(),
  headers,
  auth: auth.optional(),
  paginate,
  format: z.enum(HTTP_FORMATS),
  rows: path.optional(),
  entries: z.strictObject({ path: path.optional(), key: text, value: text.optional() }).optional(),
  one: z.boolean(),
  key: z.union([text, z.array(text).min(1)]).optional(),
  // What they may be is known to those who read files.
  text: z.strictObject(Object.fromEntries(TEXT_OPTIONS.map((option) => [option, z.unknown().optional()]))),
  batchRows: count,
  status: z.record(z.string().regex(/^[1-5]\d\d$/, "must be statuses"), z.enum(STATUS_ACTIONS)),
  quickRetries: z.int().min(0).max(10),
  rate: z
    .strictObject({
      name: text.optional(),
      limit: count,
      perMs: z.number().positive(),
      burst: count.optional(),
    })
    .optional(),
  longestWaitMs: z
    .number()
    .min(0)
    .max(2 ** 31 - 1),
  maxRetryAfterMs: z.number().min(0),
  timeouts: z.strictObject({
    connectMs: ms.optional(),
    headersMs: ms.optional(),
    idleMs: ms.optional(),
    totalMs: ms.optional(),
  }),
  maxPages: count,
  maxBytes: count,
  maxRatio: z.number().min(1),
  linkOrigins: z.array(httpUrl),
  allowEmptyPages: z.boolean(),
  allowUnframed: z.boolean(),
  allowHosts: z.array(text).optional(),
  allowPrivate: z.boolean().optional(),
  ports: z.array(z.int().min(1).max(65535)).min(1).optional(),
});

/** Fills in defaults; CONFIG_INVALID that names the option for what nothing could be read with. */
export function httpRules(options: HttpSourceOptions): HttpRules {
  const format = options.format ?? "json";
  const given = {
    name: "http",
    headers: {},
    paginate: { kind: "single" },
    format,
    one: false,
    text: {},
    batchRows: 10_000,
    status: {},
    quickRetries: 2,
    longestWaitMs: 2_000,
    maxRetryAfterMs: 86_400_000,
    timeouts: {},
    maxPages: 100_000,
    // A JSON body is in memory as a whole, others never are.
    maxBytes: format === "json" ? 64 * MIB : 16 * 1024 * MIB,
    maxRatio: 200,
    linkOrigins: [],
    allowEmptyPages: false,
    allowUnframed: false,
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  };
  const name = typeof given.name === "string" ? given.name : "http";
  const checked = OPTIONS.safeParse(given);
  if (!checked.success) throw refused(name, checked.error.issues.map(issueText).join("; "));
  const isJson = format === "json";
  for (const option of ["rows", "entries", "one"] as const) {
    if (options[option] !== undefined && !isJson)
      throw refused(name, `\`${option}\` is for JSON, not for ${format}`);
  }
  if (options.entries && options.rows !== undefined)
    throw refused(name, "`rows` and `entries` exclude each other");
  if (!isJson) fileRules({ ...options.text, name });
  const { rate, key, timeouts } = options;
  return {
    ...(given as unknown as HttpRules),
    baseUrl: options.baseUrl ?? null,
    auth: options.auth ?? null,
    rows: options.rows ?? [],
    entries: options.entries ?? null,
    key: key === undefined ? null : typeof key === "string" ? [key] : key,
    rate: rate === undefined ? null : { ...rate, name: rate.name ?? name },
    timeouts: { connectMs: 10_000, headersMs: 30_000, idleMs: 30_000, totalMs: 600_000, ...timeouts },
    linkOrigins: (options.linkOrigins ?? []).map((url) => new URL(url).origin),
  };
}

/** Credentials that come with a request are checked like those of the options. */
export function checkAuth(name: string, given: HttpAuth): HttpAuth {
  const checked = auth.safeParse(given);
  if (checked.success) return given;
  throw refused(name, checked.error.issues.map((issue) => `auth: ${issueText(issue)}`).join("; "));
}

function issueText(issue: z.core.$ZodIssue): string {
  const where = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const unknown = issue.keys.map((key) => `\`${where === "" ? "" : `${where}.`}${key}\``).join(", ");
    return `there is no option ${unknown}`;
  }
  return `\`${where}\`: ${issue.message}`;
}

function refused(name: string, why: string): SpineError {
  return new SpineError("CONFIG_INVALID", `HTTP source "${name}": ${why}.`);
}
