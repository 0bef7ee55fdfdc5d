import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { SpineError } from "spine-core";
import { type Fault, type FaultKind, Faults, faultOf } from "./faults.ts";
import { type FinraServerOptions, readFinraServerOptions } from "./finra-server-options.ts";
import { FinraService } from "./finra-service.ts";
import type { Restatement } from "./restate.ts";
import { type Answer, send } from "./send.ts";

/** A request that the server has had. */
export interface FinraRequest {
  readonly method: string;
  /** With its query string. */
  readonly path: string;
  /** The JSON body; null where there was none. */
  readonly body: Readonly<Record<string, unknown>> | null;
  /** What it was answered with; 0 until it is. */
  readonly status: number;
  /** Rows in the answer. */
  readonly rows: number;
}

/** A local FINRA: it ends with `await using`, or with `close`. */
export interface FinraServer extends AsyncDisposable {
  /** What stands for `https://api.finra.org`, and for the other hosts of FINRA: `http://127.0.0.1:41234`. */
  readonly url: string;
  /** Where tokens are given out. */
  readonly tokenUrl: string;
  /** The day that it has; what is published by then is there. May be set. */
  today: string;
  /** What was asked of it, oldest first. */
  readonly requests: readonly FinraRequest[];
  /** Requests for rows that were answered with rows. */
  readonly pages: number;
  /** Lets something go wrong, once or several times; see {@link Fault}. */
  inject(fault: Fault): void;
  /** Publishes a week again with changed rows. */
  restate(restatement: Restatement): void;
  /** Every token that was given out is as if it had run out. */
  expireTokens(): void;
  /** Ends all connections. */
  close(): Promise<void>;
}

/**
 * Starts a local FINRA on 127.0.0.1, at a free port: the Query API of group otcMarket (weeklySummary and its kin), the
 * weekly files, metadata, partitions, asynchronous requests and tokens, with the shapes and the quirks that were
 * recorded from the real service. All of its data is generated: no real trades. What a test wants to go wrong, it
 * injects. Not to be reached from other machines, and nothing to build a service on.
 *
 * @throws SpineError CONFIG_INVALID for options that are not known or make no sense.
 *
 * @example
 * await using server = await startFinraServer({ weeks: 8, symbols: 50 });
 * const source = finraOtc({ baseUrl: server.url, origin: "SAMPLE" });
 */
export async function startFinraServer(options: FinraServerOptions = {}): Promise<FinraServer> {
  const settings = readFinraServerOptions(options);
  const service = new FinraService(settings);
  const faults = new Faults();
  const requests: { -readonly [Key in keyof FinraRequest]: FinraRequest[Key] }[] = [];

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "GET", url: path = "/" } = request;
    const record = {
      method,
      path,
      body: null as Readonly<Record<string, unknown>> | null,
      status: 0,
      rows: 0,
    };
    requests.push(record);
    const text = await bodyOf(request);
    const met = path.startsWith("/data/") ? faults.next() : [];
    const { answer, rows, body } = service.answer({ method, path, headers: request.headers, text }, met);
    record.body = body;
    const delay = faultOf(met, "delay");
    if (delay) await sleep(delay.delay);
    if (met.includes("silence")) return;
    const sent = asFaulty(answer, met);
    record.status = sent.status;
    record.rows = sent === answer ? rows : 0;
    await send(request, response, sent, met);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(settings.port, "127.0.0.1", resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    url,
    tokenUrl: `${url}/fip/rest/ews/oauth2/access_token`,
    get today() {
      return service.published.today;
    },
    set today(date) {
      service.published.today = date;
    },
    requests,
    get pages() {
      return requests.filter(
        ({ path, status, rows }) => path.startsWith("/data/") && status === 200 && rows > 0,
      ).length;
    },
    inject: (fault) => faults.inject(fault),
    restate: (restatement) => service.published.restate(restatement),
    expireTokens: () => service.tokens.expire(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The largest body that a query can reasonably have. */
const MAX_BODY = 1 << 20;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > MAX_BODY) throw new SpineError("SOURCE_TOO_LARGE", "The request's body is larger than 1 MiB.");
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString();
}

/** What is sent in place of an answer. */
function asFaulty(answer: Answer, faults: readonly FaultKind[]): Answer {
  const broken = faultOf(faults, "status");
  if (broken) {
    const wait = broken.retryAfter;
    return {
      status: broken.status,
      headers: {
        "Content-Type": "application/json",
        ...(wait === undefined ? {} : { "Retry-After": `${wait}` }),
      },
      body: { statusCode: broken.status, message: "Injected by the test" },
    };
  }
  if (!faults.includes("html")) return answer;
  return {
    status: 200,
    headers: { "Content-Type": "text/html; charset=utf-8" },
    body: "<!doctype html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>",
  };
}
