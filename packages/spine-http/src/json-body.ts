import { decodeJson } from "spine-core";
import { BodyTooLarge, type HttpRequest } from "./http-request.ts";
import { HttpProblem } from "./problems.ts";

export interface BodyLimits {
  readonly bodyBytes: number;
  readonly jsonDepth: number;
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json *(?:;.*)?$/i;
const CHARSET = /;\s*charset="?([^";]+)/i;
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The JSON in a request's body; undefined where there is none. Only what says that it is JSON is taken for it, so that no form of
 * another site gets in.
 */
export async function readJson(request: HttpRequest, limits: BodyLimits): Promise<unknown> {
  const { bodyBytes, jsonDepth } = limits;
  const length = request.header("content-length");
  if (length !== undefined && Number(length) > bodyBytes) throw tooLarge(bodyBytes);
  const type = request.header("content-type");
  if (
    type === undefined &&
    (length === undefined || length === "0") &&
    request.header("transfer-encoding") === undefined
  ) {
    // Adapters of WHATWG requests do not know the length: what has no type and no bytes has no body.
    const body = await bodyOf(request, bodyBytes);
    if (body.kind === "none" || isEmpty(body)) return undefined;
    throw notJson("has no `Content-Type`");
  }
  if (length === "0") return undefined;
  if (!JSON_TYPE.test(type ?? ""))
    throw notJson(type === undefined ? "has no `Content-Type`" : "is of another type");
  const [, charset = "utf-8"] = CHARSET.exec(type ?? "") ?? [];
  if (!/^utf-?8$/i.test(charset)) throw notJson("is in another charset than UTF-8");
  const encoding = request.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") throw notJson("is compressed");
  const body = await bodyOf(request, bodyBytes);
  if (body.kind === "none") return undefined;
  return body.kind === "parsed" ? fromParser(body.value, limits) : parse(body.bytes, jsonDepth);
}

async function bodyOf(request: HttpRequest, limit: number) {
  try {
    return await request.body(limit);
  } catch (error) {
    if (error instanceof BodyTooLarge) throw tooLarge(limit);
    throw error;
  }
}

function isEmpty(body: Awaited<ReturnType<HttpRequest["body"]>>): boolean {
  // What parsers leave behind where there was no body.
  return body.kind === "parsed" && (body.value === undefined || Object.keys(Object(body.value)).length === 0);
}

function parse(bytes: Uint8Array, depth: number): unknown {
  let text: string;
  try {
    text = UTF_8.decode(bytes);
  } catch {
    throw badJson("is not UTF-8");
  }
  if (isDeeper(text, depth)) throw badJson(`is nested deeper than ${depth} levels`);
  try {
    return decodeJson(text);
  } catch (error) {
    throw badJson(error instanceof SyntaxError ? "cannot be parsed" : "cannot be read");
  }
}

/** Brackets outside of texts; before it is parsed, since recursion over the result would not end well. */
function isDeeper(text: string, most: number): boolean {
  if (text.length <= most) return false;
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charCodeAt(at);
    if (inText) {
      if (letter === 92) at += 1;
      else if (letter === 34) inText = false;
    } else if (letter === 34) inText = true;
    else if (letter === 91 || letter === 123) {
      depth += 1;
      if (depth > most) return true;
    } else if (letter === 93 || letter === 125) depth -= 1;
  }
  return false;
}

/** What the host's parser made of the body has the same limits, and no `__proto__`. */
function fromParser(value: unknown, { bodyBytes, jsonDepth }: BodyLimits): unknown {
  if (typeof value === "string") return parse(Buffer.from(value), jsonDepth);
  if (value instanceof Uint8Array) return parse(value, jsonDepth);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    throw badJson("cannot be read");
  }
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text);
  if (bytes.length > bodyBytes) throw tooLarge(bodyBytes);
  return parse(bytes, jsonDepth);
}

function badJson(why: string): HttpProblem {
  return new HttpProblem("bad-json", `The body ${why}. Send JSON in UTF-8.`);
}

function notJson(why: string): HttpProblem {
  return new HttpProblem(
    "unsupported-media",
    `The body ${why}. Send JSON as \`application/json\`, in UTF-8.`,
  );
}

function tooLarge(limit: number): HttpProblem {
  return new HttpProblem(
    "too-large",
    `The body has more than ${limit} bytes. Rows belong into files or sources, not into parameters.`,
  );
}
