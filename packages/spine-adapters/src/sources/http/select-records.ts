import { type JsonValue, SourceError } from "spine-core";
import { nameOf, valueAt } from "./body-path.ts";
import type { EntriesAt, HttpRules } from "./http-source-options.ts";

/** The records of a JSON body, as they stand there. SOURCE_FORMAT where the body is not what the source says it is. */
export function recordsIn(
  document: JsonValue,
  { rows, entries, one }: Pick<HttpRules, "rows" | "entries" | "one">,
): readonly JsonValue[] {
  if (entries) return recordsOfEntries(document, entries);
  const found = valueAt(document, rows);
  if (one && found !== undefined) return [found];
  if (Array.isArray(found)) return found as readonly JsonValue[];
  // Some sides write an empty list as null; what is not there at all may be another kind of answer.
  if (found === null && rows.length > 0) return [];
  const place = nameOf(rows);
  throw formatError(
    `${place === "" ? "The body" : `"${place}" in the body`} is ${kindOf(found)}, not a list of rows.`,
    document,
  );
}

function recordsOfEntries(
  document: JsonValue,
  { path = [], key, value = "value" }: EntriesAt,
): readonly JsonValue[] {
  const found = valueAt(document, path);
  if (typeof found !== "object" || found === null || Array.isArray(found)) {
    const place = nameOf(path);
    throw formatError(
      `${place === "" ? "The body" : `"${place}" in the body`} is ${kindOf(found)}, not an object of rows.`,
      document,
    );
  }
  return Object.entries(found as Readonly<Record<string, JsonValue>>).map(([name, member]) => {
    const isObject = typeof member === "object" && member !== null && !Array.isArray(member);
    if (!isObject) return { [key]: name, [value]: member };
    if (Object.hasOwn(member, key)) {
      throw formatError(
        `A row has a column "${key}" of its own; \`entries.key\` needs another name.`,
        document,
      );
    }
    return { [key]: name, ...member };
  });
}

function kindOf(value: JsonValue | undefined): string {
  if (value === undefined) return "not there";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The names in a body say what it is instead; its values may be anything. */
function formatError(message: string, document: JsonValue): SourceError {
  const isObject = typeof document === "object" && document !== null && !Array.isArray(document);
  const names = isObject ? Object.keys(document).slice(0, 20) : [];
  const has = names.length === 0 ? "" : ` The body has: ${names.join(", ").slice(0, 300)}.`;
  return new SourceError(`${message}${has}`, { code: "SOURCE_FORMAT" });
}
