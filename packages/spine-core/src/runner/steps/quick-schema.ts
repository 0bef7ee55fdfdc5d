import { type ZodType, z } from "zod";
import type { Row } from "../../sources/source.ts";

/** What a schema makes of a row that fits it; undefined where that is for the schema itself to say. */
export type QuickSchema = (made: unknown) => Row | undefined;

type Fits = (value: unknown) => boolean;
type Def = Readonly<Record<string, unknown>> & { readonly type?: string };

/**
 * A schema of plain fields (texts, numbers, booleans, enums, literals; with limits, patterns, null) as a few comparisons: most rows
 * fit, and for those the schema itself takes five times as long. It says yes only where the schema would, and makes the same row.
 * Null for a schema that does anything else, such as a refinement, a default or a transformation.
 */
export function quickSchema(schema: ZodType): QuickSchema | null {
  const def = defOf(schema);
  if (def.type !== "object" || def.catchall !== undefined || hasChecks(def)) return null;
  const shape = def.shape as Readonly<Record<string, unknown>>;
  const names = Object.keys(shape);
  const fields: Fits[] = [];
  for (const name of names) {
    const fits = name === "__proto__" ? null : fitsOf(defOf(shape[name]));
    if (!fits) return null;
    fields.push(fits);
  }
  return (made) => {
    if (typeof made !== "object" || made === null || Array.isArray(made)) return undefined;
    const given = made as Row;
    const row: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index += 1) {
      const name = names[index] as string;
      const value = given[name];
      if (!(fields[index] as Fits)(value)) return undefined;
      row[name] = value;
    }
    return row;
  };
}

function defOf(schema: unknown): Def {
  return (schema as { readonly _zod: { readonly def: Def } })._zod.def;
}

function checksOf(def: Def): readonly Def[] {
  return ((def.checks ?? []) as readonly unknown[]).map(defOf);
}

function hasChecks(def: Def): boolean {
  return checksOf(def).length > 0;
}

/** Null where it is not as simple as that. */
function fitsOf(def: Def): Fits | null {
  switch (def.type) {
    case "string":
    case "number":
      return withChecks(def);
    case "boolean":
      return def.coerce || hasChecks(def) ? null : (value) => typeof value === "boolean";
    case "nullable": {
      const inner = hasChecks(def) ? null : fitsOf(defOf(def.innerType));
      return inner && ((value) => value === null || inner(value));
    }
    case "enum":
    case "literal": {
      const values = (def.values ?? Object.values(def.entries as object)) as readonly unknown[];
      // Enums of numbers have their names among the entries.
      if (hasChecks(def) || !values.every((value) => typeof value === "string")) return null;
      const known = new Set(values);
      return (value) => known.has(value as string);
    }
    default:
      return null;
  }
}

function withChecks(def: Def): Fits | null {
  if (def.coerce) return null;
  // A format of its own (`z.int()`, `z.iso.date()`) stands in the definition like a check.
  const checks = def.check === undefined ? checksOf(def) : [def, ...checksOf(def)];
  const all: Fits[] = [];
  for (const check of checks) {
    const fits = checkOf(check);
    if (!fits) return null;
    all.push(fits);
  }
  const isOfType: Fits =
    def.type === "string" ? (value) => typeof value === "string" : (value) => Number.isFinite(value);
  const [first, second, ...more] = all;
  if (!first) return isOfType;
  if (!second) return (value) => isOfType(value) && first(value);
  return (value) => isOfType(value) && first(value) && second(value) && more.every((fits) => fits(value));
}

/** The condition that zod itself gives to checks of a length: that there is one. */
const FOR_ALL_TEXTS = textOf(checksOf(defOf(z.string().min(1)))[0]?.when);
/** Formats that are their pattern and nothing else. */
const BY_PATTERN: ReadonlySet<unknown> = new Set(["regex", "date", "datetime", "time", "uuid"]);

function checkOf(check: Def): Fits | null {
  const {
    check: kind,
    minimum,
    maximum,
    length,
    value: limit,
    inclusive,
    format,
    pattern,
  } = check as unknown as Check;
  if (check.when !== undefined && textOf(check.when) !== FOR_ALL_TEXTS) return null;
  switch (kind) {
    case "min_length":
      return (value) => lengthOf(value as string) >= minimum;
    case "max_length":
      return (value) => lengthOf(value as string) <= maximum;
    case "length_equals":
      return (value) => lengthOf(value as string) === length;
    case "greater_than":
      if (typeof limit !== "number") return null;
      return inclusive ? (value) => (value as number) >= limit : (value) => (value as number) > limit;
    case "less_than":
      if (typeof limit !== "number") return null;
      return inclusive ? (value) => (value as number) <= limit : (value) => (value as number) < limit;
    case "number_format":
      return format === "safeint" ? Number.isSafeInteger : null;
    case "string_format":
      // One that is global or sticky goes on where it was.
      if (!BY_PATTERN.has(format) || !(pattern instanceof RegExp) || pattern.global || pattern.sticky)
        return null;
      return (value) => pattern.test(value as string);
    default:
      return null;
  }
}

function textOf(code: unknown): string | null {
  return typeof code === "function" ? Function.prototype.toString.call(code) : null;
}

/** How long zod takes a text for: the schema says it itself of one with characters that are two of JavaScript's. */
function lengthOf(text: string): number {
  return SURROGATE.test(text) ? Number.NaN : text.length;
}

const SURROGATE = /[\uD800-\uDFFF]/;

interface Check {
  readonly check: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly length: number;
  readonly value: unknown;
  readonly inclusive: boolean;
  readonly format: string;
  readonly pattern: unknown;
}
