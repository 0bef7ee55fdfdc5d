// Crash points and deaths themselves, on a real database.

import { createSpine, defineWorkflow, type Spine, silentLogger } from "spine-core";
import { type CrashPoint, mortal, type Reach, withCrashPoints } from "spine-core/testing";
import { describe, expect, test } from "vitest";
import { memory, PLACES } from "./testing/places.ts";

const hello = defineWorkflow({ name: "demo.points" })
  .step("one", async ({ transaction }) => await transaction(async () => "written"))
  .step(
    "two",
    ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  );

async function startWith(reach: Reach): Promise<Spine> {
  const { database } = await memory();
  return await createSpine({ database: withCrashPoints(database(), reach), logger: silentLogger });
}

describe("crash points", () => {
  test("stand before and after everything that the engine does to the database", async () => {
    const points: CrashPoint[] = [];
    const spine = await startWith((point) => void points.push(point));
    const run = await spine.run(hello, {});
    await expect.poll(async () => (await spine.get(run.id)).steps.length, { interval: 5 }).toBe(2);
    await spine.cancel(run.id);
    await spine.stop();
    const seen = points.filter((point) => !point.endsWith("claim"));
    expect(seen).toEqual(
      // The commit inside the transaction is part of it.
      ["beat", "create", "transaction", "advance", "control", "beat"].flatMap((effect) => [
        `before ${effect}`,
        `after ${effect}`,
      ]),
    );
    expect(points.filter((point) => point.endsWith("claim")).slice(0, 2)).toEqual([
      "before claim",
      "after claim",
    ]);
  });

  test("refuse an effect by throwing", async () => {
    const spine = await startWith((point) => {
      if (point === "before create") throw new Error("refused");
    });
    await expect(spine.run(hello, {})).rejects.toThrow("refused");
    expect((await spine.history.list({})).items).toEqual([]);
    await spine.stop();
  });
});

describe.each(PLACES)("a death on %s", (_, open) => {
  test("rolls back what was open, answers nothing, and lets go of everything", async () => {
    const place = await open();
    const observer = place.database();
    await observer.connect({ clock: { now: () => 0, after: () => () => {} } });
    await observer.kysely.schema.createTable("written").addColumn("x", "integer").execute();
    const life = mortal(place.database());
    const dying = withCrashPoints(life.database, (point) => {
      if (point === "before transaction") return life.die();
    });
    await dying.connect({ clock: { now: () => 0, after: () => () => {} } });
    const answers: string[] = [];
    const write = (at: typeof dying) =>
      at.transaction(
        async ({ kysely }) => void (await kysely.insertInto("written").values({ x: 1 }).execute()),
      );
    void write(dying).finally(() => answers.push("first"));
    await life.dead;
    void write(dying).finally(() => answers.push("second"));
    void dying.close().finally(() => answers.push("closed"));
    // Nobody holds a lock: another writes at once.
    await write(observer);
    expect(await observer.kysely.selectFrom("written").selectAll().execute()).toHaveLength(1);
    expect(answers).toEqual([]);
    await observer.close();
    place.remove();
  });
});
