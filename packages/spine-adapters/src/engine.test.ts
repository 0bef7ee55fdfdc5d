// The engine of spine-core on a real SQLite database: what a run promises, seen from outside.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  defineTable,
  defineWorkflow,
  HistoryTracker,
  jsonLogger,
  type QualityCheck,
  type QualityInput,
  range,
  recordCount,
  reject,
  rejectShare,
  type Source,
  SourceError,
  type Spine,
  SpineError,
  Step,
  secret,
  TransientError,
} from "spine-core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { attemptsOf, engineFixture } from "./testing/engine-fixture.ts";

const { folder, start } = engineFixture();
const params = z.object({ n: z.number() });
const fast = { attempts: 3, delay: 5 } as const;

test.each([
  ["concurrency", 0],
  ["concurrency", -1],
  ["concurrency", Number.NaN],
  ["concurrency", 1.5],
  ["concurrency", "3"],
  ["logLevel", "LOUD"],
  ["logLevel", "info"],
])("createSpine refuses %s %s before the database is opened", async (option, value) => {
  await expect(start({ [option]: value } as never)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(new RegExp(`\`${option}\` is ${value}; use `)),
  });
  expect(existsSync(join(folder(), "spine.db"))).toBe(false);
});

describe("a run", () => {
  test("records each step before the next one begins, and gives typed outputs as JSON gave them back", async () => {
    const spine = await start();
    const seen: unknown[] = [];
    const flow = defineWorkflow({ name: "demo.flow", params })
      .step("one", ({ params: { n }, metric }) => {
        metric("asked", n);
        return { at: new Date(0), n, dropped: undefined };
      })
      .step("two", async ({ outputs, runId }) => {
        const { steps } = await spine.get(runId);
        seen.push(
          outputs.one,
          steps.map(({ name, status }) => [name, status]),
        );
        return outputs.one.n * 2;
      });
    const run = await spine.run(flow, { n: 21 });
    const { outputs } = await run.result();
    expect(outputs).toEqual({ one: { at: "1970-01-01T00:00:00.000Z", n: 21 }, two: 42 });
    expect(seen).toEqual([
      { at: "1970-01-01T00:00:00.000Z", n: 21 },
      [
        ["one", "COMPLETED"],
        ["two", "RUNNING"],
      ],
    ]);
    const { run: record } = await spine.get(run.id);
    expect(record).toMatchObject({
      status: "COMPLETED",
      metrics: { asked: 21 },
      params: { n: 21 },
      triggeredBy: "api",
    });
    const events = await spine.history.events(run.id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)).toMatchObject({ type: "run.completed", seq: record.version });
  });

  test("with an output that JSON would make another one of fails, and says where", async () => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.flow" }).step("one", () => ({ at: new Date("soon") }));
    await expect((await spine.run(flow, {})).result()).rejects.toMatchObject({
      code: "PAYLOAD_INVALID",
      message: expect.stringContaining("an invalid Date at at"),
    });
  });

  test("is refused before anything is stored when its params do not fit, naming each path", async () => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.flow", params }).step("one", () => 1);
    await expect(spine.run(flow, { n: "x" } as never)).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
      category: "VALIDATION",
      detail: { issues: [{ path: "/n" }] },
    });
    await expect(spine.run("demo.nope", {})).rejects.toMatchObject({ code: "UNKNOWN_WORKFLOW" });
    await expect(spine.run(defineWorkflow({ name: "demo.empty" }), {})).rejects.toMatchObject({
      code: "WORKFLOW_INVALID",
    });
    expect((await spine.history.list({})).items).toEqual([]);
  });

  test("with a key is started once; the same key with other params is refused", async () => {
    const spine = await start();
    let times = 0;
    const flow = defineWorkflow({ name: "demo.flow", params }).step("one", () => ++times);
    const [a, b] = await Promise.all([
      spine.run(flow, { n: 1 }, { key: "k" }),
      spine.run(flow, { n: 1 }, { key: "k" }),
    ]);
    expect(b.id).toBe(a.id);
    expect([a.existing, b.existing].sort()).toEqual([false, true]);
    expect(await b.result()).toEqual({ outputs: { one: 1 } });
    await expect(spine.run(flow, { n: 2 }, { key: "k" })).rejects.toMatchObject({ code: "KEY_REUSED" });
    expect(times).toBe(1);
  });

  test("tries retryable failures again, an attempt a row, and others not", async () => {
    const spine = await start();
    let calls = 0;
    const flaky = defineWorkflow({ name: "demo.flaky" }).step(
      "call",
      () => {
        calls += 1;
        if (calls < 3) throw new TransientError("busy");
        return calls;
      },
      { retry: fast },
    );
    const run = await spine.run(flaky, {});
    expect(await run.result()).toEqual({ outputs: { call: 3 } });
    expect(await attemptsOf(spine, run.id)).toEqual(["call#1 FAILED", "call#2 FAILED", "call#3 COMPLETED"]);

    const broken = defineWorkflow({ name: "demo.broken" }).step("call", () => {
      throw new TypeError("x is undefined");
    });
    const failed = await spine.run(broken, {});
    await expect(failed.result()).rejects.toMatchObject({
      code: "STEP_FAILED",
      category: "INTERNAL",
      context: { workflow: "demo.broken", step: "call", attempt: 1, runId: failed.id },
    });
    expect((await spine.get(failed.id)).run).toMatchObject({
      status: "FAILED",
      error: { code: "STEP_FAILED" },
    });
  });

  test("an output that JSON cannot hold fails its step, not the process", async () => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.nan" }).step("one", () => ({ rate: Number.NaN }));
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({ code: "PAYLOAD_INVALID", detail: { path: "rate" } });
  });

  test("a step that takes longer than its timeout is aborted and fails with STEP_TIMEOUT", async () => {
    const spine = await start();
    let aborted = false;
    const flow = defineWorkflow({ name: "demo.slow" }).step(
      "sleep",
      ({ signal }) =>
        new Promise(() => {
          signal.addEventListener("abort", () => {
            aborted = true;
          });
        }),
      { timeout: 20, retry: { attempts: 1 } },
    );
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({ code: "STEP_TIMEOUT", category: "TIMEOUT" });
    expect(aborted).toBe(true);
  });

  test("can be cancelled: its signal is aborted and what it still returns is refused", async () => {
    const spine = await start();
    const aborted = Promise.withResolvers<string>();
    const flow = defineWorkflow({ name: "demo.cancel" })
      .step("one", () => 1)
      .step(
        "two",
        ({ signal }) =>
          new Promise((resolve) => {
            signal.addEventListener("abort", () => {
              aborted.resolve(SpineError.from(signal.reason).code);
              resolve("late");
            });
          }),
      )
      .step("three", () => 3);
    const begun = new Promise<void>((resolve) =>
      spine.on("step.started", ({ step }) => step === "two" && resolve()),
    );
    const run = await spine.run(flow, {});
    await begun;
    await spine.cancel(run.id);
    // By the signal, not by the database: nobody else tells the step.
    expect(await aborted.promise).toBe("RUN_CANCELLED");
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect(await attemptsOf(spine, run.id)).toEqual(["one#1 COMPLETED", "two#1 CANCELLED"]);
    await expect(spine.cancel(run.id)).rejects.toMatchObject({ code: "RUN_CONFLICT" });
    await expect(spine.cancel("00000000-0000-7000-8000-000000000000")).rejects.toMatchObject({
      code: "RUN_NOT_FOUND",
    });
  });

  test("goes on at the failed step when it is retried; what was finished stays", async () => {
    const spine = await start();
    const ran: string[] = [];
    let broken = true;
    const flow = defineWorkflow({ name: "demo.retry" })
      .step("one", () => void ran.push("one"))
      .step("two", () => {
        ran.push("two");
        if (broken) throw new SourceError("gone");
        return "ok";
      });
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({ category: "SOURCE" });
    broken = false;
    const again = await spine.retry(run.id);
    expect(await again.result()).toEqual({ outputs: { one: null, two: "ok" } });
    expect(ran).toEqual(["one", "two", "two"]);
    expect((await spine.get(run.id)).run).toMatchObject({ status: "COMPLETED", error: null });
  });

  test("stopped in the middle goes on in the next Spine on the same database, in the step under way", async () => {
    const ran: string[] = [];
    const make = (second: () => unknown) =>
      defineWorkflow({ name: "demo.stop" })
        .step("one", () => void ran.push("one"))
        .step("two", second);
    const first = await start();
    const begun = new Promise<void>((resolve) =>
      first.on("step.started", ({ step }) => step === "two" && resolve()),
    );
    const run = await first.run(
      make(() => new Promise(() => {})),
      {},
    );
    await begun;
    await first.stop();
    const second = await start({ workflows: [make(() => ran.push("two"))] });
    await (await second.attach(run.id)).result();
    expect(ran).toEqual(["one", "two"]);
  });

  test("whose workflow has other steps by now fails with the difference", async () => {
    const first = await start();
    const old = defineWorkflow({ name: "demo.changed" })
      .step("one", () => 1)
      .step("two", () => new Promise(() => {}));
    const begun = new Promise<void>((resolve) =>
      first.on("step.started", ({ step }) => step === "two" && resolve()),
    );
    const run = await first.run(old, {});
    await begun;
    await first.stop();
    const other = defineWorkflow({ name: "demo.changed" })
      .step("one", () => 1)
      .step("three", () => 3);
    const second = await start({ workflows: [other] });
    await expect((await second.attach(run.id)).result()).rejects.toMatchObject({
      code: "WORKFLOW_CHANGED",
      message: expect.stringMatching(/"one", "two".*"one", "three"/),
    });
  });

  test("of a workflow that nobody here knows waits for somebody who does", async () => {
    const first = await start({ worker: false });
    const flow = defineWorkflow({ name: "demo.elsewhere" }).step("one", () => "done");
    const run = await first.run(flow, {});
    await first.stop();
    const stranger = await start();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await stranger.get(run.id)).run.status).toBe("PENDING");
    const friend = await start({ workflows: [flow] });
    expect(await (await friend.attach(run.id)).result()).toEqual({ outputs: { one: "done" } });
  });

  test("can be made of other pipelines, by constant and by name, each once", async () => {
    const spine = await start({ concurrency: 1 });
    let children = 0;
    const child = defineWorkflow({ name: "demo.child", params }).step("double", ({ params: { n } }) => {
      children += 1;
      return n * 2;
    });
    let failures = 1;
    const parent = defineWorkflow({ name: "demo.parent", params })
      .pipeline("first", { run: child, params: ({ params: { n } }) => ({ n }) })
      .step("check", ({ outputs }) => outputs.first.double + 1);
    spine.workflows.add(child);
    const run = await spine.run(parent, { n: 4 });
    expect(await run.result()).toEqual({ outputs: { first: { double: 8 }, check: 9 } });

    const byName = defineWorkflow({
      name: "demo.by_name",
      params,
      steps: [
        Step.pipeline("call", "demo.child", ({ params: given }) => given, { retry: fast }),
        Step.lambda(
          "then",
          () => {
            if (failures-- > 0) throw new TransientError("once");
            return null;
          },
          { retry: fast },
        ),
      ],
    });
    await (await spine.run(byName, { n: 1 })).result();
    expect(children).toBe(2);
    const { items } = await spine.history.list({ workflow: "demo.child" });
    expect(items.map(({ parentRunId, triggeredBy }) => [typeof parentRunId, triggeredBy])).toEqual([
      ["string", "pipeline"],
      ["string", "pipeline"],
    ]);
  });
});

describe("inside a step", () => {
  const log = defineTable({ name: "effects", columns: { id: "text" }, key: ["id"] });

  test("a checkpoint is worked out once, whatever happens to the attempt", async () => {
    const spine = await start();
    const worked: string[] = [];
    let failures = 2;
    const flow = defineWorkflow({ name: "demo.checkpoints" }).step(
      "pages",
      async ({ checkpoint }) => {
        const results: string[] = [];
        for (const page of ["a", "b", "c"]) {
          const result = await checkpoint(page, () => {
            worked.push(page);
            return { at: new Date(0), page };
          });
          results.push(`${result.page} ${result.at}`);
          if (page === "b" && failures-- > 0) throw new TransientError("again");
        }
        return results;
      },
      { retry: fast },
    );
    const { outputs } = await (await spine.run(flow, {})).result();
    expect(outputs.pages).toEqual(["a", "b", "c"].map((page) => `${page} 1970-01-01T00:00:00.000Z`));
    expect(worked).toEqual(["a", "b", "c"]);
  });

  test("two calls with one key share the work", async () => {
    const spine = await start();
    let worked = 0;
    const flow = defineWorkflow({ name: "demo.shared" }).step("both", ({ checkpoint }) =>
      Promise.all([1, 2, 3].map(() => checkpoint("same", () => ++worked))),
    );
    expect((await (await spine.run(flow, {})).result()).outputs.both).toEqual([1, 1, 1]);
  });

  test("a transaction's effects happen exactly once, and not at all when it throws", async () => {
    const spine = await start();
    await spine.database.ensureTable(log);
    let failures = 1;
    let lost = 1;
    const flow = defineWorkflow({ name: "demo.effects" }).step(
      "write",
      async ({ transaction, attempt }) => {
        const written = await transaction(async ({ kysely }) => {
          const row = { id: `row-${attempt}`, _spine_load_id: "l", _spine_loaded_at: "t" };
          await kysely.insertInto("effects").values(row).execute();
          if (failures-- > 0) throw new TransientError("rolled back");
          return attempt;
        });
        if (lost-- > 0) throw new TransientError("after the commit");
        return written;
      },
      { retry: fast },
    );
    const run = await spine.run(flow, {});
    expect((await run.result()).outputs.write).toBe(2);
    expect(await attemptsOf(spine, run.id)).toEqual([
      "write#1 FAILED",
      "write#2 FAILED",
      "write#3 COMPLETED",
    ]);
    expect(await spine.database.kysely.selectFrom("effects").select("id").execute()).toEqual([
      { id: "row-2" },
    ]);
  });

  test("a transaction of a run that was cancelled meanwhile is rolled back", async () => {
    const spine = await start();
    await spine.database.ensureTable(log);
    const other = await start();
    const entered = Promise.withResolvers<string>();
    const cancelled = Promise.withResolvers<void>();
    const flow = defineWorkflow({ name: "demo.zombie" }).step("write", async ({ transaction, runId }) => {
      entered.resolve(runId);
      await cancelled.promise;
      await transaction(async ({ kysely }) => {
        const row = { id: "late", _spine_load_id: "l", _spine_loaded_at: "t" };
        await kysely.insertInto("effects").values(row).execute();
      });
    });
    const run = await spine.run(flow, {});
    await other.cancel(await entered.promise);
    cancelled.resolve();
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    await spine.stop();
    expect(await other.database.kysely.selectFrom("effects").selectAll().execute()).toEqual([]);
  });
});

describe("HistoryTracker", () => {
  test("records a run that Spine does not drive, as the seed's story goes", async () => {
    const spine = await start();
    await using tracker = new HistoryTracker(spine.history);
    let runId = "";
    const tracked = tracker.trackWorkflow(
      "legacy.ingest",
      { domain: "finra", params: { tier: "T1" } },
      async (run) => {
        runId = run.runId;
        await run.trackStep("fetch", "lambda", async (step) => step.recordRecords(1500));
        await run.trackStep("archive", "lambda", async (step) => step.skip("nothing to archive"));
        run.recordMetric("total_records", 1500);
        await run.trackStep("quality", "pipeline", async (step) => {
          step.recordRecords({ in: 1500, out: 1400, rejected: 100 });
          throw new TypeError("no rows");
        });
      },
    );
    await expect(tracked).rejects.toThrow("no rows");
    expect(await spine.get(runId)).toMatchObject({
      run: {
        workflow: "legacy.ingest",
        domain: "finra",
        status: "FAILED",
        metrics: { total_records: 1500 },
        triggeredBy: "tracker",
        error: { message: "no rows", context: { workflow: "legacy.ingest" } },
      },
      steps: [
        { name: "fetch", status: "COMPLETED", rows: { in: 1500, out: 1500, rejected: 0 } },
        { name: "archive", status: "SKIPPED", output: { skip_reason: "nothing to archive" } },
        { name: "quality", kind: "pipeline", status: "FAILED", rows: { rejected: 100 } },
      ],
    });
  });

  test("completes with its output, or stays cancelled when it was cancelled", async () => {
    const spine = await start();
    await using tracker = new HistoryTracker(spine.history);
    const ids = await Promise.all([
      tracker.trackWorkflow("legacy.a", {}, async (run) => {
        run.recordOutput({ rows: 3 });
        return run.runId;
      }),
      tracker.trackWorkflow("legacy.b", {}, async (run) => {
        run.cancel("not needed");
        return run.runId;
      }),
    ]);
    const [a, b] = await Promise.all(ids.map((id) => spine.get(id)));
    expect(a?.run).toMatchObject({ status: "COMPLETED", outputs: { rows: 3 }, error: null });
    expect(b?.run).toMatchObject({ status: "CANCELLED", error: { message: "not needed" } });
  });

  test("goes on after a database that was away for a moment, and is gone once it is closed", async () => {
    const { history } = await start();
    const beats: string[] = [];
    const flaky: typeof history = Object.assign(Object.create(history), {
      beat: async (worker: string, state: "alive" | "gone") => {
        beats.push(state);
        if (beats.length === 1) throw new TransientError("away");
        await history.beat(worker, state);
      },
      commit: history.commit.bind(history),
    });
    const tracker = new HistoryTracker(flaky);
    const track = () => tracker.trackWorkflow("legacy.c", {}, async (run) => run.runId);
    await expect(track()).rejects.toThrow("away");
    const id = await track();
    const { promise, resolve } = Promise.withResolvers<void>();
    const long = tracker.trackWorkflow("legacy.d", {}, () => promise);
    const closed = tracker.close();
    expect(beats).toEqual(["alive", "alive"]);
    resolve();
    await Promise.all([long, closed, tracker.close()]);
    expect(beats).toEqual(["alive", "alive", "gone"]);
    await expect(track()).rejects.toMatchObject({ code: "STOPPED" });
    expect((await history.get(id))?.run.status).toBe("COMPLETED");
  });
});

describe("a secret", () => {
  const canary = 'c4n"ary\\secret';
  const flow = defineWorkflow({
    name: "demo.secret",
    params: z.object({ auth: z.object({ token: secret({ schemes: ["vault"] }) }), n: z.number() }),
  })
    .step("use", async ({ params: given, metric, checkpoint, logger }) => {
      logger.warn(`using ${given.auth.token}`, { token: given.auth.token });
      metric("token", given.auth.token);
      await checkpoint("echo", () => ({ echoed: given.auth.token }));
      return {
        same: given.auth.token === canary,
        echo: given.auth.token,
        url: `?key=${encodeURIComponent(given.auth.token)}`,
      };
    })
    .step("fail", ({ params: given }) => {
      throw new SourceError(`401 for ${given.auth.token}`, { detail: { sent: given.auth.token } });
    });

  test("is looked up when a step begins, and stands in nothing that is written", async () => {
    const logged: string[] = [];
    const spine = await start({
      secrets: (reference) => {
        expect(reference).toBe("vault:demo/token");
        return canary;
      },
      logger: jsonLogger("DEBUG", (line) => logged.push(line)),
    });
    const run = await spine.run(flow, { auth: { token: "vault:demo/token" }, n: 1 });
    await expect(run.result()).rejects.toMatchObject({ message: "401 for [redacted]" });
    const { run: record, steps } = await spine.get(run.id);
    expect(record.params).toEqual({ auth: { token: { $secret: "vault:demo/token" } }, n: 1 });
    expect(steps[0]?.output).toEqual({ same: true, echo: "[redacted]", url: "?key=[redacted]" });
    await spine.stop();
    const files = ["spine.db", "spine.db-wal"]
      .map((name) => join(folder(), name))
      .filter((path) => existsSync(path));
    const written = files.map((path) => readFileSync(path, "latin1")).join("") + logged.join("");
    expect(written).toContain("[redacted]");
    for (const form of [canary, JSON.stringify(canary).slice(1, -1), encodeURIComponent(canary)]) {
      expect(written).not.toContain(form);
    }
  });

  test("is refused as a literal, without being repeated in the error", async () => {
    const spine = await start();
    const refused = await spine.run(flow, { auth: { token: canary }, n: 1 }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "VALIDATION_FAILED",
      detail: { issues: [{ path: "/auth/token" }] },
    });
    expect(JSON.stringify(refused)).not.toContain("c4n");
  });

  test("of an environment variable that is not set fails the step and names the parameter", async () => {
    const spine = await start();
    const run = await spine.run(flow, { auth: { token: "env:SPINE_TEST_NOT_SET" }, n: 1 });
    await expect(run.result()).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("environment variable"),
      context: { param: "/auth/token" },
    });
  });
});

describe("data", () => {
  const rows = Array.from({ length: 25 }, (_, index) => ({ id: `r${index}`, qty: String(index) }));
  const pages = (fail?: () => void): Source<{ size: number }, { id: string; qty: string }> => ({
    name: "demo.rows",
    async *stream({ size }, options) {
      for (let at = Number(options?.cursor ?? 0); at < rows.length; at += size) {
        if (at > 0) fail?.();
        yield {
          rows: rows.slice(at, at + size),
          lines: rows.slice(at, at + size).map((_, i) => at + i + 1),
          cursor: at + size,
        };
      }
    },
  });
  const table = defineTable({
    name: "quantities",
    columns: { day: "text", id: "text", qty: "decimal" },
    key: ["day", "id"],
    partition: ["day"],
    captures: "quantities_captures",
  });
  const ingest = (source = pages(), shift = 0) =>
    defineWorkflow({
      name: "demo.ingest",
      params: z.object({ day: z.string() }),
      partition: ({ params: { day } }) => ({ day }),
    })
      .fetch("fetch", { from: source, request: () => ({ size: 10 }), retry: fast })
      .transform("transform", {
        from: "fetch",
        row: (row, { params: { day } }) =>
          row.id === "r7"
            ? reject("UNWANTED", "r7 is not wanted")
            : { day, id: row.id, qty: String(Number(row.qty) + shift) },
        schema: z.object({
          day: z.string(),
          id: z.string().refine((id) => id !== "r9", "no nines"),
          qty: z.string(),
        }),
      })
      .quality("quality", { on: "transform", checks: [recordCount({ min: 1 }), range("qty", { max: 1000 })] })
      .load("load", { from: "transform", into: table, disposition: "replace-partition" });

  const current = (spine: Spine) =>
    spine.database.kysely.selectFrom("quantities").select(["id", "qty", "_spine_load_id"]).execute();

  test("flows from source to table; every row is loaded or rejected with its reason and line", async () => {
    const spine = await start();
    const run = await spine.run(ingest(), { day: "d1" });
    const { outputs } = await run.result();
    expect(outputs.load).toMatchObject({ inserted: 23, superseded: 0, unchanged: false });
    const { steps } = await spine.get(run.id);
    expect(steps.map(({ name, rows: counts }) => [name, counts])).toEqual([
      ["fetch", { in: 25, out: 25, rejected: 0 }],
      ["transform", { in: 25, out: 23, rejected: 2 }],
      ["quality", { in: 23, out: 23, rejected: 0 }],
      ["load", { in: 23, out: 23, rejected: 0 }],
    ]);
    expect(await spine.datasets.rejects({ runId: run.id })).toMatchObject([
      { code: "UNWANTED", line: 8, raw: { id: "r7", qty: "7" } },
      { code: "INVALID_ID", line: 10, message: "id: no nines" },
    ]);
    expect(await current(spine)).toHaveLength(23);
    expect(await spine.partitions.get("quantities", { day: "d1" })).toMatchObject({
      runId: run.id,
      rows: 23,
    });
  });

  test("the same content again changes nothing; other content replaces the partition and keeps the capture", async () => {
    const spine = await start();
    const flow = ingest();
    await (await spine.run(flow, { day: "d1" })).result();
    await (await spine.run(flow, { day: "d2" })).result();
    const before = await current(spine);
    const again = await (await spine.run(flow, { day: "d1" })).result();
    expect(again.outputs.load).toMatchObject({ inserted: 0, superseded: 0, unchanged: true });
    expect(await current(spine)).toEqual(before);

    const restated = await start();
    const { outputs } = await (await restated.run(ingest(pages(), 0.5), { day: "d1" })).result();
    expect(outputs.load).toMatchObject({ inserted: 23, superseded: 23 });
    const captures = await spine.database.kysely.selectFrom("quantities_captures").selectAll().execute();
    expect(captures).toHaveLength(23);
    expect(captures.every((row) => row.day === "d1" && typeof row._spine_superseded_at === "string")).toBe(
      true,
    );
    expect(await current(spine)).toHaveLength(46);
  });

  test("a fetch that fails goes on at the page that was under way", async () => {
    const spine = await start();
    let failures = 2;
    const cursors: unknown[] = [];
    const flaky = pages(() => {
      if (failures-- > 0) throw new TransientError("reset");
    });
    const counted: typeof flaky = {
      ...flaky,
      stream: (request, options) => {
        cursors.push(options?.cursor ?? null);
        return flaky.stream(request, options);
      },
    };
    await (await spine.run(ingest(counted), { day: "d1" })).result();
    expect(cursors).toEqual([null, 10, 10]);
    expect(await current(spine)).toHaveLength(23);
  });

  test("a blocking quality failure ends the run with its report, and the target stays as it was", async () => {
    const spine = await start();
    await (await spine.run(ingest(), { day: "d1" })).result();
    const before = await current(spine);
    const run = await spine
      .run(ingest(pages(), 5000) as ReturnType<typeof ingest>, { day: "d1" })
      .catch((error: unknown) => error);
    expect(run).toMatchObject({ code: "DUPLICATE_NAME" });
    const other = await start();
    const failed = await other.run(ingest(pages(), 5000), { day: "d1" });
    await expect(failed.result()).rejects.toMatchObject({ code: "QUALITY_FAILED", category: "DATA_QUALITY" });
    const { steps } = await other.get(failed.id);
    expect(steps.at(-1)).toMatchObject({
      name: "quality",
      status: "FAILED",
      output: { passed: false, results: [{ status: "PASS" }, { status: "FAIL" }] },
    });
    expect(await current(spine)).toEqual(before);
    const kept = await spine.database.kysely
      .selectFrom("quality_results")
      .selectAll()
      .where("run_id", "=", failed.id)
      .execute();
    expect(kept).toHaveLength(2);
  });

  test("a check sees what was refused on all the way to its dataset, and the run's params", async () => {
    const spine = await start();
    const id = z.object({ id: z.string() });
    const seen: QualityInput[] = [];
    const look: QualityCheck = {
      name: "look",
      category: "INTEGRITY",
      blocking: true,
      memory: "constant",
      start: (input) => {
        seen.push(input);
        return { add: () => {}, finish: () => ({ status: "PASS", message: "" }) };
      },
    };
    const source: Source<object, { readonly id: string }> = {
      name: "demo.torn",
      async *stream() {
        const rejects = [1, 2].map((line) => ({ code: "RAGGED_ROW", message: "torn", line, raw: "x" }));
        yield { rows: ["a", "b", "c"].map((name) => ({ id: name })), rejects, cursor: null };
      },
    };
    const flow = defineWorkflow({ name: "demo.refused", params })
      .fetch("other", { from: source, request: () => ({}) })
      .fetch("fetch", { from: source, request: () => ({}) })
      .transform("first", {
        from: "fetch",
        row: (row) => (row.id === "a" ? reject("NO_A", "no a") : row),
        schema: id,
      })
      .transform("second", {
        from: "first",
        row: (row) => (row.id === "b" ? reject("NO_B", "no b") : row),
        schema: id,
      })
      .quality("quality", { on: "second", checks: [look, rejectShare({ fail: 0.5 })] });
    const run = await spine.run(flow, { n: 7 });
    await expect(run.result()).rejects.toMatchObject({
      code: "QUALITY_FAILED",
      message: expect.stringMatching(/4 of 5 rows refused \(80 %\).*Look at the run's rejects/),
    });
    const more = { partition: null, now: expect.any(Number), schema: { id: ["string"] } };
    expect(seen).toEqual([{ params: { n: 7 }, rows: 1, rejected: 4, ...more }]);
  });

  test("a load that the table refuses leaves table and partition as they were, and says which key", async () => {
    const spine = await start();
    const twice = defineWorkflow({
      name: "demo.twice",
      params: z.object({ day: z.string() }),
      partition: ({ params: { day } }) => ({ day }),
    })
      .fetch("fetch", { from: pages(), request: () => ({ size: 10 }) })
      .transform("transform", {
        from: "fetch",
        row: (row, { params: { day } }) => ({ day, id: row.id === "r20" ? "r3" : row.id, qty: row.qty }),
        schema: z.object({ day: z.string(), id: z.string(), qty: z.string() }),
      })
      .load("load", { from: "transform", into: table, disposition: "replace-partition" });
    await (await spine.run(ingest(), { day: "d1" })).result();
    const before = await current(spine);
    const run = await spine.run(twice, { day: "d1" });
    await expect(run.result()).rejects.toMatchObject({
      code: "LOAD_FAILED",
      message: expect.stringContaining("quantities"),
    });
    expect(await current(spine)).toEqual(before);
    expect(await attemptsOf(spine, run.id)).toEqual([
      "fetch#1 COMPLETED",
      "transform#1 COMPLETED",
      "load#1 FAILED",
    ]);
  });
});
