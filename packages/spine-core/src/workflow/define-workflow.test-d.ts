import { expectTypeOf } from "vitest";
import { z } from "zod";
import type { DatasetRef } from "../data/dataset.ts";
import { defineTable } from "../data/table.ts";
import type { Plugin } from "../plugin.ts";
import { secret } from "../secret.ts";
import type { Source } from "../sources/source.ts";
import { defineWorkflow } from "./define-workflow.ts";
import { reject } from "./rejection.ts";
import type { InputOf, OutputsOf } from "./workflow.ts";

declare const src: Source<{ path: string }, { a: string; b: string }>;
const t = defineTable({
  name: "t",
  columns: { a: "text", n: "integer", d: "decimal", x: "text?" },
  key: ["a"],
});
const wf = defineWorkflow({
  name: "x",
  params: z.object({ p: z.string(), q: z.number().default(1) }),
  partition: ({ params }) => ({ p: params.p }),
})
  .step("hello", ({ params }) => ({ when: new Date(), q: params.q }))
  .fetch("fetch", { from: src, request: ({ params }) => ({ path: params.p }) })
  .transform("tr", {
    from: "fetch",
    row: (row) => (row.a === "" ? reject("X", "no") : { a: row.a, n: 1, d: "1.5" }),
    schema: z.object({ a: z.string(), n: z.number(), d: z.string() }),
  })
  .quality("q", {
    on: "tr",
    checks: [
      {
        name: "z",
        category: "INTEGRITY",
        blocking: true,
        memory: "constant",
        start: () => ({
          add(row) {
            expectTypeOf(row.n).toEqualTypeOf<number>();
          },
          finish: () => ({ status: "PASS", message: "" }),
        }),
      },
    ],
  })
  .load("load", { from: "tr", into: t, disposition: "append" })
  .step("end", ({ outputs }) => outputs.load.inserted + outputs.hello.q);
expectTypeOf<OutputsOf<typeof wf>["end"]>().toEqualTypeOf<number>();
expectTypeOf<OutputsOf<typeof wf>["hello"]>().toEqualTypeOf<{ readonly when: string; readonly q: number }>();
expectTypeOf<InputOf<typeof wf>>().toEqualTypeOf<{ p: string; q?: number | undefined }>();
expectTypeOf<OutputsOf<typeof wf>["fetch"]>().toEqualTypeOf<DatasetRef<{ a: string; b: string }>>();
// @ts-expect-error a name is used once
wf.step("hello", () => 1);
// @ts-expect-error "hello" is not a dataset
wf.load("l2", { from: "hello", into: t, disposition: "append" });
// @ts-expect-error rows lack n and d
wf.load("l3", { from: "fetch", into: t, disposition: "append" });
// @ts-expect-error there is no output of that name
wf.step("z", ({ outputs }) => outputs.nope);

// Parameters are what JSON gives back, in every function that sees them.
interface JsonParams {
  readonly at: string;
  readonly days: readonly string[];
  readonly apiKey: string;
  readonly note?: string | undefined;
}
const dated = defineWorkflow({
  name: "dated",
  params: z.object({
    at: z.coerce.date(),
    days: z.array(z.date()),
    apiKey: secret(),
    note: z.string().optional(),
  }),
  partition: ({ params }) => {
    expectTypeOf(params).toEqualTypeOf<JsonParams>();
    return { at: params.at };
  },
});
dated
  .step("s", ({ params }) => {
    expectTypeOf(params).toEqualTypeOf<JsonParams>();
    return params.at;
  })
  .fetch("f", { from: src, request: ({ params }) => ({ path: params.at }) })
  .transform("t", {
    from: "f",
    row: (row, { params }) => ({ ...row, at: params.at }),
    schema: z.object({ a: z.string(), at: z.string() }),
  });
// @ts-expect-error a Date is a string once it went through the history
dated.step("time", ({ params }) => params.at.getTime());
expectTypeOf<InputOf<typeof dated>["days"]>().toEqualTypeOf<Date[]>();

// Rows may be declared as an interface, which has no index signature.
interface Quote {
  id: string;
}
declare const quotes: Source<{ day: string }, Quote>;
const quoted = defineWorkflow({ name: "quoted" })
  .fetch("fetch", { from: quotes, request: () => ({ day: "2025-01-06" }) })
  .transform("transform", {
    from: "fetch",
    row: (row) => {
      expectTypeOf(row).toEqualTypeOf<Quote>();
      return { id: row.id };
    },
    schema: z.object({ id: z.string() }),
  })
  .quality("quality", { on: "fetch", checks: [] })
  .load("load", {
    from: "fetch",
    into: defineTable({ name: "quotes", columns: { id: "text" }, key: ["id"] }),
    disposition: "append",
  });
expectTypeOf<OutputsOf<typeof quoted>["fetch"]>().toEqualTypeOf<DatasetRef<Quote>>();
// @ts-expect-error a load's result is no dataset
quoted.quality("again", { on: "load", checks: [] });
export const plugin: Plugin = { name: "quotes", workflows: [quoted], sources: [quotes, src] };

// Fetches that follow each other.
declare const shop: Source<{ since: string | null }, { id: number; at: string; tags: string[] }>;
const follows = defineWorkflow({ name: "f", params: z.object({ to: z.string().optional() }) }).fetch(
  "orders",
  {
    from: shop,
    scope: ({ params }) => params.to ?? "",
    incremental: { field: "at", start: "2025-01-01", end: ({ params }) => params.to, lag: "1d", key: ["id"] },
    request: ({ since, until }) => {
      expectTypeOf(since).toEqualTypeOf<string | null>();
      expectTypeOf(until).toEqualTypeOf<string | null>();
      return { since };
    },
  },
);
expectTypeOf<OutputsOf<typeof follows>["orders"]>().toEqualTypeOf<
  DatasetRef<{ id: number; at: string; tags: string[] }>
>();
const request = () => ({ since: null });
// @ts-expect-error rows have no such field
follows.fetch("other", { from: shop, incremental: { field: "on" }, request });
// @ts-expect-error the field is a text
follows.fetch("other", { from: shop, incremental: { field: "at", start: 5 }, request });
follows.fetch("plain", {
  from: shop,
  request: ({ since }) => {
    expectTypeOf(since).toEqualTypeOf<null>();
    return { since };
  },
});
const ends = follows.fetch("file", { from: shop, request, unchanged: "end" }).step("size", ({ outputs }) => {
  expectTypeOf(outputs.file.rows).toEqualTypeOf<number>();
  return outputs.file.rows;
});
expectTypeOf<OutputsOf<typeof ends>["size"]>().toEqualTypeOf<number | undefined>();
const around = defineWorkflow({ name: "g" }).pipeline("child", { run: ends, params: () => ({}) });
expectTypeOf<OutputsOf<typeof around>["child"]["size"]>().toEqualTypeOf<number | undefined>();
