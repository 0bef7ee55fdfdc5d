// What hosts without a compiler define by mistake: each is refused where it is written, with what it is and what is expected.
import { expect, test } from "vitest";
import { z } from "zod";
import { defineTable } from "../data/table.ts";
import { SpineError } from "../errors.ts";
import { defineWorkflow } from "./define-workflow.ts";
import { Step } from "./step.ts";

// biome-ignore lint/suspicious/noExplicitAny: plain JavaScript has no types
type Plain = any;
const one = () => 1;
const plain = (options: object = {}): Plain => defineWorkflow({ name: "demo.flow", ...options });
const data = () => plain().fetch("data", { from: "demo.source", request: one });
const into = defineTable({ name: "t", columns: { a: "text" }, key: ["a"] });
const wide = defineTable({ name: "w", columns: { a: "text", note: "text" }, key: ["a"] });
const child = defineWorkflow({ name: "demo.child" }).step("of_child", one);

const contracted = (contract: unknown, schema: unknown = z.object({ a: z.string() })) =>
  data().transform("x", { from: "data", row: one, schema, contract });

/** An ingest that is right but for `changes`. */
const ingested = (changes: object) => () =>
  plain().ingest("i", {
    from: "demo.source",
    request: one,
    row: one,
    schema: z.object({ a: z.string() }),
    into,
    disposition: "append",
    ...changes,
  });

const WRONG: readonly (readonly [what: string, define: () => unknown, says: string])[] = [
  [
    "no options",
    () => (defineWorkflow as Plain)(),
    "The options of defineWorkflow (`options`) are an object; undefined",
  ],
  [
    "no name",
    () => (defineWorkflow as Plain)({}),
    "The option `name` of defineWorkflow is a text; undefined",
  ],
  [
    "whenchanged",
    () => plain({ whenchanged: "pin" }),
    "`whenchanged` is no option of defineWorkflow. There are `name`",
  ],
  ["a deadline", () => plain({ deadline: "soon" }), "The option `deadline` of defineWorkflow is a duration"],
  ["params", () => plain({ params: {} }), "The option `params` of defineWorkflow is a zod schema; an object"],
  ["steps", () => plain({ steps: [5] }), 'Workflow "demo.flow": 5 is no step. Make steps with `Step`'],
  ["steps as text", () => plain({ steps: "x" }), "The option `steps` of defineWorkflow is a list"],
  ["no step", () => plain().step(), 'The argument `run` of step "undefined" is a function; undefined'],
  ["no step name", () => plain().step(undefined, one), "The name of a step has 1 to 64 letters"],
  ["an empty step name", () => plain().step("", one), 'step "": The name of a step has 1 to 64 letters'],
  ["no function", () => plain().step("x", 5), 'The argument `run` of step "x" is a function; 5 was given.'],
  [
    "retries",
    () => plain().step("x", one, { retries: 3 }),
    '`retries` is no option of step "x". There are `retry`',
  ],
  [
    "a contract with a word of another library",
    () => contracted({ columns: "discard_row" }),
    'The option `columns` of the `contract` of step "x" is "evolve" or "freeze" or "discard-row" or "discard-value"',
  ],
  [
    "a contract about tables",
    () => contracted({ tables: "freeze" }),
    "`tables` is no option of the `contract`",
  ],
  ["values that evolve", () => contracted({ values: "evolve" }), "The option `values` of the `contract`"],
  [
    "a contract on columns that are not known",
    () => contracted({ columns: "freeze" }, z.record(z.string(), z.string())),
    'its contract says `columns: "freeze"`, but not which fields its schema has is known',
  ],
  [
    "a contract on columns that the schema decides about",
    () => contracted({ columns: "evolve" }, z.strictObject({ a: z.string() })),
    "neither `strict`, `loose` nor `catchall`",
  ],
  ["whenchanged of a step", () => plain().step("x", one, { whenchanged: 1 }), "`whenchanged` is no option"],
  ["timout", () => plain().step("x", one, { timout: 1 }), "`timout` is no option"],
  [
    "a timeout",
    () => plain().step("x", one, { timeout: "1 h" }),
    'The option `timeout` of step "x" is a duration',
  ],
  [
    "a heartbeatTimeout",
    () => plain().step("x", one, { heartbeatTimeout: "often" }),
    'The option `heartbeatTimeout` of step "x" is a duration',
  ],
  [
    "a timeout in which no code can end",
    () => plain().step("x", one, { timeout: 0 }),
    'The option `timeout` of step "x" is a duration above 0',
  ],
  [
    "a deadline that is over at once",
    () => defineWorkflow({ name: "demo.over", deadline: "0s" }),
    "The option `deadline` of defineWorkflow is a duration above 0",
  ],
  [
    "a heartbeatTimeout of a wait, which runs no code",
    () => plain().wait("x", { for: 1, heartbeatTimeout: "1s" }),
    '`heartbeatTimeout` is no option of step "x"',
  ],
  [
    "options as null",
    () => plain().step("x", one, null),
    'The options of step "x" (`options`) are an object, or left',
  ],
  [
    "retry as a number",
    () => plain().step("x", one, { retry: 3 }),
    '`retry` of step "x" (`retry`) are an object',
  ],
  [
    "retry as null",
    () => plain().step("x", one, { retry: null }),
    '`retry` of step "x" (`retry`) are an object',
  ],
  [
    "retry.attempt",
    () => plain().step("x", one, { retry: { attempt: 3 } }),
    "`attempt` is no option of `retry`",
  ],
  [
    "onError",
    () => plain().step("x", one, { onError: "contine" }),
    '`onError` of step "x" is "stop" or "continue"; "contine"',
  ],
  [
    "collect as onError",
    () => plain().parallel("x", { a: one }, { onError: "collect" }),
    '`onError` of step "x" is',
  ],
  ["undo", () => plain().step("x", one, { undo: "x" }), 'The option `undo` of step "x" is a function; "x"'],
  ["when", () => plain().step("x", one, { when: true }), 'The option `when` of step "x" is a function; true'],
  [
    "branches as null",
    () => plain().parallel("p", null),
    'The argument `branches` of step "p" is an object of functions',
  ],
  [
    "branches as a list",
    () => plain().parallel("p", [one]),
    '`branches` of step "p" is an object of functions',
  ],
  [
    "branches that nobody returned",
    () => plain().parallel("p", () => {}),
    '`branches` of step "p" is an object',
  ],
  [
    "a branch",
    () => plain().parallel("p", { a: 5 }),
    'The branch `a` of step "p" is a function, or several steps',
  ],
  ["a branch as null", () => plain().parallel("p", { a: null }), 'The branch `a` of step "p" is a function'],
  [
    "an empty branch name",
    () => plain().parallel("p", { "": one }),
    'the name of "" inside of it cannot be used',
  ],
  ["no cases", () => plain().choice("c", () => "a", {}), "it has no cases"],
  [
    "no choice",
    () => plain().choice("c", "a", { a: one }),
    'The argument `on` of step "c" is a function; "a"',
  ],
  [
    "a when that returns nothing",
    () => plain().when("w", one, () => {}),
    'The branch `then` of step "w" is a function',
  ],
  [
    "a when without steps",
    () => plain().when("w", one),
    'The argument `steps` of step "w" is a function; undefined',
  ],
  [
    "a when of true",
    () => plain().when("w", true, one),
    'The argument `condition` of step "w" is a function; true',
  ],
  [
    "a map of nothing",
    () => plain().map("m", { run: one }),
    'The option `over` of step "m" is a function; undefined',
  ],
  ["a map that does nothing", () => plain().map("m", { over: one }), "it says nothing to do for each item"],
  [
    "a map that does two things",
    () => plain().map("m", { over: one, run: one, steps: one }),
    "it says more than one thing to do",
  ],
  [
    "each beside steps",
    () => plain().map("m", { over: one, each: { timeout: 1 }, steps: (b: Plain) => b.step("a", one) }),
    "`each` is for one attempt",
  ],
  [
    "params beside run",
    () => plain().map("m", { over: one, run: one, params: one }),
    "`params` are those of the runs of a `pipeline`",
  ],
  [
    "an option of each",
    () => plain().map("m", { over: one, run: one, each: { retries: 1 } }),
    '`retries` is no option of step "each"',
  ],
  [
    "a map's option",
    () => plain().map("m", { over: one, run: one, concurency: 1 }),
    '`concurency` is no option of step "m"',
  ],
  [
    "a pipeline without run",
    () => plain().pipeline("p", { params: one }),
    'The option `run` of step "p" is a workflow, as `defineWorkflow` returns it; undefined',
  ],
  [
    "a pipeline by name",
    () => plain().pipeline("p", { run: "demo.child" }),
    'a workflow, as `defineWorkflow` returns it; "demo.child"',
  ],
  [
    "a pipeline's params",
    () => plain().pipeline("p", { run: child, params: {} }),
    'The option `params` of step "p" is a function; an object',
  ],
  [
    "a pipeline's data",
    () => Step.pipeline("p", "demo.child", 5 as Plain),
    'The argument `params` of step "p" is a function',
  ],
  [
    "a fetch without options",
    () => plain().fetch("f"),
    'The options of step "f" (`options`) are an object; undefined',
  ],
  [
    "a fetch from nowhere",
    () => plain().fetch("f", { from: 5, request: one }),
    'The option `from` of step "f" is a source',
  ],
  [
    "a fetch without request",
    () => plain().fetch("f", { from: "s" }),
    'The option `request` of step "f" is a function',
  ],
  [
    "a transform without schema",
    () => data().transform("t", { from: "data", row: one }),
    'The option `schema` of step "t" is a zod schema',
  ],
  [
    "checks",
    () => data().quality("q", { on: "data", checks: one }),
    'The option `checks` of step "q" is a list of checks; a function',
  ],
  [
    "a check that is none",
    () => data().quality("q", { on: "data", checks: [null] }),
    'The option `checks` of step "q" is a list of checks; a list',
  ],
  [
    "a load into nothing",
    () => data().load("l", { from: "data", into: "t", disposition: "append" }),
    'The option `into` of step "l" is a table',
  ],
  [
    "a disposition",
    () => data().load("l", { from: "data", into, disposition: "replace-all" }),
    'The option `disposition` of step "l" is "append" or "replace" or',
  ],
  [
    "a strategy without a merge",
    () => data().load("l", { from: "data", into, disposition: "append", strategy: "upsert" }),
    '`by` and `strategy` are those of a "merge"',
  ],
  [
    "a merge by no column",
    () => data().load("l", { from: "data", into, disposition: "merge", by: ["nope"] }),
    'has no column "nope"',
  ],
  [
    "a merge by one column twice",
    () => data().load("l", { from: "data", into: wide, disposition: "merge", by: ["note", "note"] }),
    'names the column "note" twice',
  ],
  [
    "an upsert by something else than the key",
    () =>
      data().load("l", { from: "data", into: wide, disposition: "merge", strategy: "upsert", by: ["note"] }),
    "an upsert is by the table's key",
  ],
  [
    "changing dimensions without captures",
    () => data().load("l", { from: "data", into, disposition: "scd2" }),
    "has no `captures`",
  ],
  [
    "a partition that does not exist",
    () => data().load("l", { from: "data", into, disposition: "replace-partition" }),
    "has no `partition` columns",
  ],
  [
    "an ingest without options",
    () => plain().ingest("i"),
    'The options of step "i" (`options`) are an object',
  ],
  ["an ingest from nowhere", ingested({ from: 5 }), 'The option `from` of step "i" is a source'],
  ["an ingest without request", ingested({ request: undefined }), 'The option `request` of step "i" is a'],
  ["an ingest without row", ingested({ row: undefined }), 'The option `row` of step "i" is a function'],
  ["an ingest without schema", ingested({ schema: {} }), 'The option `schema` of step "i" is a zod schema'],
  ["an ingest into nothing", ingested({ into: "t" }), 'The option `into` of step "i" is a table'],
  [
    "checks of an ingest",
    ingested({ checks: one }),
    'The option `checks` of step "i" is a list of checks; a function',
  ],
  [
    "an ingest that reads a step",
    ingested({ on: "data" }),
    '`on` is no option of step "i". There are `retry`',
  ],
  [
    "a disposition of an ingest",
    ingested({ disposition: "replace-all" }),
    'The option `disposition` of step "i" is "append" or "replace" or',
  ],
  [
    "an ingest into a partition that does not exist",
    ingested({ disposition: "replace-partition" }),
    "has no `partition` columns",
  ],
  ["an ingest of dimensions without captures", ingested({ disposition: "scd2" }), "has no `captures`"],
  [
    "an ingest that merges by no column",
    ingested({ disposition: "merge", by: ["nope"] }),
    'has no column "nope"',
  ],
  [
    "a strategy of an ingest that appends",
    ingested({ strategy: "upsert" }),
    '`by` and `strategy` are those of a "merge"',
  ],
  [
    "the contract of an ingest",
    ingested({ contract: { columns: "loose" } }),
    'The option `columns` of the `contract` of step "i"',
  ],
  [
    "what an ingest is when unchanged",
    ingested({ unchanged: "skip" }),
    'The option `unchanged` of step "i" is',
  ],
  ["an ingest that follows no field", ingested({ incremental: { lag: "1h" } }), "names no `field`"],
  ["a scope of an ingest", ingested({ scope: "eu" }), 'The option `scope` of step "i" is a function; "eu"'],
  ["a wait for null", () => plain().wait("w", { for: null }), 'The option `for` of step "w" is a duration'],
  [
    "a wait until a time of no zone",
    () => plain().wait("w", { until: "2026-01-05T09:00:00" }),
    "is a Date or an ISO text with its zone",
  ],
  [
    "a wait until a day",
    () => plain().wait("w", { until: "2026-01-05" }),
    "is a Date or an ISO text with its zone",
  ],
  [
    "a wait's schema",
    () => plain().wait("w", { signal: "go", schema: {} }),
    'The option `schema` of step "w" is a zod schema',
  ],
  [
    "a signal that nobody can send",
    () => plain().wait("w", { signal: "a\0" }),
    'step "w": nobody can send what it waits for: the name of the signal holds a NUL character',
  ],
  [
    "the same inside of another step",
    () =>
      plain().when(
        "x",
        () => true,
        (block: ReturnType<typeof plain>) => block.wait("w", { signal: "s".repeat(1_601) }),
      ),
    "the name of the signal has 1601 characters",
  ],
  ["a wait's option", () => plain().wait("w", { signl: "go" }), '`signl` is no option of step "w"'],
];

test.each(WRONG)("%s: the definition is refused and says why", (_what, define, says) => {
  let thrown: unknown;
  try {
    define();
  } catch (error) {
    thrown = error;
  }
  expect(SpineError.is(thrown) ? thrown.message : String(thrown)).toContain(says);
  expect(thrown).toMatchObject({ code: "WORKFLOW_INVALID", category: "CONFIGURATION" });
});

test("what is right is taken, options that are undefined count as left out", () => {
  const all = plain({
    domain: undefined,
    deadline: "1h",
    params: z.object({}),
    partition: () => ({ a: "b" }),
  })
    .step("a", one, {
      retry: { attempts: 2, delay: "1s", maxDelay: 5 },
      timeout: 1,
      heartbeatTimeout: 1,
      onError: "continue",
      undo: one,
      when: one,
    })
    .step("b", one, { retry: undefined, retries: undefined })
    .parallel("c", { x: one, y: child }, { collect: true })
    .map("d", { over: one, key: one, run: one, concurrency: 2, collect: false, each: { timeout: 1 } })
    .map("e", { over: one, pipeline: child, params: one })
    .choice("f", one, (block: Plain) => ({ x: block.step("g", one) }))
    .when("h", one, () => one)
    .pipeline("i", { run: child })
    .wait("j", { until: new Date() })
    .wait("k", { until: "2026-01-05T09:00:00+01:00" })
    .wait("l", { signal: "go", schema: z.string(), timeout: "2d" });
  expect(all.steps).toHaveLength(11);
  const every = {
    contract: { columns: "evolve", values: "discard-value" },
    incremental: { field: "a" },
    scope: one,
    unchanged: "read",
    checks: undefined,
    partition: one,
    undo: one,
    when: one,
    onError: "continue",
  };
  expect(ingested(every)().steps[0]).toMatchObject({ kind: "ingest", checks: [], merge: null });
});
