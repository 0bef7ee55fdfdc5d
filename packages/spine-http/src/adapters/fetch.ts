import { collectBytes, type HttpRequest, type HttpResponse } from "../http-request.ts";

interface Handles {
  handle(request: HttpRequest): Promise<HttpResponse>;
}

/** What a framework knows beside the request. */
export interface FetchFacts {
  /** The address of the other side. */
  readonly peer?: string | null;
  /** The framework's own request or context, for `hostSession`. */
  readonly original?: unknown;
  /** The body as text, where the framework has read it. */
  readonly text?: () => Promise<string>;
}

/** Answers a WHATWG request through a handler. */
export async function fetchThrough(
  handler: Handles,
  request: Request,
  facts: FetchFacts = {},
): Promise<Response> {
  const leaving = new AbortController();
  const { status, headers, body } = await handler.handle(requestOf(request, leaving.signal, facts));
  const isStream = body !== null && typeof body === "object" && Symbol.asyncIterator in body;
  const init = { status, headers: { ...headers } };
  if (!isStream) return new Response(body as string | Uint8Array<ArrayBuffer> | null, init);
  return new Response(streamOf(body, leaving), init);
}

function requestOf(request: Request, leaving: AbortSignal, facts: FetchFacts): HttpRequest {
  const { peer = null, original = request, text } = facts;
  // The parts as they were sent: `new URL` has resolved dot segments already where the runtime made the request, and
  // what it leaves is taken as it is.
  const [, path = "/", query = ""] = /^[a-z]+:\/\/[^/?#]*([^?#]*)(?:\?([^#]*))?/i.exec(request.url) ?? [];
  return {
    method: request.method,
    path: path === "" ? "/" : path,
    query,
    header: (name) => (name.startsWith(":") ? undefined : (request.headers.get(name) ?? undefined)),
    peer,
    original,
    get signal() {
      return AbortSignal.any([request.signal, leaving]);
    },
    async body(limit) {
      if (request.bodyUsed && text) return { kind: "parsed", value: await text() };
      if (!request.body || request.bodyUsed) return { kind: "none" };
      return await collectBytes(request.body, limit);
    },
  };
}

/** Texts as bytes, taken as fast as they are read. */
function streamOf(body: AsyncIterable<string>, leaving: AbortController): ReadableStream<Uint8Array> {
  const texts = body[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const next = await texts.next();
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
    async cancel() {
      // First: it may be waiting for something to send.
      leaving.abort();
      await texts.return?.();
    },
  });
}
