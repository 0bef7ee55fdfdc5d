// On SQLite, what waits inside of a transaction of the host's query builder for that transaction itself: it would wait for ever.
import { setTimeout as delay } from "node:timers/promises";
import type { Kysely } from "kysely";
import {
  type AnySchema,
  createSpine,
  type Database,
  defineWorkflow,
  silentLogger,
  systemClock,
} from "spine-core";
import { describe, expect, type TestContext, test } from "vitest";
import { memory } from "./databases/sqlite.ts";
import { placeOn } from "./testing/places.ts";

const workflow = defineWorkflow({ name: "demo.beside" }).step("first", () => "done");

async function inFile(): Promise<{ readonly database: Database; readonly remove: () => void }> {
  const place = await placeOn("SQLite");
  return { database: place.database(), remove: () => place.remove() };
}

describe.concurrent.each([
  ["in a file", inFile],
  ["in memory", async () => ({ database: memory(), remove: () => {} })],
])("%s", (_name, open) => {
  async function start({ onTestFinished }: TestContext) {
    const { database, remove } = await open();
    const spine = await createSpine({ database, logger: silentLogger });
    onTestFinished(async () => {
      await spine.stop();
      remove();
    });
    const { kysely } = database;
    await kysely.schema.createTable("orders").addColumn("id", "integer").execute();
    const ids = async () =>
      (await kysely.selectFrom("orders").select("id").execute()).map(({ id }) => Number(id));
    const insert = async (on: Kysely<AnySchema>, id: number) =>
      void (await on.insertInto("orders").values({ id }).execute());
    return { spine, kysely, ids, insert };
  }

  const tooLong = {
    code: "TRANSACTION_TOO_LONG",
    message: expect.stringContaining("{ transaction }") as string,
  };

  test("a start that was not given the transaction ends it, and everything goes on", async (context) => {
    const { spine, kysely, ids, insert } = await start(context);
    const begun = performance.now();
    let run: { readonly id: string } | undefined;
    const transaction = kysely.transaction().execute(async (trx) => {
      await insert(trx, 1);
      run = await spine.run(workflow, {}, { key: "k" });
    });
    await expect(transaction).rejects.toMatchObject(tooLong);
    expect(performance.now() - begun).toBeLessThan(7_000);
    expect(await ids()).toEqual([]);
    // The run was started on its own, and is there.
    const again = await spine.run(workflow, {}, { key: "k" });
    expect([again.existing, again.id]).toEqual([true, run?.id]);
    expect((await again.result()).outputs).toEqual({ first: "done" });
    await kysely.transaction().execute((trx) => insert(trx, 2));
    expect(await ids()).toEqual([2]);
  });

  test("so do a write beside it, and a transaction whose end the host says himself", async (context) => {
    const { kysely, ids, insert } = await start(context);
    const controlled = await kysely.startTransaction().execute();
    await insert(controlled, 1);
    await insert(kysely, 2);
    await expect(insert(controlled, 3)).rejects.toMatchObject(tooLong);
    await expect(controlled.commit().execute()).rejects.toMatchObject(tooLong);
    expect(await ids()).toEqual([2]);
  });

  test("a slow one that is at work meanwhile does not fail", async (context) => {
    const { spine, kysely, ids, insert } = await start(context);
    await kysely.transaction().execute(async (trx) => {
      await insert(trx, 1);
      // The process itself may wait for the writer, so five seconds are the most.
      await delay(4_000);
      await insert(trx, 2);
    });
    let run: ReturnType<typeof spine.run> | undefined;
    await kysely.transaction().execute(async (trx) => {
      run = spine.run(workflow, {});
      for (let id = 3; id < 6; id += 1) {
        await delay(3_000);
        await insert(trx, id);
      }
    });
    expect((await (await run)?.result())?.outputs).toEqual({ first: "done" });
    expect(await ids()).toEqual([1, 2, 3, 4, 5]);
  });
});

test.concurrent("a transaction that nobody waits for may do nothing for as long as it likes", async ({
  onTestFinished,
}) => {
  // No Spine is at work: its own writes (at its start, for instance) would wait.
  const { database, remove } = await inFile();
  await database.connect({ clock: systemClock });
  onTestFinished(async () => {
    await database.close();
    remove();
  });
  const { kysely } = database;
  await kysely.schema.createTable("orders").addColumn("id", "integer").execute();
  await kysely.transaction().execute(async (trx) => {
    for (const id of [1, 2]) {
      if (id === 2) await delay(6_000);
      await trx.insertInto("orders").values({ id }).execute();
    }
  });
  expect(await kysely.selectFrom("orders").select("id").execute()).toEqual([{ id: 1 }, { id: 2 }]);
});
