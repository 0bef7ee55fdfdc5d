import type { IncomingMessage, ServerResponse } from "node:http";
import { collectBytes, type HttpBody, type HttpRequest, type HttpResponse } from "../http-request.ts";

/** What a handler has, so far as an adapter needs it. */
export interface Mountable {
  readonly basePath: string;
  handle(request: HttpRequest): Promise<HttpResponse>;
}

/** A request as Node, Express, Connect and their like have it. */
export type NodeRequest = IncomingMessage & { readonly originalUrl?: string; readonly body?: unknown };
export type NodeHandler = (
  request: NodeRequest,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/**
 * Mounts a handler where requests are Node's own: `node:http`, Express 4 and 5, Connect. Bodies that a parser of the host has read
 * already are taken as they are. What is outside of the handler's base path goes to `next`, where there is one.
 *
 * @example
 * createServer(toNodeHandler(handler)).listen(4111, "127.0.0.1");
 */
export function toNodeHandler(handler: Mountable): NodeHandler {
  const { basePath } = handler;
  return (request, response, next) => {
    const url = request.originalUrl ?? request.url ?? "/";
    if (next && basePath !== "" && !isUnder(url, basePath)) next();
    else void respond(handler, nodeRequest(request, response, url), response);
  };
}

export function isUnder(url: string, basePath: string): boolean {
  // What only begins like it is answered here as well: 404 or 400, never by somebody who reads paths in another way.
  return url.slice(0, basePath.length).toLowerCase() === basePath.toLowerCase();
}

/** Answers through `response`; never rejects. */
export async function respond(
  handler: Mountable,
  request: HttpRequest,
  response: ServerResponse,
): Promise<void> {
  const { status, headers, body } = await handler.handle(request);
  if (response.destroyed || response.headersSent) return;
  readOn(response);
  if (body === null || typeof body === "string" || body instanceof Uint8Array) {
    // Answers to HEAD, 204 and 304 have no body, and what a body would be long is not known.
    response.writeHead(
      status,
      body === null ? headers : { ...headers, "content-length": Buffer.byteLength(body) },
    );
    response.end(body ?? undefined);
    return;
  }
  response.writeHead(status, headers);
  try {
    for await (const text of body) {
      if (response.destroyed) break;
      if (!response.write(text)) await drained(response);
    }
  } catch {
    // The client comes back and is told then. What is broken off here is seen as such.
    response.destroy();
  }
  response.end();
}

/** How long what is not wanted is read and thrown away. */
const READ_ON_MS = 5_000;

/**
 * Whoever is still sending reads the answer behind that: a connection that was closed meanwhile would take it from him. Node throws away
 * what comes once the answer is sent; here it ends.
 */
function readOn({ req: request }: ServerResponse): void {
  if (request.complete) return;
  const timer = setTimeout(() => request.destroy(), READ_ON_MS).unref();
  request.once("close", () => clearTimeout(timer));
  request.resume();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}

/** What a framework knows beside Node's request. */
export interface NodeFacts {
  /** Its own request, for `hostSession`. */
  readonly original?: unknown;
  /** What its parser made of the body. */
  readonly parsed?: () => unknown;
}

/** A request of Node's as the handler sees it. */
export function nodeRequest(
  request: NodeRequest,
  response: ServerResponse,
  url: string,
  { original = request, parsed = () => request.body }: NodeFacts = {},
): HttpRequest {
  const mark = url.indexOf("?");
  return {
    method: request.method ?? "GET",
    path: mark === -1 ? url : url.slice(0, mark),
    query: mark === -1 ? "" : url.slice(mark + 1),
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    get peer() {
      return request.socket.remoteAddress ?? null;
    },
    original,
    get signal() {
      return signalOf(response);
    },
    body: (limit) => bodyOf(request, limit, parsed),
  };
}

const signals = new WeakMap<ServerResponse, AbortSignal>();

/** Aborted when the connection is gone before the answer is. */
function signalOf(response: ServerResponse): AbortSignal {
  const known = signals.get(response);
  if (known) return known;
  const controller = new AbortController();
  signals.set(response, controller.signal);
  if (response.destroyed) controller.abort();
  else response.once("close", () => controller.abort());
  return controller.signal;
}

async function bodyOf(request: NodeRequest, limit: number, parsed: () => unknown): Promise<HttpBody> {
  // Parsers set `body` on requests whose stream they have read, and some on all others too.
  const isRead = request.readableEnded || request.readableDidRead;
  if (isRead) return parsed() === undefined ? { kind: "none" } : { kind: "parsed", value: parsed() };
  // Left in the middle, it is not destroyed: the answer goes the same way.
  return await collectBytes(request.iterator({ destroyOnReturn: false }), limit);
}
