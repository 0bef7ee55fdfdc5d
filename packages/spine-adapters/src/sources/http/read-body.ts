import { createHash } from "node:crypto";
import { type JsonValue, SourceError } from "spine-core";
import { exactJson } from "../../exact-json.ts";
import type { GuardedResponse } from "../../net/guarded-request.ts";
import { byteDecoder } from "../byte-decoder.ts";
import { type BodyLimits, decodedBody } from "./decoded-body.ts";
import type { ReplyTimer } from "./reply-timer.ts";

/** What is read of the body of an error. */
const ERROR_LIMITS: BodyLimits = { maxBytes: 64 * 1024, maxRatio: 100 };

export interface JsonBody {
  readonly document: JsonValue;
  /** True where it may hold text that no database stores. */
  readonly text: string;
  readonly bytes: number;
  /** Of its bytes, unpacked. */
  readonly hash: string;
}

/** Reads a JSON body as a whole. SOURCE_EMPTY, SOURCE_FORMAT, SOURCE_MALFORMED, SOURCE_TRUNCATED, SOURCE_ENCODING. */
export async function readJson(
  response: GuardedResponse,
  timer: ReplyTimer,
  limits: BodyLimits,
): Promise<JsonBody> {
  const decoder = byteDecoder(charsetOf(response) ?? "utf-8");
  const hash = createHash("sha256");
  let text = "";
  let bytes = 0;
  let isLookedAt = false;
  for await (const piece of decodedBody(response, timer, limits)) {
    bytes += piece.length;
    hash.update(piece);
    text += decoder.decode(piece);
    isLookedAt ||= lookForHtml(response, text, true);
  }
  decoder.end();
  if (!isLookedAt) refuseHtml(response, text, true);
  if (text.trim() === "") throw emptyBody(response);
  return { document: parse(text), text, bytes, hash: hash.digest("base64url") };
}

/** The beginning of the text of a body that is not read for its rows. */
export async function errorTextOf(response: GuardedResponse, timer: ReplyTimer): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of decodedBody(response, timer, ERROR_LIMITS)) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8").trim();
}

/** The encoding that the answer names. */
export function charsetOf(response: GuardedResponse): string | undefined {
  const charset = /;\s*charset="?(?<label>[\w-]{1,40})"?/i.exec(response.header("content-type") ?? "")?.groups
    ?.label;
  if (charset === undefined) return undefined;
  try {
    return new TextDecoder(charset).encoding;
  } catch {
    throw new SourceError(`The encoding ${charset} of the body is not known here.`, {
      code: "SOURCE_ENCODING",
    });
  }
}

/**
 * SOURCE_FORMAT for a page for people, such as a login or an error with status 200.
 *
 * @param maySay true where a body that begins like JSON is data even if it calls itself HTML, as many services let it
 */
export function refuseHtml(response: GuardedResponse, beginning: string, maySay: boolean): void {
  const isCalled = /^\s*(?:text\/html|application\/xhtml)/i.test(response.header("content-type") ?? "");
  const isData = !/^\s*<(?:!doctype|html|head|body|!--)/i.test(beginning);
  if (isData && !(isCalled && !(maySay && /^\s*[[{]/.test(beginning)))) return;
  throw new SourceError(
    "What came is a page for people (HTML), not data: perhaps a login, or an error that is told with status 200.",
    { code: "SOURCE_FORMAT" },
  );
}

/** How much of a text tells what it is: `<!doctype html>` is not longer. */
const TELLING = 16;

/** False as long as too little has come to tell a page for people. SOURCE_FORMAT for one. */
export function lookForHtml(response: GuardedResponse, beginning: string, maySay: boolean): boolean {
  if (beginning.trimStart().length < TELLING) return false;
  refuseHtml(response, beginning, maySay);
  return true;
}

export function emptyBody(response: GuardedResponse): SourceError {
  return new SourceError(
    `The body is empty though the status is ${response.status}. Where that means that there are no rows, set \`status\` to "empty" for it.`,
    { code: "SOURCE_EMPTY" },
  );
}

function parse(text: string): JsonValue {
  try {
    return exactJson(text);
  } catch (error) {
    const { message } = error as Error;
    const position = Number(/position (?<at>\d+)/.exec(message)?.groups?.at ?? Number.NaN);
    const ended =
      /unexpected end|unterminated|end of json|missing a number/i.test(message) ||
      position >= text.trimEnd().length;
    throw new SourceError(ended ? "The JSON of the body is cut off." : "The body is not JSON.", {
      code: ended ? "SOURCE_TRUNCATED" : "SOURCE_MALFORMED",
      retryable: ended,
      detail: { parser: message.slice(0, 200) },
    });
  }
}
