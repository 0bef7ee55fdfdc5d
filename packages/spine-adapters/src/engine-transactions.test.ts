// A step that keeps its own transaction open beside runs that go on.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { createSpine, defineTable, defineWorkflow, Step, silentLogger } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
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
      expect(stalls.max / 1e6).toBeLessThan(MOST_STALL_MS);
      if (name === "Postgres") expect(ranMeanwhile).toBeGreaterThan(10);
      else expect(ranMeanwhile).toBe(0);
    },
  );
});

const STAMP = { loadId: "a", loadedAt: "2026-01-05T09:00:00.000Z" };
async function* one(row: { readonly id: string }) {
  yield [row];
}
