import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { SpineError, TransientError } from "../errors.ts";
import type { RunDetail } from "../history/records.ts";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import type { StepContext } from "../workflow/step-context.ts";
import { isUndo, undoneBy } from "../workflow/step-paths.ts";
import type { CrashSubject } from "./crash-subject.ts";
import { effectsTable, readEffects, writeEffect } from "./crash-workflow.ts";
import type { Ledger, LedgerEntry } from "./ledger.ts";

const retry = { attempts: 3, delay: 5 };
const GROUPS = ["a", "b"];
const CHILDREN = ["x", "y"];
/** Steps inside of a step that is given up: one of them fails, the others are cancelled with it. */
const GIVEN_UP = "given-up";
const FOREVER_BEGUN = `${GIVEN_UP}/run/forever#begun`;

const EXPECTED = [
  ...GROUPS.map((group) => `effect groups/${group}/both/writes/write`),
  ...CHILDREN.map((item) => `child of children/${item}`),
  "go took 1",
  "again took 2",
  "review took true",
  "error none",
];

/** Every kind of step that is made of others, or waits, one inside of another; with somebody who sends signals. */
export const everyKind: CrashSubject = {
  workflows: (ledger) => {
    const { child, forever } = children(ledger);
    return [kindsWorkflow(ledger, child, forever), child, forever];
  },
  tables: [effectsTable],
  // Creation and claims are those of any run.
  effects: ["advance", "control", "signal", "transaction"],
  taken: ["broken", `${GIVEN_UP}/bad/fail`],
  async help(spine, runId) {
    // One is there before its step is; with an id, sending it again changes nothing.
    await spine.signal(runId, "go", 1, { id: "one" }).catch(unlessEnded);
    await delay(30);
    await spine.signal(runId, "go", 2, { id: "two" }).catch(unlessEnded);
    await spine.approve(runId, "review", { by: "somebody" }).catch(unlessEnded);
  },
  async look(detail, { history }, { kysely }) {
    const { runId, parentRunId, parentStep, error } = detail.run;
    if (parentRunId !== null) {
      const isCancelled = parentStep?.startsWith(GIVEN_UP);
      return {
        effects: await readEffects(kysely, runId),
        expected: isCancelled ? [] : ["effect work"],
        endsAs: isCancelled ? "CANCELLED" : "COMPLETED",
      };
    }
    const { items } = await history.list({ parentRunId: runId });
    const inbox = await history.inbox(runId, []);
    // The one that is given up may have failed before its child was there; there are never two.
    const given = items.filter((run) => run.parentStep?.startsWith(GIVEN_UP)).slice(0, 1);
    return {
      effects: [
        ...(await readEffects(kysely, runId)),
        ...items.filter((run) => !given.includes(run)).map((run) => `child of ${run.parentStep}`),
        ...took(detail),
        // An approval may have been sent twice.
        ...(inbox?.signals ?? []).filter(({ name }) => name === "go").map(({ name }) => `${name} is left`),
        `error ${error?.message ?? "none"}`,
      ],
      expected: EXPECTED,
    };
  },
};

/** A run that fails at its end: what it did is undone, the newest first. */
export const everyUndo: CrashSubject = {
  workflows: (ledger) => {
    const { child } = children(ledger);
    return [undoneWorkflow(ledger, child), child];
  },
  tables: [effectsTable],
  effects: ["advance", "transaction"],
  async look(detail, { history }, { kysely }) {
    const { runId, parentRunId, error } = detail.run;
    const made = await readEffects(kysely, runId);
    if (parentRunId !== null) return { effects: made, expected: ["effect work"] };
    const { items } = await history.list({ parentRunId: runId });
    const done = [...GROUPS.map((group) => `groups/${group}/write`), "both/left/make", "child"];
    return {
      effects: [
        ...made,
        ...items.map((run) => `child of ${run.parentStep}`),
        `error ${error?.message} ${String(error?.context?.not_undone ?? "")}`,
        `undone ${undone(detail).join(", ")}`,
      ],
      expected: [
        ...done.filter((path) => path !== "child").map((path) => `effect ${path}`),
        ...done.map((path) => `effect undo/${path}`),
        "child of child",
        "error the end is not reached ",
        `undone ${newestFirst(detail, done).join(", ")}`,
      ],
      endsAs: "FAILED",
    };
  },
};

/** What each wait for a signal got. */
function took({ steps }: RunDetail): readonly string[] {
  const completed = steps.filter(({ status }) => status === "COMPLETED");
  return ["go", "again", "review"].flatMap((wait) =>
    completed
      .filter(({ name }) => name === wait)
      .map(({ output }) => {
        const approved = (output as { readonly approved?: boolean } | null)?.approved;
        return `${wait} took ${JSON.stringify(approved ?? output)}`;
      }),
  );
}

/** In the order in which they were undone. */
function undone({ steps }: RunDetail): readonly string[] {
  return steps
    .filter(({ name, status }) => isUndo(name) && status === "COMPLETED")
    .map(({ name }) => undoneBy(name));
}

/** Attempts stand in the order in which they began. */
function newestFirst({ steps }: RunDetail, paths: readonly string[]): readonly string[] {
  const begun = steps.filter(({ name, status }) => status === "COMPLETED" && paths.includes(name));
  return begun.map(({ name }) => name).reverse();
}

function unlessEnded(error: unknown): void {
  if (!SpineError.is(error) || error.code !== "RUN_CONFLICT") throw error;
}

interface Body {
  readonly runId: string;
  readonly step: string;
}

/** Notes that code begins: of a step, or of one that only says what is to be done inside of it. */
function notes(ledger: Ledger) {
  return {
    begin: ({ runId, step }: Body) => ledger.started(runId, step),
    /** What is asked for once, for its answer is recorded before anything inside of the step begins. */
    ask: <T>({ runId, step }: Body, answer: T): T => {
      ledger.started(runId, `${step}#asked`);
      return answer;
    },
    answered: ({ runId }: Body, step: string) => ledger.acknowledged(runId, `${step}#asked`),
  };
}

function children(ledger: Ledger) {
  const { begin } = notes(ledger);
  const child = defineWorkflow({ name: "crash.child", params: z.object({ item: z.string() }) }).step(
    "work",
    async (context) => {
      begin(context);
      await context.transaction((transaction) => writeEffect(transaction, context.runId, "work"));
      return context.params.item;
    },
  );
  const forever = defineWorkflow({ name: "crash.forever", params: z.object({ parent: z.string() }) })
    .step("begin", (context) => {
      begin(context);
      ledger.started(context.params.parent, FOREVER_BEGUN);
    })
    .wait("forever", { for: "1h" });
  return { child, forever };
}

/** Resolves when the child that is to be cancelled is at work, or was in an earlier life of this run. */
async function neighbourBegins(ledger: Ledger, runId: string): Promise<void> {
  const isIt = (entry: LedgerEntry) =>
    entry.what === "started" && entry.runId === runId && entry.unit === FOREVER_BEGUN;
  // Code of a process that has died goes on here; it does so for as long only.
  for (let times = 0; times < 2_000 && !ledger.entries.some(isIt); times++) await delay(5);
}

type Children = ReturnType<typeof children>;

function kindsWorkflow(ledger: Ledger, child: Children["child"], forever: Children["forever"]) {
  const { begin, ask, answered } = notes(ledger);
  return defineWorkflow({ name: "crash.every_kind" })
    .map("groups", {
      over: (context) => ask(context, GROUPS),
      key: (group) => group,
      concurrency: 2,
      steps: (group) =>
        group
          .step("prepare", (context) => {
            answered(context, "groups");
            begin(context);
          })
          .parallel("both", (both) => ({
            fails: both.step(
              "flaky",
              (context) => {
                begin(context);
                if (context.attempt === 1) throw new TransientError("the first time never works");
              },
              { retry },
            ),
            writes: both.step("write", async (context) => {
              begin(context);
              await context.transaction((transaction) =>
                writeEffect(transaction, context.runId, context.step),
              );
            }),
          }))
          .choice(
            "way",
            (context) => ask(context, context.item === "a" ? "short" : "long"),
            (way) => ({
              short: way.step("only", (context) => {
                answered(context, "groups/a/way");
                begin(context);
              }),
              long: way
                .step("first", (context) => {
                  answered(context, "groups/b/way");
                  begin(context);
                })
                .wait("pause", { for: 20 })
                .step("second", begin),
            }),
          ),
    })
    .map("children", {
      over: (context) => ask(context, CHILDREN),
      key: (item) => item,
      pipeline: child,
      params: ({ item }) => ({ item }),
    })
    .step("between", (context) => {
      answered(context, "children");
      begin(context);
    })
    .parallel(
      GIVEN_UP,
      (block) => ({
        bad: block.step("fail", async (context): Promise<null> => {
          begin(context);
          await neighbourBegins(ledger, context.runId);
          throw new Error("it never works");
        }),
        signal: block.wait("never", { signal: "never", schema: z.null() }),
        run: block.pipeline("forever", { run: forever, params: ({ runId }) => ({ parent: runId }) }),
      }),
      { onError: "continue" },
    )
    .wait("go", { signal: "go", schema: z.number() })
    .wait("again", { signal: "go", schema: z.number() })
    .wait("review", { approval: true })
    .step(
      "broken",
      (context) => {
        begin(context);
        throw new Error("this one is taken");
      },
      { onError: "continue" },
    )
    .step("skipped", begin, { when: (context) => ask(context, false) })
    .when(
      "only-if",
      () => true,
      (block) =>
        block.step("then", (context) => {
          answered(context, "skipped");
          begin(context);
        }),
    )
    .step("last", begin);
}

function undoneWorkflow(ledger: Ledger, child: Children["child"]) {
  const { begin } = notes(ledger);
  /** Both what a step does and what takes it back: an effect of its own path. */
  const effect = async (context: StepContext) => {
    begin(context);
    const { runId, step } = context;
    await context.transaction((transaction) => writeEffect(transaction, runId, step));
  };
  return defineWorkflow({ name: "crash.every_undo" })
    .map("groups", {
      over: () => GROUPS,
      key: (group) => group,
      steps: (group) => group.step("write", effect, { undo: effect }),
    })
    .parallel("both", (both) => ({ left: both.step("make", effect, { undo: effect }), right: begin }))
    .pipeline("child", { run: child, params: () => ({ item: "x" }), undo: effect })
    .step("last", (context) => {
      begin(context);
      throw new Error("the end is not reached");
    });
}
