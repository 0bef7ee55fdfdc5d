import type { Readable } from "node:stream";
import { type Agent, request } from "undici";
import { checkUrl, type NetRules } from "./net-rules.ts";

export interface GuardedRequest {
  readonly url: URL;
  readonly method: "GET" | "POST" | "PATCH";
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export interface GuardedResponse {
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  /** A header's value; several of one name are joined by commas. */
  header(name: string): string | null;
  /** As it was sent, still encoded. Read it to its end or destroy it. */
  readonly body: Readable;
}

const MOST_REDIRECTS = 3;
const REDIRECTS = [301, 302, 303, 307, 308];
/** What another origin may be told too. */
const HARMLESS = ["accept", "accept-encoding", "user-agent", "if-none-match", "if-modified-since"];

/**
 * Sends a request by an agent of `guardedAgent`, and follows redirects by the same rules: to at most three places, never from
 * https to http, without credentials to another origin, and a body only where it stays one request (307, 308) to the same origin. A
 * redirect that is not followed is the answer.
 */
export async function guardedRequest(
  agent: Agent,
  rules: NetRules,
  first: GuardedRequest,
): Promise<GuardedResponse> {
  let { url, headers } = first;
  const { method, body, signal } = first;
  for (let redirects = 0; ; redirects += 1) {
    checkUrl(url, rules);
    const {
      statusCode,
      headers: given,
      body: content,
    } = await request(url, {
      dispatcher: agent,
      method,
      headers,
      signal,
      ...(body === undefined ? {} : { body }),
    });
    // It may be aborted before anybody reads it, and an error that nobody hears ends the process.
    content.on("error", () => {});
    const header = (name: string) => {
      const value = given[name.toLowerCase()];
      return value === undefined ? null : Array.isArray(value) ? value.join(", ") : value;
    };
    const response: GuardedResponse = { url, status: statusCode, header, body: content };
    const next = redirectOf(response, method, redirects);
    if (next === null) return response;
    content.destroy();
    if (next.origin !== url.origin) {
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS.includes(name)));
    }
    url = next;
  }
}

function redirectOf(response: GuardedResponse, method: string, redirects: number): URL | null {
  const { status, url } = response;
  const location = response.header("location");
  if (!REDIRECTS.includes(status) || location === null || redirects >= MOST_REDIRECTS) return null;
  if (!URL.canParse(location, url.href)) return null;
  const next = new URL(location, url);
  if (url.protocol === "https:" && next.protocol === "http:") return null;
  if (method !== "GET" && (status < 307 || next.origin !== url.origin)) return null;
  return next;
}
