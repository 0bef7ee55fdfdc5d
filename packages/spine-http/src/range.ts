import { hash } from "node:crypto";
import type { HttpRequest } from "./http-request.ts";
import { HttpProblem } from "./problems.ts";

type Headers = Readonly<Record<string, string>>;
interface Part<S extends number> {
  readonly status: S;
  readonly body: Uint8Array;
  readonly headers: Headers;
}

/**
 * A file, or the part of it that `Range` asks for (RFC 9110): one part of bytes. What asks for several, or in another way, gets it whole.
 *
 * @throws HttpProblem bad-range for a part that lies behind its end.
 */
export function rangeOf(request: HttpRequest, bytes: Uint8Array, headers: Headers): Part<200> | Part<206> {
  const etag = `"${hash("sha256", bytes).slice(0, 16)}"`;
  const about = { ...headers, etag, "accept-ranges": "bytes" };
  const whole = { status: 200, body: bytes, headers: about } as const;
  const [, first = "", last = ""] =
    /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(request.header("range") ?? "") ?? [];
  if (first === "" && last === "") return whole;
  const condition = request.header("if-range");
  if (condition !== undefined && condition !== etag) return whole;
  const size = bytes.byteLength;
  // Without a first one it is the last so many.
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return whole;
  if (from >= size) {
    throw new HttpProblem("bad-range", `It has ${size} bytes.`, {
      headers: { "content-range": `bytes */${size}` },
    });
  }
  const range = { "content-range": `bytes ${from}-${to}/${size}` };
  return { status: 206, body: bytes.subarray(from, to + 1), headers: { ...about, ...range } };
}
