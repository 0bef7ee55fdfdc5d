import type { SpineHandler } from "../handler.ts";
import type { HttpRequest, HttpResponse } from "../http-request.ts";
import { Contract } from "./contract.ts";

export interface Asked {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** JSON of it is sent; a text or bytes as they are. */
  readonly body?: unknown;
  readonly peer?: string | null;
  readonly signal?: AbortSignal;
}

// biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer, it says
export type AnyJson = any;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly json: AnyJson;
  readonly stream: AsyncIterable<string> | null;
}

export interface Asker {
  (method: string, path: string, asked?: Asked): Promise<Answer>;
  readonly contract: Contract;
}

const STREAMED = Symbol.asyncIterator;

/** Asks a handler without a network, and holds every answer against the table. */
export function asker(handler: SpineHandler, defaults: Readonly<Record<string, string>> = {}): Asker {
  const contract = new Contract(handler.operations);
  const ask = async (method: string, path: string, asked: Asked = {}): Promise<Answer> => {
    const { status, headers, body } = await handler.handle(
      requestOf(handler.basePath + path, method, asked, defaults),
    );
    const isStream = isStreamed(body);
    const text = body === null || isStream ? "" : String(body);
    contract.check(method, path, status, headers["content-type"], text);
    // A part of JSON is none.
    const isJson = status !== 206 && /json/.test(headers["content-type"] ?? "") && text !== "";
    return { status, headers, text, json: isJson ? JSON.parse(text) : null, stream: isStream ? body : null };
  };
  return Object.assign(ask, { contract });
}

function isStreamed(body: HttpResponse["body"]): body is AsyncIterable<string> {
  return typeof body === "object" && body !== null && STREAMED in body;
}

export function requestOf(
  path: string,
  method: string,
  { query = "", headers = {}, body, peer = "127.0.0.1", signal }: Asked,
  defaults: Readonly<Record<string, string>> = {},
): HttpRequest {
  const bytes =
    body === undefined
      ? null
      : body instanceof Uint8Array
        ? body
        : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const all: Record<string, string | undefined> = {
    host: "localhost",
    ...(bytes ? { "content-type": "application/json", "content-length": String(bytes.length) } : {}),
    ...defaults,
    ...headers,
  };
  return {
    method,
    path,
    query,
    header: (name) => all[name],
    peer,
    original: null,
    signal: signal ?? new AbortController().signal,
    body: async () => (bytes ? { kind: "bytes", bytes } : { kind: "none" }),
  };
}
