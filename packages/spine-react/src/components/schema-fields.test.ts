import { expect, test } from "vitest";
import { z } from "zod";
import { entriesOf, fieldsOf, paramsOf } from "./schema-fields.ts";
import { paramsSchema } from "./testing/fixtures.ts";

const fields = fieldsOf(paramsSchema) ?? [];

test("a field for each parameter, of its kind", () => {
  expect(fields.map(({ path, kind, isRequired }) => [path, kind, isRequired])).toEqual([
    ["/tier", "choice", true],
    ["/week_ending", "date", true],
    ["/limit", "integer", false],
    ["/dry", "yes", false],
    ["/symbols", "list", false],
    ["/source", "group", false],
    ["/note", "long", false],
  ]);
  expect(fields[5]?.fields.map(({ path, kind }) => [path, kind])).toEqual([
    ["/source/url", "url"],
    ["/source/api_key", "text"],
  ]);
});

test("what zod says of schemas is understood", () => {
  const schema = z.toJSONSchema(
    z.object({
      count: z.int().min(1),
      price: z.number().nullable(),
      kind: z.union([z.literal("a"), z.literal("b")]),
      level: z.enum(["low", "high"]).default("low"),
      any: z.union([z.string(), z.number()]),
      map: z.record(z.string(), z.number()),
      deep: z.object({ a: z.object({ b: z.object({ c: z.string() }) }) }),
      numbers: z.array(z.number()).optional(),
    }),
    { io: "input" },
  );
  const found = fieldsOf(schema) ?? [];
  expect(Object.fromEntries(found.map(({ name, kind }) => [name, kind]))).toEqual({
    count: "integer",
    price: "number",
    kind: "choice",
    level: "choice",
    any: "json",
    map: "json",
    deep: "group",
    numbers: "list",
  });
  expect(found.find(({ name }) => name === "level")?.isRequired).toBe(false);
  expect(fieldsOf({ type: "array" })).toBeNull();
  expect(fieldsOf(null)).toBeNull();
  const read = paramsOf(found, {
    "/count": "3",
    "/kind": "1",
    "/level": "1",
    "/any": '"x"',
    "/map": '{"a":1}',
    "/deep/a/b": '{"c":"d"}',
    "/numbers": "1\n2.5\n",
  });
  expect(read.errors).toEqual({});
  expect(read.params).toEqual({
    count: 3,
    price: null,
    kind: "b",
    level: "high",
    any: "x",
    map: { a: 1 },
    deep: { a: { b: { c: "d" } } },
    numbers: [1, 2.5],
  });
});

test("what was given goes through the inputs and comes back the same", () => {
  const given = {
    tier: "T2",
    week_ending: "2026-11-20",
    limit: 12,
    dry: true,
    symbols: ["AAPL", "BRK.A"],
    source: { url: "https://example.com" },
    note: "two\nlines",
  };
  expect(paramsOf(fields, entriesOf(fields, given))).toEqual({ params: given, errors: {} });
});

test("what is left out is left out; what is wrong is said by path", () => {
  expect(paramsOf(fields, entriesOf(fields, {}))).toEqual({
    params: { limit: 5_000, dry: false },
    errors: { "/tier": "isRequired", "/week_ending": "isRequired" },
  });
  const entries = {
    "/tier": "0",
    "/week_ending": "2026-11-20",
    "/limit": "many",
    "/source/api_key": "env:KEY",
  };
  expect(paramsOf(fields, entries).errors).toEqual({
    "/limit": "notANumber",
    "/source/url": "isRequired",
  });
});
