import { type ErrorContext, type ErrorJson, SpineError } from "./errors.ts";
import { mapLeaves } from "./map-leaves.ts";

/** A secret of a run, once it is looked up. */
export interface KnownSecret {
  /** How it stands in stored parameters, e.g. `env:API_KEY`. */
  readonly reference: string;
  readonly value: string;
}

/** Takes the secrets of a run out of what is about to be written; null where a run has none. */
export interface Redaction {
  text(text: string): string;
  /**
   * A JSON value with its texts redacted, and its numbers that show a secret. Values are redacted, never their JSON: what
   * is replaced in a text of JSON may be a part of its form.
   *
   * @param keys whether the names of members are somebody's data too, or Spine's own.
   */
  value<T>(value: T, keys?: "keys"): T;
  error(error: SpineError): SpineError;
  /** Parameters of another run: a text that is a secret becomes its reference, what shows one is redacted. */
  params(params: unknown): unknown;
}

const REDACTED = "[redacted]";
/** Shorter values would be found by chance all over a text. */
const SHORTEST = 4;
/** What Spine puts into an error's context: ids, not data. A short secret may stand in one by chance. */
const OWN_CONTEXT: ReadonlySet<string> = new Set(["runId", "workflow", "step", "attempt"]);

export function redaction(secrets: readonly KnownSecret[]): Redaction | null {
  if (secrets.length === 0) return null;
  const forms = [...new Set(secrets.flatMap(({ value }) => formsOf(value)))];
  const references = new Map(secrets.map(({ value, reference }) => [value, reference]));
  const text = (given: string) => redactText(given, forms);
  const leaf = (value: string | number) => {
    const clean = text(String(value));
    return clean === String(value) ? value : clean;
  };
  const value = <T>(given: T, keys?: "keys"): T =>
    mapLeaves(given, leaf, keys === "keys" ? text : undefined) as T;
  return {
    text,
    value,
    error: (error) => redactError(error, value),
    params: (given) =>
      mapLeaves(given, (part) => {
        const $secret = typeof part === "string" ? references.get(part) : undefined;
        return $secret === undefined ? leaf(part) : { $secret };
      }),
  };
}

/** Its code and category stay what they are: words to decide by. */
function redactError(error: SpineError, redact: Redaction["value"]): SpineError {
  const json = error.toJSON();
  const { message, context = {}, detail, cause } = json;
  const own = Object.entries(context).filter(([key]) => OWN_CONTEXT.has(key));
  const others = Object.fromEntries(Object.entries(context).filter(([key]) => !OWN_CONTEXT.has(key)));
  const shown = { message, detail, cause };
  const clean = redact(shown);
  const cleanDetail = redact(detail, "keys");
  const cleanOthers = redact(others, "keys");
  if (clean === shown && cleanDetail === detail && cleanOthers === others) return error;
  const cleanContext: ErrorContext = { ...cleanOthers, ...Object.fromEntries(own) };
  const redacted: ErrorJson = {
    ...json,
    message: clean.message,
    context: cleanContext,
    ...(detail === undefined ? {} : { detail: cleanDetail }),
    ...(clean.cause === undefined ? {} : { cause: clean.cause }),
  };
  return SpineError.fromJSON(redacted);
}

/** Finds all forms first, so that secrets that overlap leave nothing of each other. */
function redactText(text: string, forms: readonly string[]): string {
  const spans: (readonly [from: number, to: number])[] = [];
  for (const form of forms) {
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) {
      spans.push([at, at + form.length]);
    }
  }
  if (spans.length === 0) return text;
  spans.sort(([a], [b]) => a - b);
  let clean = "";
  let done = 0;
  for (const [from, to] of spans) {
    // What begins inside of the one before belongs to it.
    if (from >= done) clean += text.slice(done, from) + REDACTED;
    done = Math.max(done, to);
  }
  return clean + text.slice(done);
}

/** A secret as it stands in texts: as it is, in JSON, in URLs and in base64, wherever in what is encoded it begins. */
function formsOf(value: string): string[] {
  if (value.length < SHORTEST) return [];
  const forms = [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value.toWellFormed())];
  for (const before of [0, 1, 2]) {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(value)]);
    // Letters at the edges hold bits of the neighbours too: only those between are always the same.
    const [from, to] = [Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6)];
    forms.push(bytes.toString("base64").slice(from, to), bytes.toString("base64url").slice(from, to));
  }
  return forms.filter((form) => form.length >= SHORTEST);
}
