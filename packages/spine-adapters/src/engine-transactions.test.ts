// A step that keeps its own transaction open beside runs that go on.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
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

  test.each([
    "ROLLBACK",
    "COMMIT",
    "/* so */ commit;",
    "END",
    "BEGIN",
    "ROLLBACK; BEGIN",
    "SELECT 1; COMMIT",
  ])(
    "cannot be ended from inside: %s is refused, and what was written before it is gone",
    async (statement) => {
      const spine = await open();
      const flow = defineWorkflow({ name: "demo.ends" }).step("s", ({ transaction }) =>
        transaction(async (open) => {
          await open.insertRows(table, one({ id: "paid" }), STAMP);
          await sql.raw(statement).execute(open.kysely);
          return "paid";
        }),
      );
      // What follows the first statement of a text is not carried out on SQLite.
      const isRest = statement.startsWith("SELECT");
      const run = await spine.run(flow, {});
      const written = () => spine.database.kysely.selectFrom(table.name).select("id").execute();
      if (isRest && name === "SQLite") {
        expect((await run.result()).outputs.s).toBe("paid");
        expect(await written()).toEqual([{ id: "paid" }]);
        return;
      }
      const error: unknown = await run.result().catch((reason: unknown) => reason);
      expect(await written()).toEqual([]);
      expect(error).toMatchObject(
        isRest
          ? { code: "DATABASE_FAILED", message: expect.stringContaining("multiple commands") as string }
          : {
              code: "TRANSACTION_INVALID",
              message: expect.stringContaining("cannot be sent through an open transaction") as string,
            },
      );
      const { steps } = await spine.get(run.id);
      expect(steps.map(({ status }) => status)).toEqual(["FAILED"]);
    },
  );

  test.runIf(name === "Postgres")(
    `is recorded in its own transaction only: one without its mark is refused${name === "Postgres" ? "" : " (SQLite needs no mark)"}`,
    async () => {
      const spine = await open();
      const flow = defineWorkflow({ name: "demo.unmarked" }).step("s", ({ transaction }) =>
        transaction(async (open) => {
          await open.insertRows(table, one({ id: "paid" }), STAMP);
          // As it is after a COMMIT and a BEGIN.
          await sql.raw("SET LOCAL spine.in_transaction = ''").execute(open.kysely);
        }),
      );
      const run = await spine.run(flow, {});
      await expect(run.result()).rejects.toMatchObject({
        code: "TRANSACTION_INVALID",
        message: expect.stringContaining("ended by something else; nothing was recorded") as string,
      });
      expect(await spine.database.kysely.selectFrom(table.name).select("id").execute()).toEqual([]);
    },
  );

  test("may have savepoints", async () => {
    const spine = await open();
    const flow = defineWorkflow({ name: "demo.savepoints" }).step("s", ({ transaction }) =>
      transaction(async (open) => {
        await open.insertRows(table, one({ id: "kept" }), STAMP);
        await sql.raw("SAVEPOINT a").execute(open.kysely);
        await open.insertRows(table, one({ id: "undone" }), STAMP);
        await sql.raw("ROLLBACK TO a").execute(open.kysely);
        await sql.raw("RELEASE SAVEPOINT a").execute(open.kysely);
        return 1;
      }),
    );
    expect((await (await spine.run(flow, {})).result()).outputs.s).toBe(1);
    expect(await spine.database.kysely.selectFrom(table.name).select("id").execute()).toEqual([
      { id: "kept" },
    ]);
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
