import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { decodeJson, type JsonValue, type Page, type Reject, type Row, type StreamOptions } from "spine-core";
import { onTestFinished } from "vitest";
import type { HttpRequest } from "../http/http-request.ts";
import { httpSource } from "../http/http-source.ts";
import type { HttpSourceOptions } from "../http/http-source-options.ts";

/** A request as a server of tests got it. */
export interface Got {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: JsonValue;
}

/** What it answers: a JSON document, or more. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text or bytes as they are; anything else as JSON. */
  readonly body?: unknown;
}

export interface TestServer {
  readonly url: string;
  readonly got: readonly Got[];
}

type Handler = (got: Got, response: ServerResponse) => Answer | Promise<Answer | undefined> | undefined;

/** A real HTTP server on this machine until the test is over. A handler that returns undefined answers by itself. */
export async function serve(handler: Handler): Promise<TestServer> {
  const got: Got[] = [];
  const server = createServer((incoming, response) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => {
      const text = Buffer.concat(pieces).toString();
      const one: Got = {
        method: incoming.method ?? "",
        url: new URL(incoming.url ?? "/", "http://test"),
        headers: incoming.headers,
        text,
        json: text.startsWith("{") ? decodeJson(text) : null,
      };
      got.push(one);
      void Promise.resolve(handler(one, response)).then((answer) => answer && send(response, answer));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got };
}

function send(response: ServerResponse, { status = 200, headers = {}, body }: Answer): void {
  const isRaw = typeof body === "string" || Buffer.isBuffer(body);
  const content = body === undefined ? "" : isRaw ? body : JSON.stringify(body);
  response.writeHead(status, { ...(isRaw ? {} : { "content-type": "application/json" }), ...headers });
  response.end(content);
}

/** A server that says word for word what it is told to, and hangs up: for what no HTTP library would send. */
export async function serveBytes(answer: (socket: Socket, connection: number) => void): Promise<TestServer> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      connections += 1;
      answer(socket, connections);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got: [] };
}

/** The options of tests: this machine may be asked, and nothing is tried again. */
export const LOCAL: HttpSourceOptions = { allowHosts: ["127.0.0.1"], quickRetries: 0 };

export interface ReadHttp {
  readonly pages: readonly Page[];
  readonly rows: readonly Row[];
  readonly rejects: readonly Reject[];
}

/** Everything that an HTTP source delivers. */
export async function readHttp(
  request: HttpRequest | string,
  options: HttpSourceOptions = {},
  stream: StreamOptions = {},
): Promise<ReadHttp> {
  const pages: Page[] = [];
  const source = httpSource({ ...LOCAL, ...options });
  for await (const page of source.stream(typeof request === "string" ? { url: request } : request, stream)) {
    pages.push(page);
  }
  return {
    pages,
    rows: pages.flatMap((page) => page.rows),
    rejects: pages.flatMap((page) => page.rejects ?? []),
  };
}

/** Rows with an id, in their order. */
export function someRows(count: number, from = 0): Row[] {
  return Array.from({ length: count }, (_none, index) => ({
    id: String(from + index),
    symbol: `S${from + index}`,
  }));
}
