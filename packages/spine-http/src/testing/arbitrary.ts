import fc from "fast-check";
import { z } from "zod";

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

const INLINE = z.registry<{ id?: string }>();

/** Values that a schema takes, as they are sent; some it refuses all the same, where it says more than JSON Schema can. */
export function arbitraryOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  return valuesOf(
    z.toJSONSchema(schema, {
      io: "input",
      reused: "inline",
      metadata: INLINE,
      unrepresentable: "any",
    }) as Schema,
  );
}

/** Anything that JSON can be, names that mean something elsewhere included. */
export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "\0",
    "\ud800",
    "",
    " ",
    "../../etc/passwd",
    "' OR 1=1 --",
    "💥",
    1e308,
    -0,
  ),
  fc.dictionary(
    fc.constantFrom("__proto__", "constructor", "toString", "params", "id", "a/b~c"),
    fc.jsonValue({ maxDepth: 1 }),
  ),
);

function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(valuesOf));
  switch (schema.type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({
        min: Math.max(schema.minimum ?? -1e6, -2e9),
        max: Math.min(schema.maximum ?? 1e6, 2e9),
      });
    case "number":
      return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true });
    case "string":
      return textsOf(schema);
    case "array":
      return fc.array(valuesOf(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 3, 3),
      });
    case "object":
      return objectsOf(schema);
    default:
      return anyJson;
  }
}

function textsOf({ format, pattern, minLength = 0, maxLength = 20 }: Schema): fc.Arbitrary<string> {
  if (format === "date") return fc.constantFrom("2025-01-06", "2025-02-28", "1999-12-31");
  if (format === "date-time")
    return fc.constantFrom("2026-01-05T09:00:00Z", "2020-02-29T23:59:59.999Z", "2099-01-01T00:00:00+02:00");
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  const length = { minLength, maxLength: Math.max(minLength, Math.min(maxLength, 20)) };
  return fc.oneof(
    fc.string({ ...length, unit: "grapheme" }),
    fc.constantFrom("demo.hello", "demo.rows", "clean", "fetch", "30s", "go"),
  );
}

function objectsOf({ properties = {}, required = [], additionalProperties }: Schema): fc.Arbitrary<unknown> {
  const known = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, valuesOf(member)])),
    {
      requiredKeys: required.filter((name) => name in properties),
    },
  );
  if (typeof additionalProperties !== "object") return known;
  const more = fc.dictionary(fc.string({ maxLength: 5 }), valuesOf(additionalProperties), { maxKeys: 3 });
  return fc.tuple(known, more).map(([one, other]) => ({ ...one, ...other }));
}
