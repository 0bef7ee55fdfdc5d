import { expectTypeOf } from "vitest";
import { z } from "zod";
import type { JsonValue } from "../json.ts";
import type { Approval, Collected } from "./composite-steps.ts";
import { defineWorkflow } from "./define-workflow.ts";
import type { OutputsOf } from "./workflow.ts";

const child = defineWorkflow({ name: "child", params: z.object({ venue: z.string() }) }).step(
  "count",
  () => 3,
);

const flow = defineWorkflow({ name: "x", params: z.object({ day: z.string() }) })
  .step("list", () => [{ venue: "XNYS", at: new Date(0) }])
  .parallel("prices", (block) => ({
    nyse: ({ params, outputs }) => {
      expectTypeOf(params.day).toEqualTypeOf<string>();
      expectTypeOf(outputs.list[0]).toEqualTypeOf<
        { readonly venue: string; readonly at: string } | undefined
      >();
      return 1.5;
    },
    nasdaq: block
      .step("fetch", ({ outputs }) => outputs.list.length)
      .step("last", ({ outputs }) => ({ of: outputs.fetch })),
  }))
  .map("venues", {
    over: ({ outputs }) => outputs.list,
    key: (item) => item.venue,
    run: ({ item, key, index, outputs }) => {
      expectTypeOf(item.at).toEqualTypeOf<string>();
      expectTypeOf(outputs.prices.nasdaq).toEqualTypeOf<{ readonly of: number }>();
      return `${key}${index}`;
    },
  })
  .map("deep", {
    over: () => [1, 2],
    steps: (block) =>
      block
        .step("double", ({ item }) => item * 2)
        .map("inner", {
          over: ({ outputs }) => ["a".repeat(outputs.double)],
          run: ({ item }) => item.length,
        }),
  })
  .map("children", {
    over: ({ outputs }) => outputs.list,
    pipeline: child,
    params: ({ item }) => ({ venue: item.venue }),
  })
  .map("tolerant", { over: () => [1], collect: true, run: ({ item }) => item })
  .choice("path", ({ outputs }) => (outputs.list.length > 1 ? "bulk" : "single"), {
    bulk: () => "copied" as const,
    single: () => 1,
  })
  .when(
    "maybe",
    ({ outputs }) => outputs.list.length > 0,
    (block) => block.step("inside", () => true),
  )
  .step("skipped", () => "s", { when: ({ params }) => params.day === "x" })
  .step("tolerated", () => 1, { onError: "continue", undo: ({ output }) => void output })
  .wait("pause", { for: "1h" })
  .wait("until", { until: ({ params }) => params.day })
  .wait("go", { signal: "go", schema: z.object({ rows: z.number() }) })
  .wait("any", { signal: "any" })
  .wait("review", { approval: true, timeout: "2d" });

type O = OutputsOf<typeof flow>;
expectTypeOf<O["prices"]>().toEqualTypeOf<{
  readonly nyse: number;
  readonly nasdaq: { readonly of: number };
}>();
expectTypeOf<O["venues"]>().toEqualTypeOf<readonly string[]>();
expectTypeOf<O["deep"]>().toEqualTypeOf<readonly (readonly number[])[]>();
expectTypeOf<O["children"][number]["count"]>().toEqualTypeOf<number>();
expectTypeOf<O["tolerant"]>().toEqualTypeOf<readonly Collected<number>[]>();
expectTypeOf<O["path"]>().toEqualTypeOf<"copied" | number>();
expectTypeOf<O["maybe"]>().toEqualTypeOf<boolean | undefined>();
expectTypeOf<O["skipped"]>().toEqualTypeOf<string | undefined>();
expectTypeOf<O["tolerated"]>().toEqualTypeOf<number | undefined>();
expectTypeOf<O["pause"]>().toEqualTypeOf<null>();
expectTypeOf<O["go"]>().toEqualTypeOf<{ readonly rows: number }>();
expectTypeOf<O["any"]>().toEqualTypeOf<JsonValue>();
expectTypeOf<O["review"]>().toEqualTypeOf<Approval>();

// @ts-expect-error there is no output of that name
flow.parallel("p2", { a: ({ outputs }) => outputs.nope });
// @ts-expect-error a name is used once
flow.parallel("venues", { a: () => 1 });
// @ts-expect-error branches have retries of their own
flow.parallel("p3", { a: () => 1 }, { retry: { attempts: 2 } });
// @ts-expect-error and have code of their own that is heard
flow.parallel("p3", { a: () => 1 }, { heartbeatTimeout: "1s" });
flow.parallel("p4", { a: () => 1 }, { timeout: "1s", collect: true });
// @ts-expect-error a wait runs no code that could be heard
flow.wait("w2", { signal: "go", heartbeatTimeout: "1s" });
// @ts-expect-error one thing is done for each item
flow.map("m3", { over: () => [1], run: () => 1, steps: (block) => block.step("a", () => 1) });
// @ts-expect-error the steps of an item have options of their own
flow.map("m4", { over: () => [1], each: { timeout: "1s" }, steps: (block) => block.step("a", () => 1) });
// @ts-expect-error there is no such case
flow.choice("c2", () => "c", { a: () => 1, b: () => 2 });
// @ts-expect-error the child's parameters
flow.map("m2", { over: () => [1], pipeline: child, params: () => ({ venue: 1 }) });
// @ts-expect-error an output may be undefined
flow.step("s2", ({ outputs }) => outputs.skipped.length);
