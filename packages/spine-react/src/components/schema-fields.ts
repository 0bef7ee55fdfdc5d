import type { LabelKey } from "./labels.ts";

// The part of JSON Schema that forms are made of; everything else is put in as JSON.

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** How a parameter is put in. */
export type FieldKind =
  | "text"
  | "long"
  | "date"
  | "url"
  | "number"
  | "integer"
  | "yes"
  | "choice"
  | "list"
  | "group"
  | "json";

export interface FormField {
  /** By JSON Pointer, as the server names it in errors: `/source/url`. */
  readonly path: string;
  readonly name: string;
  readonly kind: FieldKind;
  readonly label: string;
  readonly hint: string | null;
  readonly isRequired: boolean;
  readonly isNullable: boolean;
  readonly options: readonly unknown[];
  readonly fields: readonly FormField[];
  /** Of a list: what its items are. */
  readonly item: "text" | "number";
  readonly default: unknown;
  readonly least: number | undefined;
  readonly most: number | undefined;
}

/** What stands in the inputs, by path: texts, and booleans of boxes. */
export type Entries = Readonly<Record<string, string | boolean>>;

const DEEPEST = 3;
/** Longer texts get more than a line. */
const LONG = 300;

/** The fields of an object's schema; null for what is no object, or none whose members are known. */
export function fieldsOf(schema: unknown): readonly FormField[] | null {
  const root = (schema ?? {}) as Schema;
  const known = resolve(root, root);
  if (known.type !== "object" || !known.properties) return null;
  return membersOf(known, root, "", 1);
}

function membersOf(schema: Schema, root: Schema, above: string, depth: number): readonly FormField[] {
  return Object.entries(schema.properties ?? {})
    .filter(([, member]) => resolve(member, root).const === undefined)
    .map(([name, member]) => {
      const path = `${above}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      return fieldOf({
        name,
        path,
        member,
        root,
        depth,
        isRequired: schema.required?.includes(name) ?? false,
      });
    });
}

interface Member {
  readonly name: string;
  readonly path: string;
  readonly member: Schema;
  readonly root: Schema;
  readonly depth: number;
  readonly isRequired: boolean;
}

function fieldOf({ name, path, member, root, depth, isRequired }: Member): FormField {
  const found = resolve(member, root);
  const choices = found.anyOf ?? found.oneOf ?? [];
  const isNull = (each: Schema) => each.type === "null";
  const rest = choices.filter((each) => !isNull(each));
  const types = Array.isArray(found.type) ? (found.type as readonly string[]) : null;
  const isNullable = choices.some(isNull) || (types?.includes("null") ?? false);
  const only = rest.length === 1 && rest[0] ? resolve(rest[0], root) : found;
  const own = types?.filter((each) => each !== "null") ?? [];
  // Of several types nobody knows which one a text is meant as.
  const type = own.length > 1 ? "any" : (own[0] ?? only.type);
  const schema: Schema = { ...only, ...(typeof type === "string" ? { type } : {}) };
  const kind = rest.length > 1 ? (constsOf(rest) ? "choice" : "json") : kindOf(schema, root, depth);
  return {
    path,
    name,
    kind,
    label: found.title ?? schema.title ?? titleOf(name),
    hint: found.description ?? schema.description ?? null,
    isRequired: isRequired && found.default === undefined,
    isNullable,
    options: rest.length > 1 ? (constsOf(rest) ?? []) : (schema.enum ?? []).filter((each) => each !== null),
    fields: kind === "group" ? membersOf(schema, root, path, depth + 1) : [],
    item:
      schema.items && /^(number|integer)$/.test(String(resolve(schema.items, root).type)) ? "number" : "text",
    default: found.default ?? schema.default,
    least: bounded(schema.minimum),
    most: bounded(schema.maximum),
  };
}

/** `week_ending` as `Week ending`. */
function titleOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}

/** Schemas of whole numbers name the limits of what a number can hold: these say nothing to people. */
function bounded(limit: number | undefined): number | undefined {
  return limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER ? limit : undefined;
}

function constsOf(schemas: readonly Schema[]): readonly unknown[] | null {
  return schemas.every((each) => each.const !== undefined) ? schemas.map((each) => each.const) : null;
}

function kindOf(schema: Schema, root: Schema, depth: number): FieldKind {
  if (schema.enum) return "choice";
  switch (schema.type) {
    case "string":
      if (schema.format === "date") return "date";
      if (schema.format === "uri") return "url";
      return (schema.maxLength ?? 0) > LONG ? "long" : "text";
    case "number":
    case "integer":
      return schema.type;
    case "boolean":
      return "yes";
    case "array": {
      const item = schema.items && resolve(schema.items, root);
      return item && !item.enum && /^(string|number|integer)$/.test(String(item.type)) ? "list" : "json";
    }
    case "object":
      return schema.properties && depth < DEEPEST ? "group" : "json";
    default:
      return "json";
  }
}

/** What a reference inside of the document points to. */
function resolve(schema: Schema, root: Schema): Schema {
  const [, name] = /^#\/\$defs\/(.+)$/.exec(schema.$ref ?? "") ?? [];
  const found = name === undefined ? undefined : root.$defs?.[name];
  return found ? { ...found, ...schema } : schema;
}

/** What stands in the inputs at first: what is given, else the defaults. */
export function entriesOf(fields: readonly FormField[], given: unknown): Entries {
  const entries: Record<string, string | boolean> = {};
  for (const field of fields) {
    const members = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>;
    const value = members[field.name] ?? field.default;
    if (field.kind === "group") Object.assign(entries, entriesOf(field.fields, value));
    else if (value !== undefined && value !== null) entries[field.path] = entryOf(field, value);
  }
  return entries;
}

function entryOf({ kind, options }: FormField, value: unknown): string | boolean {
  if (kind === "yes") return value === true;
  if (kind === "choice") return String(options.indexOf(value));
  if (kind === "list" && Array.isArray(value)) return value.join("\n");
  return kind === "json" ? JSON.stringify(value, null, 2) : String(value);
}

/** The parameters that the inputs say, and what is wrong with them, by path. */
export function paramsOf(
  fields: readonly FormField[],
  entries: Entries,
): {
  readonly params: Readonly<Record<string, unknown>>;
  readonly errors: Readonly<Record<string, LabelKey>>;
} {
  const params: Record<string, unknown> = {};
  const errors: Record<string, LabelKey> = {};
  for (const field of fields) {
    if (field.kind === "group") {
      const inner = paramsOf(field.fields, entries);
      const isGiven = Object.keys(inner.params).length > 0;
      // An object that may be left out, and of which nothing was put in, is left out.
      if (!field.isRequired && !isGiven) continue;
      params[field.name] = inner.params;
      Object.assign(errors, inner.errors);
      continue;
    }
    const entry = entries[field.path];
    if (entry === undefined || entry === "") {
      if (field.isRequired && field.kind === "yes") params[field.name] = false;
      else if (field.isRequired && field.isNullable) params[field.name] = null;
      else if (field.isRequired && field.kind === "list") params[field.name] = [];
      else if (field.isRequired) errors[field.path] = "isRequired";
      continue;
    }
    const read = readOf(field, entry);
    if (read.error) errors[field.path] = read.error;
    else params[field.name] = read.value;
  }
  return { params, errors };
}

function readOf(
  field: FormField,
  entry: string | boolean,
): { readonly value?: unknown; readonly error?: LabelKey } {
  if (typeof entry === "boolean") return { value: entry };
  switch (field.kind) {
    case "number":
    case "integer":
      return Number.isFinite(Number(entry)) ? { value: Number(entry) } : { error: "notANumber" };
    case "choice":
      return { value: field.options[Number(entry)] };
    case "list": {
      const lines = entry
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean);
      if (field.item === "text") return { value: lines };
      const numbers = lines.map(Number);
      return numbers.every(Number.isFinite) ? { value: numbers } : { error: "notANumber" };
    }
    case "json":
      try {
        return { value: JSON.parse(entry) as unknown };
      } catch {
        return { error: "notJson" };
      }
    default:
      return { value: entry };
  }
}
