import { setTimeout as delay } from "node:timers/promises";
import {
  type DatabaseTransaction,
  defineTable,
  defineWorkflow,
  newId,
  notNull,
  type StepContext,
  TransientError,
} from "spine-core";
import { arraySource } from "spine-core/testing";
import { z } from "zod";
import type { Book } from "./book.ts";

/** What transactions leave behind: no key, so that what is done twice is there twice. */
export const effectsTable = defineTable({
  name: "kill_effects",
  columns: { run: "text", effect: "text" },
  key: [],
});
/** What `append` loads: no key either. */
export const appendedTable = defineTable({
  name: "kill_appended",
  columns: { run: "text", n: "integer" },
  key: [],
});
export const replacedTable = defineTable({
  name: "kill_replaced",
  columns: { run: "text", n: "integer" },
  key: ["run", "n"],
  partition: ["run"],
  captures: "kill_superseded",
});
export const SUPERSEDED = "kill_superseded";

const ROWS = Array.from({ length: 60 }, (_, n) => ({ n }));
const PAGE_ROWS = 20;
const EFFECTS = ["first", "second"];
const LOADED = ROWS.map(({ n }) => `row ${n}`);
/** Failures count against this, the deaths of workers do not: a run that fails is a finding. */
const retry = { attempts: 10, delay: 20 };

/** What a run of each workflow leaves behind when every effect happened exactly once. */
export const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  "kill.steps": [],
  "kill.parts": [],
  "kill.flaky": [],
  "kill.parent": ["child of child"],
  "kill.kinds": [
    ...["a", "b"].map((group) => `effect groups/${group}/both/writes/write`),
    ...["x", "y"].map((item) => `child of children/${item}`),
    "child of whole/then/alone",
    "effect gathered/writes",
    "talk/hears/first took 1",
    "talk/hears/second took 2",
    'talk/agrees/yes took {"approved":true,"by":"driver"}',
  ],
  "kill.leaf": ["effect last"],
  "kill.effects": [...EFFECTS, "last"].map((effect) => `effect ${effect}`),
  "kill.slow": ["effect last"],
  "kill.block": [],
  "kill.append": LOADED,
  "kill.replace": LOADED,
};
/** The steps of `kill.kinds` that have an undo. */
export const UNDOABLE = ["a", "b"].flatMap((group) => [
  `groups/${group}/prepare`,
  `groups/${group}/both/writes/write`,
]);
/** Where `kill.kinds` waits for an approval. */
export const APPROVAL = "talk/agrees/yes";
/** The id of that approval, and what it says. */
export const APPROVED = "approved";
export const YES = JSON.stringify({ approved: true, by: "driver" });

/** Of the runs of `kill.kinds`, the third part fails at its end, and the fifth is cancelled on its way; both are undone. */
export function fate(n: number): "completes" | "fails" | "is cancelled" {
  return n % 5 === 2 ? "is cancelled" : n % 3 === 2 ? "fails" : "completes";
}

/** Those of the mix. */
const NAMES = Object.keys(EXPECTED).filter(
  (name) => !["kill.slow", "kill.block", "kill.leaf"].includes(name),
);

/** One of the workflows for the n-th start, so that a number says all about it. */
export function nthWorkflow(n: number): string {
  return NAMES[n % NAMES.length] ?? "kill.steps";
}

/** Sends a signal to a run; with the same id again, nothing changes. */
export type Send = (runId: string, name: string, payload: unknown, id: string) => Promise<void>;

/** The workflows of the proof: short steps of every kind that write down when their bodies begin. */
export function workload(book: Book, send: Send) {
  const params = z.object({ n: z.int() });
  const note = ({ runId, step, attempt }: Body) => book.note({ what: "began", runId, step, attempt });
  const begin = (context: Body) => {
    note(context);
    return delay(Math.random() * 25);
  };
  const steps = defineWorkflow({ name: "kill.steps", params })
    .step("one", begin, { retry })
    .step("two", begin, { retry })
    .step("three", begin, { retry })
    .step("four", begin, { retry });
  const parts = defineWorkflow({ name: "kill.parts", params })
    .step(
      "parts",
      async (context) => {
        await begin(context);
        for (const part of ["a", "b", "c"]) {
          await context.checkpoint(part, () => {
            book.note({ what: "began", runId: context.runId, step: "parts", part, attempt: context.attempt });
            return delay(Math.random() * 10, part);
          });
          book.note({ what: "kept", runId: context.runId, step: "parts", part });
        }
      },
      { retry },
    )
    .step("after", begin, { retry });
  const effects = defineWorkflow({ name: "kill.effects", params })
    .step(
      "make",
      async (context) => {
        await begin(context);
        for (const effect of EFFECTS) {
          await context.transaction((transaction) => insert(transaction, context.runId, effect), {
            key: effect,
          });
        }
      },
      { retry },
    )
    .step("between", begin, { retry })
    .step(
      "last",
      async (context) => {
        await begin(context);
        await context.transaction((transaction) => insert(transaction, context.runId, "last"));
      },
      { retry },
    );
  const flaky = defineWorkflow({ name: "kill.flaky", params })
    .step("before", begin, { retry })
    .step(
      "flaky",
      async (context) => {
        await begin(context);
        if (context.attempt <= 2) throw new TransientError("The first two times never work.");
      },
      { retry },
    )
    .step("after", begin, { retry });
  const parent = defineWorkflow({ name: "kill.parent", params })
    .step("before", begin, { retry })
    .pipeline("child", { run: effects, params: ({ params: { n } }) => ({ n }), retry })
    .step("after", begin, { retry });
  const leaf = defineWorkflow({ name: "kill.leaf", params: z.object({ item: z.string() }) }).step(
    "work",
    async (context) => {
      await begin(context);
      await context.transaction((transaction) => insert(transaction, context.runId, "last"));
    },
    { retry },
  );
  /** At least once, but its effect exactly once. */
  const undo = async (context: Body & Pick<StepContext, "transaction">) => {
    await begin(context);
    await context.transaction((transaction) => insert(transaction, context.runId, context.step));
  };
  const kinds = defineWorkflow({ name: "kill.kinds", params })
    .map("groups", {
      over: () => ["a", "b"],
      key: (group) => group,
      steps: (group) =>
        group
          .step("prepare", begin, { retry, undo })
          .parallel("both", (both) => ({
            fails: both.step(
              "flaky",
              async (context) => {
                await begin(context);
                if (context.attempt === 1) throw new TransientError("The first time never works.");
              },
              { retry },
            ),
            writes: both.step(
              "write",
              async (context) => {
                const { runId, step } = context;
                await begin(context);
                await context.transaction((transaction) => insert(transaction, runId, step));
              },
              { retry, undo },
            ),
          }))
          .choice(
            "way",
            ({ item }) => (item === "a" ? "short" : "long"),
            (way) => ({
              short: way.step("only", begin, { retry }),
              long: way.wait("pause", { for: 30 }).step("then", begin, { retry }),
            }),
          ),
    })
    .map("children", {
      over: () => ["x", "y"],
      key: (item) => item,
      pipeline: leaf,
      params: ({ item }) => ({ item }),
    })
    .when(
      "whole",
      () => true,
      (block) => block.pipeline("alone", { run: leaf, params: () => ({ item: "z" }), retry }),
    )
    .parallel(
      "gathered",
      (all) => ({
        writes: all.step(
          "write",
          async (context) => {
            await begin(context);
            await context.transaction((transaction) => insert(transaction, context.runId, "gathered/writes"));
          },
          { retry },
        ),
        fails: (): null => {
          throw new Error("This one is gathered.");
        },
      }),
      { collect: true },
    )
    // Who sends may die between the two, and does not know whether they have arrived: sent again, they are the same.
    .parallel("talk", (talk) => ({
      says: talk.step(
        "say",
        async (context) => {
          await begin(context);
          for (const n of [1, 2]) await send(context.runId, "go", n, `go-${n}`);
        },
        { retry },
      ),
      hears: talk
        .wait("first", { signal: "go", schema: z.number() })
        .wait("second", { signal: "go", schema: z.number() }),
      agrees: talk.wait("yes", { approval: true }),
    }))
    .step(
      "broken",
      (context): null => {
        note(context);
        throw new Error("This one is taken.");
      },
      { onError: "continue" },
    )
    .step(
      "after",
      async (context) => {
        await begin(context);
        if (fate(context.params.n) === "fails") throw new Error("All of this one is taken back.");
      },
      { retry },
    );
  const slow = defineWorkflow({ name: "kill.slow", params })
    .step("wait", async (context) => {
      note(context);
      // Only as long as it takes for something to happen to its process.
      await delay(context.attempt === 1 ? context.params.n : 100, undefined, { signal: context.signal });
      await context.transaction((transaction) => insert(transaction, context.runId, "last"));
    })
    .step("after", begin, { retry });
  const block = defineWorkflow({ name: "kill.block", params }).step("block", (context) => {
    note(context);
    for (const until = performance.now() + context.params.n; performance.now() < until; );
  });
  return [
    steps,
    parts,
    flaky,
    effects,
    parent,
    kinds,
    leaf,
    slow,
    block,
    loading("append"),
    loading("replace"),
  ];

  function loading(how: "append" | "replace") {
    const transforming = new Set<string>();
    const schema = z.object({ run: z.string(), n: z.int() });
    const transformed = defineWorkflow({ name: `kill.${how}`, params })
      .fetch("fetch", {
        from: arraySource(ROWS, { name: `kill.${how}`, pageRows: PAGE_ROWS }),
        request: begin,
        retry,
      })
      .transform("transform", {
        from: "fetch",
        row: ({ n }, context) => {
          // Its rows may begin anywhere, for what was stored is not done again.
          const attempt = `${context.runId}#${context.attempt}`;
          if (!transforming.has(attempt)) note(context);
          transforming.add(attempt);
          return { run: context.runId, n };
        },
        schema,
        retry,
      })
      .quality("quality", { on: "transform", checks: [notNull(["n"])], retry });
    const loaded =
      how === "append"
        ? transformed.load("load", { from: "transform", into: appendedTable, disposition: "append", retry })
        : transformed.load("load", {
            from: "transform",
            into: replacedTable,
            disposition: "replace-partition",
            partition: (context) => {
              note(context);
              return { run: context.runId };
            },
            retry,
          });
    return loaded.step("report", begin, { retry });
  }
}

type Body = { readonly runId: string; readonly step: string; readonly attempt: number };

async function insert(transaction: DatabaseTransaction, run: string, effect: string): Promise<void> {
  async function* one() {
    yield [{ run, effect }];
  }
  await transaction.insertRows(effectsTable, one(), { loadId: newId(), loadedAt: new Date().toISOString() });
}
