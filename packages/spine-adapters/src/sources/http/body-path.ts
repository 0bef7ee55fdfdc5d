import type { JsonValue } from "spine-core";

/** A place in a JSON document: `"meta.next"`, or `["meta", "next.page"]` where names have dots in them. */
export type BodyPath = string | readonly string[];

function partsOf(path: BodyPath): readonly string[] {
  if (typeof path !== "string") return path;
  return path === "" ? [] : path.split(".");
}

/** What stands at a place; undefined where nothing does. Only a document's own members count. */
export function valueAt(document: JsonValue | undefined, path: BodyPath): JsonValue | undefined {
  let at: JsonValue | undefined = document;
  for (const part of partsOf(path)) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Readonly<Record<string, JsonValue>>)[part];
  }
  return at;
}

/** A copy of the document with a value at a place; objects on the way there are made. */
export function withValueAt(document: JsonValue | undefined, path: BodyPath, value: JsonValue): JsonValue {
  const [first, ...rest] = partsOf(path);
  if (first === undefined) return value;
  const isObject = typeof document === "object" && document !== null && !Array.isArray(document);
  const members = isObject ? (document as Readonly<Record<string, JsonValue>>) : {};
  const inner = Object.hasOwn(members, first) ? members[first] : undefined;
  return { ...members, [first]: withValueAt(inner, rest, value) };
}

/** A place as one name, for query strings and for messages. */
export function nameOf(path: BodyPath): string {
  return typeof path === "string" ? path : path.join(".");
}
