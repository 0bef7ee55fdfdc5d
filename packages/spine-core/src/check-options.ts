import { type Duration, toMs } from "./duration.ts";
import { type ErrorCode, SpineError, ValidationError } from "./errors.ts";
import { shown } from "./shown.ts";

/** What an option can be. */
export interface OptionKind {
  /** For the refusal: `a function`. */
  readonly is: string;
  readonly fits: (value: unknown) => boolean;
  /** It cannot be left out. */
  readonly required?: boolean;
}

/** Every option of an object, by name: the compiler refuses a table that lacks one. */
export type OptionKinds<T = unknown> = Readonly<Record<keyof T & string, OptionKind>>;

/** Whose options they are, and how they are refused. */
export interface OptionsOf {
  /** `a run`, `createSpine`. */
  readonly of: string;
  /** What one of them is called; `option` when left out. */
  readonly called?: string;
  /** How the whole of them is called in the issues; `options` when left out. */
  readonly name?: string;
  /** VALIDATION_FAILED when left out. */
  readonly code?: ErrorCode;
}

/**
 * Refuses options that are no object, an option that does not exist (one that is misspelt would be ignored), and one of another
 * kind. What is undefined counts as left out.
 *
 * @throws SpineError that names the option; `detail.issues` has its path.
 */
export function checkOptions(
  given: unknown,
  kinds: Readonly<Record<string, OptionKind>>,
  whose: OptionsOf,
): void {
  const { of, called = "option", name = "options" } = whose;
  if (!isObject(given)) {
    const needs = called !== "option" || Object.values(kinds).some((kind) => kind.required);
    const is = needs ? "are an object" : "are an object, or left out";
    throw refuse(whose, `The ${called}s of ${of} (\`${name}\`) ${is}; ${shown(given)} was given.`, name, is);
  }
  for (const option in given) {
    const value = given[option];
    if (value === undefined) continue;
    const kind = Object.hasOwn(kinds, option) ? kinds[option] : undefined;
    if (kind === undefined) {
      const names = Object.keys(kinds).map((known) => `\`${known}\``);
      const message = `is no ${called} of ${of}. There ${names.length === 1 ? "is" : "are"} ${names.join(", ")}`;
      throw refuse(whose, `\`${option.slice(0, 120)}\` ${message}.`, option, message);
    }
    if (!kind.fits(value)) throw wrong(whose, option, kind, value);
  }
  for (const option in kinds) {
    const kind = kinds[option];
    if (kind?.required && given[option] === undefined) throw wrong(whose, option, kind, undefined);
  }
}

/** The same for one argument. @throws SpineError that names it. */
export function checkArgument(name: string, given: unknown, kind: OptionKind, whose: OptionsOf): void {
  if (!kind.fits(given)) throw wrong({ called: "argument", ...whose }, name, kind, given);
}

function wrong(whose: OptionsOf, option: string, { is }: OptionKind, given: unknown): SpineError {
  // Of one that is looked at elsewhere there is no more to say.
  const message = is === anything.is ? "cannot be left out" : `is ${is}`;
  const what = `The ${whose.called ?? "option"} \`${option}\` of ${whose.of}`;
  return refuse(whose, `${what} ${message}; ${shown(given)} was given.`, option, message);
}

function refuse({ code }: OptionsOf, text: string, path: string, message: string): SpineError {
  const detail = { issues: [{ path: `/${path}`, message }] };
  return code === undefined ? new ValidationError(text, { detail }) : new SpineError(code, text, { detail });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function required(kind: OptionKind): OptionKind {
  return { ...kind, required: true };
}

export function oneOf(words: readonly string[]): OptionKind {
  return {
    is: words.map((word) => `"${word}"`).join(" or "),
    fits: (value) => words.includes(value as string),
  };
}

/** An object with these functions. */
export function withFunctions(is: string, ...names: readonly string[]): OptionKind {
  return {
    is,
    fits: (value) =>
      (isObject(value) || typeof value === "function") &&
      names.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === "function"),
  };
}

/** Looked at elsewhere. */
export const anything: OptionKind = { is: "anything", fits: () => true };
export const aFunction: OptionKind = { is: "a function", fits: (value) => typeof value === "function" };
export const aText: OptionKind = { is: "a text", fits: (value) => typeof value === "string" };
export const aBoolean: OptionKind = { is: "true or false", fits: (value) => typeof value === "boolean" };
export const aCount: OptionKind = {
  is: "a whole number from 0",
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
};
export const aList: OptionKind = { is: "a list", fits: Array.isArray };
export const anObject: OptionKind = { is: "an object", fits: isObject };
export const aSchema = withFunctions("a zod schema", "safeParse", "safeParseAsync");
export const aDuration: OptionKind = {
  is: 'a duration: milliseconds, or a text such as "30s"',
  fits: (value) => msOf(value) !== null,
};
/** Time for something to happen in. */
export const aTimeLimit: OptionKind = {
  is: 'a duration above 0: milliseconds, or a text such as "30s"',
  fits: (value) => (msOf(value) ?? 0) > 0,
};

function msOf(value: unknown): number | null {
  try {
    return toMs(value as Duration);
  } catch {
    return null;
  }
}
