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
 *
 * @param what names the value in the error, e.g. `the output of step "fetch"`.
 */
export function encodeJson(value: unknown, what: string, limits: JsonLimits = PAYLOAD_LIMITS): string {
  const refuse = (path: readonly string[], why: string): never => {
    const at = path.length === 0 ? "" : ` at ${path.join(".")}`;
    throw new ValidationError(`${sentence(what)} cannot be stored: ${why}${at}.`, {
      code: "PAYLOAD_INVALID",
      detail: { path: path.join("."), reason: why },
    });
  };
  check(value, [], new Set(), limits.maxDepth, refuse);
  const text = JSON.stringify(value) ?? "null";
  if (text.length > limits.maxLength) {
    refuse(
      [],
      `its JSON has ${text.length} characters, the limit is ${limits.maxLength}; keep rows in a dataset`,
    );
  }
  return text;
}

type Refuse = (path: readonly string[], why: string) => never;

function check(value: unknown, path: string[], above: Set<object>, depthLeft: number, refuse: Refuse): void {
  switch (typeof value) {
    case "string":
      if (value.includes("\0")) refuse(path, "a NUL character");
      if (!value.isWellFormed()) refuse(path, "half of a surrogate pair (the text is not valid Unicode)");
      return;
    case "number":
      if (!Number.isFinite(value)) refuse(path, `the number ${value}, which JSON has no form for`);
      return;
    case "bigint":
      refuse(path, "a BigInt; convert it to a string");
      return;
    case "function":
    case "symbol":
      refuse(path, `a ${typeof value}`);
      return;
    case "object":
      break;
    default:
      return;
  }
  if (value === null) return;
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    const plain: unknown = (value as { toJSON(): unknown }).toJSON();
    // Its toJSON gives null: a date that could not be read would be stored as one that was never there.
    if (plain === null && kindOf(value) === "Date") refuse(path, "an invalid Date");
    if (plain !== value) {
      check(plain, path, above, depthLeft, refuse);
      return;
    }
  }
  const kind = kindOf(value);
  if (kind !== "Object" && kind !== "Array") {
    refuse(path, `a ${kind}, of which JSON would keep nothing; convert it to an object, an array or a text`);
  }
  if (above.has(value)) refuse(path, "a cycle");
  if (depthLeft === 0) refuse(path.slice(0, 8), "nesting deeper than allowed");
  above.add(value);
  for (const [key, member] of Object.entries(value)) {
    path.push(key);
    if (key.includes("\0") || !key.isWellFormed()) refuse(path, "a key that is not valid text");
    check(member, path, above, depthLeft - 1, refuse);
    path.pop();
  }
  above.delete(value);
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
