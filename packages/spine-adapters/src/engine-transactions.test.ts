// A step that keeps its own transaction open beside runs that go on.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { createSpine, defineTable, defineWorkflow, Step, silentLogger } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { watchMachine } from "./testing/machine-stalls.ts";
import { placeOn } from "./testing/places.ts";

const HELD_MS = 500;
const STEPS = 100;
const MOST_STALL_MS = 50;
const table = defineTable({ name: "written_by_a", columns: { id: "text" }, key: ["id"] });

describe("run A holds its transaction for half a second and throws, while run B completes 100 steps", () => {
  test.each([
    ["SQLite", "B waits for the one writer"],
    ["Postgres", "B goes on meanwhile"],
  ])(
    "on %s: %s; none of B's steps is missing or undone, the event loop does not stop",
    {
      // A machine that is busy stops the loop now and then; what waits inside a database stops it each time.
      retry: 2,
    },
    async (name) => {
      const place = await placeOn(name);
      const spine = await createSpine({ database: place.database(), logger: silentLogger });
      onTestFinished(async () => {
        await spine.stop();
        place.remove();
      });
      await spine.database.ensureTable(table);
      let opened = () => {};
      const isOpen = new Promise<void>((resolve) => {
        opened = resolve;
      });
      let ranMeanwhile = 0;
      const ran: string[] = [];
      const a = defineWorkflow({ name: "demo.holds" }).step(
        "hold",
        async (context) => {
          await context.transaction(async (transaction) => {
            await transaction.insertRows(table, one({ id: "of a transaction that was rolled back" }), STAMP);
            opened();
            await delay(HELD_MS);
            ranMeanwhile = ran.length;
            throw new Error("after all that");
          });
        },
        { retry: { attempts: 1 } },
      );
      const steps = Array.from({ length: STEPS }, (_, index) =>
        Step.lambda(`s${index}`, ({ step }) => void ran.push(step)),
      );
      const b = defineWorkflow({ name: "demo.goes_on", steps });
      // What is compiled and prepared the first time is no stall of what is tested.
      await (await spine.run(defineWorkflow({ name: "demo.warm", steps }), {})).result();
      ran.length = 0;

      const stopWatching = await watchMachine();
      const stalls = monitorEventLoopDelay({ resolution: 5 });
      stalls.enable();
      const runA = await spine.run(a, {});
      const failed = runA.result().then(
        () => null,
        (error: unknown) => error,
      );
      await isOpen;
      const runB = await spine.run(b, {});
      await runB.result();
      expect(await failed).toMatchObject({ code: "STEP_FAILED" });
      stalls.disable();
      const ofMachine = await stopWatching();

      // Each ran once, and each is in the history.
      expect(ran).toEqual(steps.map((step) => step.name));
      const { run, steps: recorded } = await spine.get(runB.id);
      expect(recorded.map(({ name: step, status }) => `${step} ${status}`)).toEqual(
        steps.map((step) => `${step.name} COMPLETED`),
      );
      expect(run.status).toBe("COMPLETED");
      expect((await spine.history.events(runB.id)).map(({ seq }) => seq)).toEqual(
        Array.from({ length: run.version }, (_, index) => index + 1),
      );
      expect(await spine.database.kysely.selectFrom(table.name).selectAll().execute()).toEqual([]);
      expect(stalls.max / 1e6).toBeLessThan(MOST_STALL_MS + ofMachine);
      if (name === "Postgres") expect(ranMeanwhile).toBeGreaterThan(10);
      else expect(ranMeanwhile).toBe(0);
    },
  );
});

describe.each(["SQLite", "Postgres"])("a step's transaction on %s", (name) => {
  async function open() {
    const place = await placeOn(name);
    const spine = await createSpine({ database: place.database(), logger: silentLogger });
    onTestFinished(async () => {
      await spine.stop();
      place.remove();
    });
    await spine.database.ensureTable(table);
    return spine;
  }

  test("is not disturbed by what its own run writes meanwhile: logs, checkpoints, other transactions", async () => {
    const spine = await open();
    const did: string[] = [];
    const flow = defineWorkflow({ name: "demo.beside" }).step("s", async (context) => {
      const { checkpoint, transaction, logger } = context;
      return await Promise.all([
        transaction(
          async (open) => {
            did.push("first");
            await open.insertRows(table, one({ id: "x" }), STAMP);
            await open.kysely.selectFrom(table.name).selectAll().execute();
            logger.info("while it is open");
            await delay(1_300);
            return 1;
          },
          { key: "first" },
        ),
        checkpoint("beside", () => 2),
        transaction(
          async () => {
            did.push("second");
            return 3;
          },
          { key: "second" },
        ),
      ]);
    });
    const run = await spine.run(flow, {});
    expect((await run.result()).outputs.s).toEqual([1, 2, 3]);
    expect(did.sort()).toEqual(["first", "second"]);
    expect(await spine.logs.read(run.id)).toHaveLength(1);
  });

  test("is refused what would wait for itself", async () => {
    const spine = await open();
    const flow = defineWorkflow({ name: "demo.inside" }).step("s", ({ checkpoint, transaction }) =>
      transaction(async () => await checkpoint("inside", () => 1)),
    );
    const started = performance.now();
    await expect((await spine.run(flow, {})).result()).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  test("of an attempt that has timed out commits nothing", async () => {
    const spine = await open();
    let late: Promise<unknown> = Promise.resolve();
    const flow = defineWorkflow({ name: "demo.late" }).step(
      "s",
      async ({ attempt, transaction }) => {
        if (attempt > 1) return "second";
        late = transaction(async (open) => {
          await open.insertRows(table, one({ id: "late" }), STAMP);
          await delay(400);
        });
        return await late;
      },
      { timeout: "100ms", retry: { attempts: 2, delay: "1ms" } },
    );
    const run = await spine.run(flow, {});
    expect((await run.result()).outputs.s).toBe("second");
    await expect(late).rejects.toMatchObject({ code: "STEP_TIMEOUT" });
    expect(await spine.database.kysely.selectFrom(table.name).selectAll().execute()).toEqual([]);
  });
});

const STAMP = { loadId: "a", loadedAt: "2026-01-05T09:00:00.000Z" };
async function* one(row: { readonly id: string }) {
  yield [row];
}
