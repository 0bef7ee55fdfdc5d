import { createHash } from "node:crypto";
import { canonicalJson, encodeJson, type JsonValue, SpineError } from "spine-core";
import { type BodyPath, nameOf, withValueAt } from "./body-path.ts";
import type { HttpAuth } from "./http-auth.ts";

export type QueryValue = string | number | boolean;

/** What a workflow asks of an HTTP source. */
export interface HttpRequest {
  /** Absolute, or put behind the source's `baseUrl`; `baseUrl` itself when left out. */
  readonly url?: string;
  /** POST when there is a body, else GET. */
  readonly method?: "GET" | "POST";
  /** Added to the query of the URL; a list repeats its name, null leaves it out. */
  readonly query?: Readonly<Record<string, QueryValue | readonly QueryValue[] | null>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: JsonValue;
  /** In place of the source's own, e.g. with a secret that is a parameter of the run. */
  readonly auth?: HttpAuth;
}

/** A request before credentials and the defaults of the protocol are put in. */
export interface Outgoing {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonValue | undefined;
}

/** Where a parameter of paging goes. */
export type SentIn = "query" | "body";

const BODY_LIMITS = { maxLength: 16 * 1024 * 1024, maxDepth: 64 };

const FIELDS: readonly string[] = [
  "url",
  "method",
  "query",
  "headers",
  "body",
  "auth",
] satisfies (keyof HttpRequest)[];

/** The request as it is sent for its first page, were there no paging. */
export function outgoingOf(
  {
    baseUrl,
    headers,
  }: { readonly baseUrl: string | null; readonly headers: Readonly<Record<string, string>> },
  request: HttpRequest,
): Outgoing {
  if (typeof request !== "object" || request === null || Array.isArray(request))
    throw invalid(`A request to an HTTP source is an object: it has ${FIELDS.join(", ")}.`);
  const unknown = Object.keys(request).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined)
    throw invalid(`A request to an HTTP source has no \`${unknown}\`; it has ${FIELDS.join(", ")}.`);
  if (request.url !== undefined && typeof request.url !== "string")
    throw invalid("The request's `url` is no text.");
  // It is sent as JSON, and tells the question: what is none would fail somewhere in between.
  if (request.body !== undefined) encodeJson(request.body, "the body of the request", BODY_LIMITS);
  const url = urlOf(baseUrl, request.url);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value === null) continue;
    url.searchParams.delete(name);
    for (const one of Array.isArray(value) ? (value as readonly QueryValue[]) : [value]) {
      if (!["string", "number", "boolean"].includes(typeof one))
        throw invalid(`The query parameter "${name}" of the request is no text, number or boolean.`);
      url.searchParams.append(name, String(one));
    }
  }
  return {
    url,
    method: request.method ?? (request.body === undefined ? "GET" : "POST"),
    headers: lowerCase({ ...lowerCase(headers), ...lowerCase(request.headers ?? {}) }),
    body: request.body,
  };
}

function urlOf(baseUrl: string | null, url: string | undefined): URL {
  const isAbsolute = url !== undefined && /^[a-z][a-z0-9+.-]*:/i.test(url);
  if (baseUrl === null && !isAbsolute) {
    throw invalid(`The request has no absolute \`url\`, and the source no \`baseUrl\`. Give one of them.`);
  }
  const whole = isAbsolute
    ? url
    : url === undefined
      ? baseUrl
      : `${baseUrl?.replace(/\/+$/, "")}${url.startsWith("?") ? "" : "/"}${url.replace(/^\/+/, "")}`;
  if (whole === null || !URL.canParse(whole)) throw invalid("The request's `url` is not one.");
  const parsed = new URL(whole);
  parsed.hash = "";
  // What a source may be asked often comes from outside; where its credentials go must not.
  if (baseUrl !== null && parsed.origin !== new URL(baseUrl).origin) {
    throw new SpineError(
      "PERMISSION_DENIED",
      `The request's \`url\` leads to ${parsed.origin}, away from the source's \`baseUrl\`. Use a source without \`baseUrl\`, or one of that host.`,
    );
  }
  return parsed;
}

/** A parameter put into the query or the body. */
export function withParameter(request: Outgoing, sent: SentIn, path: BodyPath, value: JsonValue): Outgoing {
  if (sent === "body") {
    return { ...request, method: "POST", body: withValueAt(request.body, path, value) };
  }
  const url = new URL(request.url);
  url.searchParams.set(nameOf(path), typeof value === "object" ? JSON.stringify(value) : String(value));
  return { ...request, url };
}

/**
 * What tells a request from others: a page of one question is no page of another. Without credentials, and without the
 * host where that is the source's `baseUrl` to say: a service that moves is the same service.
 */
export function questionOf({ url, method, body }: Outgoing, baseUrl: string | null): string {
  const where = baseUrl === null ? url.href : `${url.pathname}${url.search}`;
  const text = canonicalJson([where, method, body ?? null]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function invalid(message: string): SpineError {
  return new SpineError("CONFIG_INVALID", message);
}
