import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { type FaultKind, faultOf } from "./faults.ts";

/** An answer before it is sent. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text; an object becomes JSON. Left out, the body is empty. */
  readonly body?: string | Readonly<Record<string, unknown>>;
}

/** Small answers are not worth it, and tests cut plain bodies at a byte that they know. */
const COMPRESSED_FROM = 4_096;

/** Sends an answer as the service does (compressed where the client takes it), or as the faults say. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  faults: readonly FaultKind[],
): Promise<void> {
  const text = typeof answer.body === "object" ? JSON.stringify(answer.body) : (answer.body ?? "");
  const headers: Record<string, string> = {
    Vary: "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    ...answer.headers,
  };
  if (typeof answer.body === "object") headers["Content-Type"] ??= "application/json";
  const cut = faultOf(faults, "cutAfter");
  const trickle = faultOf(faults, "trickle");
  const zips = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const zip = zips && text.length >= COMPRESSED_FROM && !cut && !trickle;
  const body = zip ? gzipSync(text, { level: 1 }) : Buffer.from(text);
  if (zip) headers["Content-Encoding"] = "gzip";
  if (answer.status !== 204) headers["Content-Length"] = `${body.length}`;
  response.writeHead(answer.status, headers);
  if (cut) {
    response.write(body.subarray(0, cut.cutAfter), () => response.destroy());
    return;
  }
  if (trickle) {
    for (const byte of body) {
      if (response.destroyed) return;
      response.write(Buffer.of(byte));
      await sleep(trickle.trickle);
    }
  }
  response.end(trickle ? undefined : body);
}
