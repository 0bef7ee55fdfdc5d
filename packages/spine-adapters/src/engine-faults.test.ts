// What goes wrong around a run: the database that does not take a write, code that throws anything, owners that change.

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  type Database,
  defineTable,
  defineWorkflow,
  type HistoryStore,
  type RunCommit,
  type Source,
  SourceError,
  type Spine,
  SpineError,
  TransientError,
} from "spine-core";
import { overlay } from "spine-core/testing";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { attemptsOf, engineFixture } from "./testing/engine-fixture.ts";

const { folder, database, start } = engineFixture();

/** The database with something done around each commit of its history. */
function around(
  inner: Database,
  commit: (commits: readonly RunCommit[], next: HistoryStore["commit"]) => ReturnType<HistoryStore["commit"]>,
): Database {
  return overlay(inner, {
    connect: async (options) => {
      const stores = await inner.connect(options);
      const history = overlay(stores.history, {
        commit: (commits, how) =>
          how?.transaction
            ? stores.history.commit(commits, how)
            : commit(commits, (given) => stores.history.commit(given)),
      });
      return { ...stores, history };
    },
  });
}

const endsStep = (commits: readonly RunCommit[], step: string) =>
  commits.some(
    (commit) => commit.kind === "advance" && commit.transition.ended.some(({ name }) => name === step),
  );
const three = (name: string, ran: string[]) =>
  defineWorkflow({ name })
    .step("one", () => void ran.push("one"))
    .step("two", () => void ran.push("two"))
    .step("three", () => void ran.push("three"));

describe("a commit that fails", () => {
  test("for a while: the result waits and is recorded, no step runs twice", async () => {
    let failures = 4;
    const spine = await start({
      database: around(database(), async (commits, next) => {
        if (endsStep(commits, "two") && failures-- > 0) throw new SpineError("DATABASE_BUSY", "locked");
        return await next(commits);
      }),
    });
    const ran: string[] = [];
    await (await spine.run(three("demo.busy", ran), {})).result();
    expect(ran).toEqual(["one", "two", "three"]);
    expect(failures).toBe(-1);
  });

  test("for good: the attempt fails with what happened, and the run ends", async () => {
    const spine = await start({
      database: around(database(), async (commits, next) => {
        const completes = endsStep(commits, "two") && JSON.stringify(commits).includes('"COMPLETED"');
        if (completes) throw new RangeError("Invalid time value");
        return await next(commits);
      }),
    });
    const run = await spine.run(three("demo.never", []), {});
    await expect(run.result()).rejects.toMatchObject({
      code: "RECORD_FAILED",
      message: expect.stringContaining("Invalid time value"),
    });
    expect(await attemptsOf(spine, run.id)).toEqual(["one#1 COMPLETED", "two#1 FAILED"]);
  });

  test("whatever is recorded: who waits is told, and the run goes on once it can be recorded again", async () => {
    let broken = true;
    const spine = await start({
      database: around(database(), async (commits, next) => {
        if (broken && endsStep(commits, "two")) throw new RangeError("broken");
        return await next(commits);
      }),
    });
    const ran: string[] = [];
    const run = await spine.run(three("demo.stranded", ran), {});
    await expect(run.result()).rejects.toMatchObject({ message: expect.stringContaining("broken") });
    broken = false;
    const again = await spine.attach(run.id);
    for (let tries = 0; tries < 100 && (await spine.get(run.id)).run.status !== "COMPLETED"; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await again.result();
    expect(ran[0]).toBe("one");
    expect(ran.filter((step) => step === "one")).toEqual(["one"]);
    expect(ran.at(-1)).toBe("three");
  });

  test("nothing is told before it is durable", async () => {
    const told: string[] = [];
    let held = () => {};
    const gate = new Promise<void>((resolve) => {
      held = resolve;
    });
    const spine = await start({
      database: around(database(), async (commits, next) => {
        if (endsStep(commits, "two")) await gate;
        return await next(commits);
      }),
    });
    spine.on("step.ended", ({ step }) => told.push(step));
    const ran: string[] = [];
    const run = await spine.run(three("demo.told", ran), {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([told, ran]).toEqual([["one"], ["one", "two"]]);
    held();
    await run.result();
    expect(told).toEqual(["one", "two", "three"]);
  });
});

describe("code that throws anything", () => {
  const hostile = new Error("x");
  Object.defineProperty(hostile, "message", {
    get() {
      throw new Error("no message for you");
    },
  });
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  test.each<[string, () => unknown]>([
    ["an object without a prototype", () => Object.create(null)],
    ["an error whose message throws", () => hostile],
    ["undefined", () => undefined],
    [
      "a revoked proxy",
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    ],
    ["a cycle", () => cyclic],
    ["a BigInt", () => 12n],
    ["an error with a BigInt as detail", () => new SourceError("x", { detail: { n: 1n } })],
    ["an error with a cyclic cause", () => new SourceError("x", { cause: cyclic })],
    ["an endless Retry-After", () => new TransientError("x", { retryAfterMs: Number.POSITIVE_INFINITY })],
  ])("%s: its step fails, the process and stop() live", async (what, make) => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.throws" }).step(
      "throw",
      () => {
        throw make();
      },
      { retry: { attempts: 1 } },
    );
    const run = await spine.run(flow, {});
    await expect(run.result(), what).rejects.toMatchObject({ context: { step: "throw" } });
    expect((await spine.get(run.id)).run.status).toBe("FAILED");
    await spine.stop();
  });

  test("a message of megabytes is cut where it is stored", async () => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.long" }).step("shout", () => {
      throw new Error("y".repeat(5_000_000));
    });
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({ code: "STEP_FAILED" });
    expect(JSON.stringify(await spine.get(run.id)).length).toBeLessThan(100_000);
  });

  test("listeners that throw or reject break nothing", async () => {
    const spine = await start();
    spine.on("step.started", () => {
      throw Object.create(null);
    });
    spine.on("step.ended", (async () => {
      throw new Error("slack is down");
    }) as () => void);
    expect(await (await spine.run(three("demo.listeners", []), {})).result()).toMatchObject({
      outputs: { three: null },
    });
  });

  test("a partition function that throws is told so, and nothing is stored", async () => {
    const spine = await start();
    const flow = defineWorkflow({
      name: "demo.partition",
      partition: () => {
        throw new TypeError("no week");
      },
    }).step("one", () => 1);
    await expect(spine.run(flow, {})).rejects.toMatchObject({
      code: "WORKFLOW_INVALID",
      message: expect.stringContaining("no week"),
    });
    expect((await spine.history.list({})).items).toEqual([]);
  });

  test("a Retry-After of ages waits a year at most", async () => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.ages" }).step("wait", () => {
      throw new TransientError("429", { retryAfterMs: 9_999_999_999_999_000 });
    });
    const waits = new Promise<number | null>((resolve) =>
      spine.on("step.ended", ({ retryAt }) => resolve(retryAt)),
    );
    await spine.run(flow, {});
    expect(((await waits) ?? 0) - Date.now()).toBeLessThanOrEqual(366 * 86_400_000);
  });

  test.each<[string, (metric: (name: string, value: number) => void) => unknown]>([
    ["a metric that is no number", (metric) => metric("rate", Number.NaN)],
    ["a metric that is a BigInt", (metric) => metric("n", 1n as unknown as number)],
    ["a Map as output", () => new Map([["a", 1]])],
    ["an Error as output", () => new Error("x")],
  ])("%s fails its step", async (_what, work) => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.output" }).step("one", ({ metric }) => work(metric) as object);
    await expect((await spine.run(flow, {})).result()).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
  });

  test("outputs and params cannot be changed by a step", async () => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.frozen", params: z.object({ list: z.array(z.number()) }) })
      .step("one", () => ({ deep: { n: 1 } }))
      .step("two", ({ outputs, params }) => {
        const tried: string[] = [];
        const attempt = (name: string, change: () => void) => {
          try {
            change();
          } catch {
            tried.push(name);
          }
        };
        attempt("member", () => Object.assign(outputs.one.deep, { n: 99 }));
        attempt("output", () => Object.assign(outputs, { one: 99 }));
        attempt("param", () => (params.list as number[]).push(2));
        return tried;
      })
      .step("three", ({ outputs, params }) => [outputs.one.deep.n, params.list.length]);
    const { outputs } = await (await spine.run(flow, { list: [1] })).result();
    expect(outputs.two).toEqual(["member", "output", "param"]);
    expect(outputs.three).toEqual([1, 1]);
  });
});

describe("time", () => {
  test("a timeout longer than a timer can be set to does not fire at once", async () => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.month" }).step("one", () => "done", { timeout: "30d" });
    expect(await (await spine.run(flow, {})).result()).toEqual({ outputs: { one: "done" } });
  });

  test("a load that takes longer than its timeout is rolled back", async () => {
    const table = defineTable({ name: "slow", columns: { id: "text" }, key: ["id"] });
    const source: Source<null, { id: string }> = {
      name: "demo.pages",
      async *stream() {
        for (let page = 0; page < 60; page++) {
          yield { rows: Array.from({ length: 500 }, (_, row) => ({ id: `${page}-${row}` })), cursor: page };
        }
      },
    };
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.slow_load" })
      .fetch("fetch", { from: source, request: () => null })
      .load("load", {
        from: "fetch",
        into: table,
        disposition: "append",
        timeout: 1,
        retry: { attempts: 1 },
      });
    await expect((await spine.run(flow, {})).result()).rejects.toMatchObject({ code: "STEP_TIMEOUT" });
    expect(await spine.database.kysely.selectFrom("slow").selectAll().execute()).toEqual([]);
  });
});

describe("owners that change", () => {
  const table = defineTable({ name: "target", columns: { id: "text" }, key: ["id"] });
  const rows: Source<null, { id: string }> = {
    name: "demo.two_rows",
    async *stream() {
      yield { rows: [{ id: "a" }, { id: "b" }], cursor: 1 };
    },
  };
  const loading = () =>
    defineWorkflow({ name: "demo.load" })
      .fetch("fetch", { from: rows, request: () => null })
      .load("load", { from: "fetch", into: table, disposition: "append" });
  const inTarget = (spine: Spine) => spine.database.kysely.selectFrom("target").selectAll().execute();

  test("rows of a load commit with its record or not at all: a run taken over in between leaves none", async () => {
    const spine = await start();
    const outside = new DatabaseSync(join(folder(), "spine.db"));
    spine.on("step.started", ({ step, runId }) => {
      if (step === "load")
        outside.prepare("UPDATE workflow_runs SET token = token + 1 WHERE run_id = ?").run(runId);
    });
    const run = await spine.run(loading(), {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    outside.close();
    expect((await spine.get(run.id)).run.status).toBe("RUNNING");
    expect(await inTarget(spine)).toEqual([]);
    expect(await spine.database.kysely.selectFrom("loads").selectAll().execute()).toEqual([]);
  });

  test("a finished load has its record, with what it loaded", async () => {
    const spine = await start();
    const run = await spine.run(loading(), {});
    const { outputs } = await run.result();
    expect(await spine.database.kysely.selectFrom("loads").selectAll().execute()).toMatchObject([
      {
        load_id: outputs.load.loadId,
        run_id: run.id,
        table_name: "target",
        inserted: 2,
        dataset_id: outputs.fetch.dataset,
      },
    ]);
  });

  test("a run that is cancelled, and taken up again elsewhere, can be cancelled here again", async () => {
    const spine = await start();
    const other = await start({ worker: false });
    let begun = 0;
    let aborted = 0;
    const flow = defineWorkflow({ name: "demo.twice" }).step(
      "wait",
      ({ signal }) =>
        new Promise((resolve) => {
          begun += 1;
          signal.addEventListener("abort", () => {
            aborted += 1;
            // The first execution takes its time to unwind.
            setTimeout(resolve, 50, null);
          });
        }),
    );
    const run = await spine.run(flow, {});
    await spine.cancel(run.id);
    await other.retry(run.id);
    while (begun < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 80));
    await spine.cancel(run.id);
    expect(aborted).toBe(2);
  });

  test("a parent that is retried has its failed child tried again", async () => {
    const spine = await start();
    let broken = true;
    const child = defineWorkflow({ name: "demo.child" }).step("work", () => {
      if (broken) throw new SourceError("gone");
      return "ok";
    });
    const parent = defineWorkflow({ name: "demo.parent" }).pipeline("call", {
      run: child,
      params: () => ({}),
    });
    spine.workflows.add(child);
    const run = await spine.run(parent, {});
    await expect(run.result()).rejects.toMatchObject({ category: "SOURCE" });
    broken = false;
    expect(await (await spine.retry(run.id)).result()).toEqual({ outputs: { call: { work: "ok" } } });
    expect((await spine.history.list({ workflow: "demo.child" })).items).toHaveLength(1);
  });

  test("stop() waits for its runs to let go, and may be called twice", async () => {
    const spine = await start();
    let unwound = false;
    const flow = defineWorkflow({ name: "demo.stop" }).step("wait", async ({ signal, checkpoint }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await checkpoint("late", () => 1).catch(() => {});
      unwound = true;
    });
    const begun = new Promise((resolve) => spine.on("run.changed", resolve));
    const run = await spine.run(flow, {});
    await begun;
    await Promise.all([spine.stop(), spine.stop()]);
    // Its attempt was cut short, it did not fail: nothing counts against its retries.
    const reader = await start({ worker: false });
    expect(await attemptsOf(reader, run.id)).toEqual(["wait#1 CANCELLED"]);
    expect((await reader.get(run.id)).run).toMatchObject({ status: "PENDING", crashes: 0 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(unwound).toBe(true);
  });
});

describe("pages and chunks", () => {
  const page = (from: number) => ({ rows: [{ n: String(from) }, { n: String(from + 1) }], cursor: from + 2 });
  const flow = (source: Source<null, { n: string }>, seen: string[], failAt?: string) => {
    let failures = failAt === undefined ? 0 : 1;
    return defineWorkflow({ name: "demo.pages" })
      .fetch("fetch", { from: source, request: () => null, retry: { attempts: 3, delay: 1 } })
      .transform("transform", {
        from: "fetch",
        row: (row) => {
          if (row.n === failAt && failures-- > 0) throw new TransientError("again");
          seen.push(row.n);
          return row;
        },
        schema: z.object({ n: z.string() }),
        retry: { attempts: 3, delay: 1 },
      });
  };

  test("a transform goes on at the chunk that was under way", async () => {
    const spine = await start();
    const source: Source<null, { n: string }> = {
      name: "demo.numbers",
      async *stream() {
        for (let at = 0; at < 8; at += 2) yield page(at);
      },
    };
    const seen: string[] = [];
    const { outputs } = await (await spine.run(flow(source, seen, "5"), {}))
      .result()
      .catch(async () => ({ outputs: null }));
    // A row function that throws is a fault of the code, not retried; what was done is kept all the same.
    expect(outputs).toBeNull();
    const [failed] = (await spine.history.list({ workflow: "demo.pages" })).items;
    await (await spine.retry(failed?.runId ?? "")).result();
    expect(seen).toEqual(["0", "1", "2", "3", "4", "4", "5", "6", "7"]);
  });

  test("a source that changed since its first pages is read anew, and nothing of the old is kept", async () => {
    const spine = await start();
    let version = 1;
    const source: Source<null, { n: string }> = {
      name: "demo.changing",
      async *stream(_request, options) {
        if (version === 2 && options?.cursor) throw new SourceError("changed", { code: "SOURCE_CHANGED" });
        if (version === 1) {
          yield page(0);
          version = 2;
          throw new TransientError("reset");
        }
        yield page(100);
      },
    };
    const seen: string[] = [];
    const { outputs } = await (await spine.run(flow(source, seen), {})).result();
    expect(seen).toEqual(["100", "101"]);
    expect(outputs.fetch.rows).toBe(2);
  });

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["no rows", { cursor: 1 }],
    ["no cursor", { rows: [] }],
    ["a row that is no object", { rows: [{ n: "1" }, 1], cursor: 1 }],
    ["no row in the place of one", { rows: [null], cursor: 1 }],
    ["a list for a row", { rows: [["1"]], cursor: 1 }],
    ["fewer lines than rows", { rows: [{ n: "1" }, { n: "2" }], lines: [1], cursor: 1 }],
  ])("a source that yields a page with %s is told what a page is", async (_what, bad) => {
    const spine = await start();
    const source: Source<null, { n: string }> = {
      name: "demo.bad",
      async *stream() {
        yield bad as never;
      },
    };
    await expect((await spine.run(flow(source, []), {})).result()).rejects.toMatchObject({
      category: "SOURCE",
      message: expect.stringContaining('Source "demo.bad" yielded a page'),
    });
  });
});
