import { SpineError } from "spine-core";
import type { HttpRequest, HttpResponse } from "./http-request.ts";
import { HttpProblem } from "./problems.ts";

/** Which other sites' pages may ask. Without it no answer has CORS headers. */
export interface Cors {
  /** Origins as browsers send them: `https://ops.example.com`. */
  readonly origins: readonly string[];
  /** True: with cookies. */
  readonly credentials?: boolean;
}

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const EXPOSED =
  "Date, ETag, Location, Retry-After, Idempotency-Replayed, Preference-Applied, RateLimit, RateLimit-Policy, Content-Range, Spine-Api-Version, X-Request-Id";
const ACCEPTED =
  "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Last-Event-ID, Prefer, Range, X-API-Key";

/** @throws SpineError CONFIG_INVALID for an origin that no browser sends. */
export function checkCors({ origins }: Cors): void {
  for (const origin of origins) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
    throw new SpineError(
      "CONFIG_INVALID",
      `\`cors.origins\` has "${origin}"; name origins one by one, as browsers send them: https://ops.example.com`,
    );
  }
}

/**
 * Keeps other sites' pages from changing anything in the name of somebody who is signed in: what changes something has to come from
 * a page of this origin, of an origin that `cors` names, or from no browser at all. No token, no state.
 */
export function checkOrigin(request: HttpRequest, cors: Cors | null): void {
  if (SAFE.has(request.method)) return;
  const site = request.header("sec-fetch-site");
  const origin = request.header("origin");
  if (origin !== undefined && cors?.origins.includes(origin)) return;
  if (site !== undefined ? site === "same-origin" || site === "none" : isOwn(request, origin)) return;
  throw new HttpProblem(
    "cross-origin",
    "A page of another site may not change anything here. Name its origin in `cors.origins` if it is to.",
  );
}

/** Browsers that send no `Sec-Fetch-Site` send an origin; what sends neither is no browser. */
function isOwn(request: HttpRequest, origin: string | undefined): boolean {
  if (origin === undefined) return true;
  const host = request.header(":authority") ?? request.header("host");
  return URL.canParse(origin) && host !== undefined && new URL(origin).host === host;
}

/** The headers that let a page of another origin read the answer. */
export function corsHeaders(request: HttpRequest, cors: Cors | null): Readonly<Record<string, string>> {
  if (!cors) return NONE;
  const origin = request.header("origin");
  if (origin === undefined || !cors.origins.includes(origin)) return VARY;
  return {
    ...VARY,
    "access-control-allow-origin": origin,
    "access-control-expose-headers": EXPOSED,
    ...(cors.credentials ? { "access-control-allow-credentials": "true" } : {}),
  };
}

const NONE = {};
const VARY = { vary: "Origin" };

/** What is answered to `OPTIONS`. */
export function optionsResponse(
  request: HttpRequest,
  methods: readonly string[],
  cors: Cors | null,
): HttpResponse {
  const allow = methods.join(", ");
  const headers = corsHeaders(request, cors);
  const isAllowed = "access-control-allow-origin" in headers;
  return {
    status: 204,
    headers: {
      allow,
      ...headers,
      ...(isAllowed
        ? {
            "access-control-allow-methods": allow,
            "access-control-allow-headers": ACCEPTED,
            "access-control-max-age": "600",
          }
        : {}),
    },
    body: null,
  };
}
