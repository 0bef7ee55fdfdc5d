import { ValidationError } from "./errors.ts";

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

type Unstorable = ((...args: never[]) => unknown) | symbol | bigint;
type IsAny<T> = 0 extends 1 & T ? true : false;

/** What is left of `T` after a JSON round trip: a Date is a string, a method is gone, `void` is null. */
export type Json<T> =
  IsAny<T> extends true
    ? T
    : T extends null | boolean | number | string
      ? T
      : // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing has this very type
        T extends undefined | void
        ? null
        : T extends Unstorable
          ? never
          : T extends { toJSON(): infer R }
            ? Json<R>
            : T extends readonly unknown[]
              ? { readonly [K in keyof T]: Json<T[K]> }
              : T extends object
                ? {
                    readonly [K in keyof T as T[K] extends Unstorable | undefined ? never : K]: JsonMember<
                      T[K]
                    >;
                  }
                : JsonValue;

// An optional member stays optional: JSON leaves `undefined` members out.
type JsonMember<T> = undefined extends T ? Json<Exclude<T, undefined>> | undefined : Json<T>;

export interface JsonLimits {
  /** Longest encoding, in characters. */
  readonly maxLength: number;
  /** Deepest nesting of arrays and objects. */
  readonly maxDepth: number;
}

/** Payloads are small: rows go through datasets. */
export const PAYLOAD_LIMITS: JsonLimits = { maxLength: 1024 * 1024, maxDepth: 64 };

/**
 * The JSON text of a value, or a ValidationError (PAYLOAD_INVALID) that names the path of what JSON cannot
 * hold or databases refuse: NaN and infinities, BigInt, functions, dates that are none, cycles, NUL characters, lone surrogates.
 * Each getter and `toJSON` is asked once, and what is too long is given up as soon as that is known.
 *
 * @param what names the value in the error, e.g. `the output of step "fetch"`.
 */
export function encodeJson(value: unknown, what: string, limits: JsonLimits = PAYLOAD_LIMITS): string {
  const encoding: Encoding = { what, limits, length: 0, path: [], above: [] };
  const plain = plainOf(value, encoding, 0);
  const text = JSON.stringify(plain) ?? "null";
  if (text.length > limits.maxLength) refuseLength(encoding, String(text.length));
  // NUL characters and halves of pairs stand in JSON as escapes: one look at the text instead of two at each text in it.
  if (text.includes("\\u")) checkTexts(plain, encoding, 0);
  return text;
}

/** One value on its way to JSON. */
interface Encoding {
  readonly what: string;
  readonly limits: JsonLimits;
  /** How long the JSON of what was seen is at the least. */
  length: number;
  /** By depth: the name of the member that is looked at; what is beyond the depth is old. */
  readonly path: (string | number)[];
  /** By depth: the objects around it. */
  readonly above: object[];
}

/** A `toJSON` may give a value that has one; none of these leads anywhere after so many. */
const MOST_CONVERSIONS = 16;

/** A copy of plain objects, arrays and primitives, so that what was checked is what is written. */
function plainOf(value: unknown, encoding: Encoding, depth: number): unknown {
  switch (typeof value) {
    case "string":
      grow(encoding, value.length + 2);
      return value;
    case "number":
      if (!Number.isFinite(value)) {
        refuse(encoding, depth, `the number ${value}, which JSON has no form for`);
      }
      grow(encoding, 1);
      return value;
    case "bigint":
      return refuse(encoding, depth, "a BigInt; convert it to a string");
    case "function":
    case "symbol":
      return refuse(encoding, depth, `a ${typeof value}`);
    case "object":
      if (value !== null) return plainObject(value, encoding, depth);
  }
  if (value !== undefined) grow(encoding, 4);
  return value;
}

function plainObject(value: object, encoding: Encoding, depth: number): unknown {
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    const plain = converted(value, encoding, depth);
    if (plain !== value) return plainOf(plain, encoding, depth);
  }
  const kind = kindOf(value);
  if (kind !== "Object" && kind !== "Array") {
    refuse(
      encoding,
      depth,
      `a ${kind}, of which JSON would keep nothing; convert it to an object, an array or a text`,
    );
  }
  const { path, above, limits } = encoding;
  for (let level = 0; level < depth; level++) {
    if (above[level] === value) refuse(encoding, depth, "a cycle");
  }
  if (depth === limits.maxDepth) refuse(encoding, Math.min(depth, 8), "nesting deeper than allowed");
  above[depth] = value;
  if (Array.isArray(value)) {
    // Each item takes a letter and a comma: what is hardly more than a length is refused before it is walked.
    const least = encoding.length + 1 + 2 * value.length;
    if (least > limits.maxLength) refuseLength(encoding, `at least ${least}`);
    grow(encoding, 1 + value.length);
    const items: unknown[] = [];
    for (let index = 0; index < value.length; index++) {
      path[depth] = index;
      items.push(plainOf(value[index], encoding, depth + 1));
    }
    return items;
  }
  grow(encoding, 2);
  const members: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    path[depth] = key;
    const member = plainOf((value as Record<string, unknown>)[key], encoding, depth + 1);
    if (member === undefined) continue;
    grow(encoding, key.length + 3);
    if (key === "__proto__") setOwn(members, key, member);
    else members[key] = member;
  }
  return members;
}

/** Names the text of a plain value that databases refuse, if there is one. */
function checkTexts(plain: unknown, encoding: Encoding, depth: number): void {
  if (typeof plain === "string") {
    if (plain.includes("\0")) refuse(encoding, depth, "a NUL character");
    if (!plain.isWellFormed()) {
      refuse(encoding, depth, "half of a surrogate pair (the text is not valid Unicode)");
    }
  }
  if (typeof plain !== "object" || plain === null) return;
  for (const [key, member] of Object.entries(plain)) {
    encoding.path[depth] = key;
    if (key.includes("\0") || !key.isWellFormed())
      refuse(encoding, depth + 1, "a key that is not valid text");
    checkTexts(member, encoding, depth + 1);
  }
}

/** What `toJSON` makes of a value: something without one, or the value itself. */
function converted(value: object, encoding: Encoding, depth: number): unknown {
  const name = String(depth === 0 ? "" : encoding.path[depth - 1]);
  let plain: unknown = value;
  for (let times = 0; times < MOST_CONVERSIONS; times++) {
    const before = plain as { toJSON?: (key: string) => unknown } | null;
    if (typeof before !== "object" || before === null || typeof before.toJSON !== "function") return plain;
    plain = before.toJSON(name);
    // Its toJSON gives null: a date that could not be read would be stored as one that was never there.
    if (plain === null && kindOf(before) === "Date") refuse(encoding, depth, "an invalid Date");
    if (plain === before) return plain;
  }
  return refuse(encoding, depth, "a toJSON that gives another value with a toJSON, again and again");
}

function setOwn(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function grow(encoding: Encoding, by: number): void {
  encoding.length += by;
  if (encoding.length > encoding.limits.maxLength) refuseLength(encoding, `at least ${encoding.length}`);
}

function refuseLength(encoding: Encoding, length: string): never {
  const { maxLength } = encoding.limits;
  return refuse(
    encoding,
    0,
    `its JSON has ${length} characters, the limit is ${maxLength}; keep rows in a dataset`,
  );
}

function refuse({ path, what }: Encoding, depth: number, why: string): never {
  const at = path.slice(0, depth).join(".");
  throw new ValidationError(`${sentence(what)} cannot be stored: ${why}${depth === 0 ? "" : ` at ${at}`}.`, {
    code: "PAYLOAD_INVALID",
    detail: { path: at, reason: why },
  });
}

/** `Date`, `Map`, `Object`, …: what a value is, of whichever realm. */
function kindOf(value: object): string {
  // Nearly all values; asking for the tag takes longer than all the rest of the check.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype && !(Symbol.toStringTag in value)) return "Object";
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/** Parses stored JSON; drops `__proto__` keys, which would change the prototype of what is built from them. */
export function decodeJson(text: string): JsonValue {
  return JSON.parse(text, text.includes("__proto__") ? dropProto : undefined);
}

function dropProto(this: unknown, key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value;
}

/** Freezes a JSON value and everything in it; returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

/** JSON with object keys in sorted order: equal values have equal text, whatever order they were built in. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
