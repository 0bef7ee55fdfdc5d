import { aBoolean, anObject, checkArgument } from "../check-options.ts";
import type { DatasetSchema, JsonType } from "../data/dataset.ts";
import type { ColumnSpec } from "../data/table.ts";
import type { JsonValue } from "../json.ts";
import {
  defineCheck,
  givenOptions,
  ROW_CHECK,
  type RowCheckOptions,
  refuse,
  verdictOn,
} from "./define-check.ts";
import type { QualityCheck } from "./quality-check.ts";

/** What a column may hold: a type of columns (`"decimal?"` may be null), a type of JSON, or several of JSON. */
export type SchemaColumn = ColumnSpec | JsonType | readonly JsonType[];

const JSON_TYPES: readonly JsonType[] = ["null", "boolean", "number", "string", "array", "object"];
/** What JSON has of each type of columns. */
const OF_COLUMNS: Readonly<Record<string, readonly JsonType[]>> = {
  text: ["string"],
  date: ["string"],
  timestamp: ["string"],
  decimal: ["string", "number"],
  integer: ["number"],
  boolean: ["boolean"],
  json: ["boolean", "number", "string", "array", "object"],
};

/**
 * The dataset has these columns, with values of these types; with `exact` no others. It looks at the columns that were seen
 * while the dataset was written, and counts columns that do not fit. Without rows it is SKIPPED.
 *
 * @throws SpineError CONFIG_INVALID for a type that does not exist.
 * @example schema({ symbol: "text", shares: "decimal", note: ["string", "null"] }, { exact: true })
 */
export function schema(
  columns: Readonly<Record<string, SchemaColumn>>,
  options: RowCheckOptions & { readonly exact?: boolean } = {},
): QualityCheck<object> {
  checkArgument("columns", columns, anObject, { of: "schema", code: "CONFIG_INVALID" });
  const { exact = false, ...rest } = givenOptions("schema", options);
  if (!aBoolean.fits(exact)) refuse("The option `exact` of schema is true or false.");
  const wanted = new Map(Object.entries(columns).map(([name, spec]) => [name, typesOf(name, spec)]));
  const expected = exact ? `exactly ${wanted.size} columns of these types` : "columns of these types";
  const verdict = verdictOn("schema", rest, expected);
  const start: QualityCheck<object>["start"] = (input) => {
    const known = input.schema;
    const seen = new Map<string, Set<JsonType>>();
    const see = (name: string, value: unknown) => {
      if (value === undefined) return;
      const types = seen.get(name);
      if (types) types.add(typeOf(value));
      else seen.set(name, new Set([typeOf(value)]));
    };
    return {
      add(row) {
        if (known !== undefined) return;
        for (const [name, value] of Object.entries(row)) see(name, value);
      },
      addColumns(block) {
        if (known !== undefined) return;
        for (const [at, name] of block.keys.entries()) for (const value of block.values(at)) see(name, value);
      },
      finish() {
        if (input.rows === 0) return { status: "SKIPPED", message: "there are no rows" };
        const found =
          known ?? Object.fromEntries([...seen].map(([name, types]) => [name, [...types].sort()]));
        const wrong = misfits(found, wanted, exact);
        const finding = verdict({ count: wrong.length, samples: wrong });
        const message = wrong.length === 0 ? "all columns fit" : wrong.join("; ");
        return { ...finding, message, rowsFailed: 0 };
      },
      save: () => Object.fromEntries([...seen].map(([name, types]) => [name, [...types]])),
      restore(state: JsonValue) {
        seen.clear();
        for (const [name, types] of Object.entries(state as DatasetSchema)) seen.set(name, new Set(types));
      },
    };
  };
  return defineCheck("schema", "INTEGRITY", rest, "constant", start, ROW_CHECK);
}

function misfits(
  found: DatasetSchema,
  wanted: ReadonlyMap<string, readonly JsonType[]>,
  exact: boolean,
): string[] {
  const wrong: string[] = [];
  for (const [name, types] of wanted) {
    const has = Object.hasOwn(found, name) ? found[name] : undefined;
    const others = has?.filter((type) => !types.includes(type));
    if (has === undefined) wrong.push(`${name} is missing`);
    else if (others && others.length > 0) {
      wrong.push(`${name} holds ${others.join(", ")}, expected ${types.join(" or ")}`);
    }
  }
  if (!exact) return wrong;
  return [
    ...wrong,
    ...Object.keys(found).flatMap((name) => (wanted.has(name) ? [] : [`${name} is not expected`])),
  ];
}

function typesOf(name: string, spec: SchemaColumn): readonly JsonType[] {
  if (typeof spec !== "string") {
    const strange = Array.isArray(spec) ? spec.find((type) => !JSON_TYPES.includes(type)) : spec;
    if (strange === undefined) return spec;
    refuse(`schema: "${String(strange)}" of "${name}" is no type of JSON. Use ${JSON_TYPES.join(", ")}.`);
  }
  if (JSON_TYPES.includes(spec as JsonType)) return [spec as JsonType];
  const base = spec.replace(/\?$/, "");
  const types = Object.hasOwn(OF_COLUMNS, base) ? OF_COLUMNS[base] : undefined;
  if (types === undefined) {
    const known = [...JSON_TYPES, ...Object.keys(OF_COLUMNS)].join(", ");
    refuse(`schema: "${spec}" of "${name}" is no type. Use ${known}, or a list of types of JSON.`);
  }
  return spec.endsWith("?") ? [...types, "null"] : types;
}

function typeOf(value: unknown): JsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  const type = typeof value;
  return type === "boolean" || type === "number" || type === "string" ? type : "object";
}
