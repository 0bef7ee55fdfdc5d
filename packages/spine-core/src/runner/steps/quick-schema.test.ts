import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { quickSchema } from "./quick-schema.ts";

const FIELDS = {
  text: [z.string(), "x"],
  "text of a length": [z.string().min(1).max(3), "ab"],
  "text of one length": [z.string().length(2), "ab"],
  pattern: [z.string().regex(/^a+$/), "aa"],
  "three checks": [z.string().min(2).max(6).regex(/^\d/), "12"],
  date: [z.iso.date(), "2024-02-29"],
  uuid: [z.uuid(), "00000000-0000-0000-0000-000000000000"],
  number: [z.number(), 1.5],
  "whole number": [z.int().min(-2).max(7), 7],
  "number in a range": [z.number().gt(0.5).lt(9), 1],
  "whole by check": [z.number().int(), 3],
  boolean: [z.boolean(), false],
  enum: [z.enum(["a", "b"]), "b"],
  literal: [z.literal("a"), "a"],
  nullable: [z.string().max(2).nullable(), null],
};
const NOT_SO_SIMPLE = {
  refined: z.string().refine((text) => text !== "a"),
  trimmed: z.string().trim(),
  "with a default": z.string().default("a"),
  coerced: z.coerce.number(),
  transformed: z.string().transform((text) => text.length),
  "of two types": z.union([z.string(), z.number()]),
  optional: z.string().optional(),
  email: z.email(),
  url: z.url(),
  "global pattern": z.string().regex(/a/g),
  date: z.date(),
  multiple: z.number().multipleOf(0.1),
  "of numbers": z.literal([1, 2]),
  "checked sometimes": z.string().check(z.minLength(1, { when: () => false } as never)),
};
const VALUES = fc.oneof(
  fc.constantFrom<unknown[]>(
    "",
    "a",
    "b",
    "aa",
    "12",
    "1a2b",
    "2024-02-29",
    "2023-02-29",
    "\u{1F600}",
    null,
    undefined,
    0,
    -0,
    1,
    0.5,
    0.6,
    7,
    9,
    1e300,
  ),
  fc.constantFrom<unknown[]>(
    Number.NaN,
    Infinity,
    -Infinity,
    2 ** 53,
    true,
    false,
    [],
    {},
    1n,
    new Date(0),
    Symbol.iterator,
  ),
  fc.string({ maxLength: 4 }),
  fc.double(),
  fc.integer(),
  fc.uuid(),
  fc.anything(),
);

describe("a row", () => {
  test.each(Object.entries(FIELDS))(
    "with a field that is %s is what the schema says",
    (_name, [field, fitting]) => {
      const schema = z.object({ before: z.string(), field });
      const quick = quickSchema(schema);
      const fits = { before: "x", field: fitting };
      expect(quick?.(fits)).toEqual(fits);
      fc.assert(
        fc.property(VALUES, fc.oneof(fc.string(), VALUES), (value, before) => {
          const row = { field: value, other: 1, before };
          const said = schema.safeParse(row);
          const quickly = quick?.(row);
          // A yes is the schema's, with the same fields in the same order; a no only asks the schema.
          if (quickly) expect(said.success && Object.entries(said.data)).toEqual(Object.entries(quickly));
        }),
        { numRuns: 400 },
      );
    },
  );

  test.each([[null], [undefined], [7], ["text"], [[]], [["x"]]])("%j is none", (row) => {
    expect(quickSchema(z.object({}))?.(row)).toBeUndefined();
  });

  test("may have its fields from a prototype, as the schema takes them", () => {
    const schema = z.object({ a: z.string() });
    const row = Object.create({ a: "x" }) as object;
    expect(quickSchema(schema)?.(row)).toEqual(schema.parse(row));
  });
});

describe("is for the schema itself", () => {
  test.each(Object.entries(NOT_SO_SIMPLE))("a field that is %s", (_name, field) => {
    expect(quickSchema(z.object({ field }))).toBeNull();
  });

  test("a schema that does more with the row, or is none of an object", () => {
    const object = z.object({ a: z.string() });
    for (const schema of [
      z.strictObject({ a: z.string() }),
      z.looseObject({}),
      object.refine(() => true),
      object.readonly(),
      z.string(),
    ])
      expect(quickSchema(schema)).toBeNull();
  });
});
