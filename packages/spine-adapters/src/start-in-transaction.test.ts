// Starts in transactions of the host's own, on each kind of connection.

import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import {
  createSpine,
  defineWorkflow,
  type Hint,
  type Spine,
  type SpineOptions,
  silentHints,
  silentLogger,
  TransientError,
} from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { postgres } from "./databases/postgres.ts";
import { memory, sqlite } from "./databases/sqlite.ts";
import {
  CALLERS,
  connected,
  inClient,
  inDatabaseSync,
  type OpenTransaction,
} from "./testing/caller-connections.ts";
import { placeOn, type SharedPlace } from "./testing/places.ts";
import { createTestDatabase } from "./testing/shared-postgres.ts";

const workflow = defineWorkflow({ name: "demo.called" }).step("first", () => "done");
async function spineAt(
  name: string,
  options: Partial<SpineOptions> = {},
): Promise<{ readonly spine: Spine; readonly place: SharedPlace }> {
  const place = await placeOn(name);
  const spine = await spineOn(place, options);
  return { spine, place };
}

async function spineOn(place: SharedPlace, options: Partial<SpineOptions> = {}): Promise<Spine> {
  const database = place.database();
  const spine = await createSpine({ database, logger: silentLogger, workflows: [workflow], ...options });
  onTestFinished(async () => {
    await spine.stop();
    place.remove();
  });
  return spine;
}

const exists = async (spine: Spine, runId: string) => (await spine.history.glance([runId])).length > 0;

/** What other connections see. In a transaction of its own: some of these transactions keep the writer. */
const CASES = Object.entries(CALLERS).flatMap(([place, callers]) =>
  Object.keys(callers).map((caller) => [place, caller] as const),
);

describe.each(CASES)("on %s, through %s", (name, caller) => {
  const begin = async (spine: Spine, { address }: SharedPlace): Promise<OpenTransaction> => {
    const open = await CALLERS[name]?.[caller]?.(address, spine.database);
    if (!open) throw new Error(caller);
    return open;
  };

  test("a run exists once it is committed, and is then worked on", async () => {
    const { spine, place } = await spineAt(name);
    const open = await begin(spine, place);
    const run = await spine.run(workflow, {}, { transaction: open.transaction, tags: ["called"] });
    expect(run.existing).toBe(false);
    expect(await exists(spine, run.id)).toBe(false);
    await expect(run.result()).rejects.toMatchObject({
      code: "RUN_NOT_FOUND",
      message: expect.stringContaining("once that has been committed") as string,
    });
    await open.commit();
    expect(await exists(spine, run.id)).toBe(true);
    expect((await run.result()).outputs).toEqual({ first: "done" });
    const { items } = await spine.history.list({ tag: "called" });
    expect(items.map(({ runId }) => runId)).toEqual([run.id]);
  });

  test("a run that is rolled back never was", async () => {
    const { spine, place } = await spineAt(name);
    const open = await begin(spine, place);
    const run = await spine.run(workflow, {}, { transaction: open.transaction, key: "k" });
    await open.rollback();
    expect(await exists(spine, run.id)).toBe(false);
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    // Its key is free.
    const again = await spine.run(workflow, {}, { key: "k" });
    expect([again.existing, again.id === run.id]).toEqual([false, false]);
    await again.result();
  });

  test("a key that is taken is found, and the transaction goes on", async () => {
    const { spine, place } = await spineAt(name);
    const first = await spine.run(workflow, {}, { key: "k" });
    await first.result();
    const open = await begin(spine, place);
    const found = await spine.run(workflow, {}, { key: "k", transaction: open.transaction });
    expect([found.existing, found.id]).toEqual([true, first.id]);
    const other = defineWorkflow({ name: "demo.called", params: workflow.params }).step(
      "first",
      () => "done",
    );
    expect(other.fingerprint).toBe(workflow.fingerprint);
    const fresh = await spine.run(workflow, {}, { key: "new", transaction: open.transaction });
    const twice = await spine.run(workflow, {}, { key: "new", transaction: open.transaction });
    expect([fresh.existing, twice.existing, twice.id]).toEqual([false, true, fresh.id]);
    await open.commit();
    expect((await found.result()).outputs).toEqual({ first: "done" });
    expect((await twice.result()).outputs).toEqual({ first: "done" });
  });
});

describe.each(["SQLite", "Postgres"])("on %s", (name) => {
  test("other parameters under a key are refused, and the transaction goes on", async () => {
    const { spine } = await spineAt(name);
    const { z } = await import("zod");
    const wide = defineWorkflow({ name: "demo.wide", params: z.object({ n: z.number() }) }).step(
      "s",
      () => 1,
    );
    await (await spine.run(wide, { n: 1 }, { key: "k" })).result();
    const run = await spine.database.transaction(async (transaction) => {
      await expect(spine.run(wide, { n: 2 }, { key: "k", transaction })).rejects.toMatchObject({
        code: "KEY_REUSED",
      });
      await expect(spine.run(wide, { n: "x" } as never, { transaction })).rejects.toMatchObject({
        code: "VALIDATION_FAILED",
      });
      return await spine.run(wide, { n: 3 }, { transaction });
    });
    expect((await run.result()).outputs).toEqual({ s: 1 });
  });

  test("a step starts runs in its own transaction, once, however often it is tried", async () => {
    const { spine } = await spineAt(name);
    let tries = 0;
    const started: string[] = [];
    const parent = defineWorkflow({ name: "demo.parent" }).step(
      "start",
      async (context) =>
        await context.transaction(async (transaction) => {
          const run = await spine.run(workflow, {}, { transaction });
          started.push(run.id);
          tries += 1;
          if (tries === 1) throw new TransientError("after the start");
          return run.id;
        }),
      { retry: { attempts: 2, delay: "1ms" } },
    );
    const { outputs } = await (await spine.run(parent, {})).result();
    expect(started).toHaveLength(2);
    expect((await spine.history.glance(started)).map(({ runId }) => runId)).toEqual([outputs.start]);
    expect((await (await spine.attach(outputs.start)).result()).outputs).toEqual({ first: "done" });
  });

  test("the work begins soon after the commit: nobody waits for the poll", async () => {
    const { spine } = await spineAt(name);
    const took: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const run = await spine.database.transaction((transaction) => spine.run(workflow, {}, { transaction }));
      const start = performance.now();
      await run.result();
      took.push(performance.now() - start);
    }
    expect(took.sort((a, b) => a - b)[2]).toBeLessThan(500);
  });

  test("a process that only starts tells the others, once the run is there", async () => {
    const place = await placeOn(name);
    const database = place.database();
    const told: Hint[] = [];
    const spine = await createSpine({
      database: {
        ...database,
        async connect(options) {
          const stores = await database.connect(options);
          return { ...stores, hints: { ...silentHints(1_000), tell: (hint) => void told.push(hint) } };
        },
      },
      worker: false,
      logger: silentLogger,
    });
    onTestFinished(async () => {
      await spine.stop();
      place.remove();
    });
    const open = await CALLERS[name]?.["database.kysely"]?.(place.address, database);
    if (!open) throw new Error(name);
    const run = await spine.run(workflow, {}, { transaction: open.transaction });
    await delay(100);
    expect(told).toEqual([]);
    await open.commit();
    await expect.poll(() => told).toEqual([{ work: true }]);
    expect((await spine.get(run.id)).run.status).toBe("PENDING");
  });

  test("what is no connection is refused, and says what would be", async () => {
    const { spine } = await spineAt(name);
    for (const wrong of [null, 1, "BEGIN", {}, [], () => {}, new Map()]) {
      await expect(spine.run(workflow, {}, { transaction: wrong as never })).rejects.toMatchObject({
        code: "TRANSACTION_INVALID",
        message: expect.stringContaining("Give a Kysely transaction") as string,
      });
    }
    expect((await spine.history.list({})).items).toEqual([]);
  });

  test("a connection of the other dialect is refused without a statement", async () => {
    const { spine } = await spineAt(name);
    const other = name === "SQLite" ? "Postgres" : "SQLite";
    const { spine: elsewhere, place } = await spineAt(other);
    for (const begin of Object.values(CALLERS[other] ?? {})) {
      const open = await begin(place.address, elsewhere.database);
      await expect(spine.run(workflow, {}, { transaction: open.transaction })).rejects.toMatchObject({
        code: "TRANSACTION_INVALID",
        message: expect.stringContaining(`is a connection to ${other}`) as string,
      });
      await open.query("SELECT 1");
      await open.commit();
    }
  });

  test("a transaction that is over takes no run", async () => {
    const { spine, place } = await spineAt(name);
    for (const begin of Object.values(CALLERS[name] ?? {})) {
      const open = await begin(place.address, spine.database);
      await open.rollback();
      // What is left of a client that was closed, and of a transaction that has ended; a client of a pool is another matter.
      await expect(spine.run(workflow, {}, { transaction: open.transaction })).rejects.toMatchObject({
        name: "SpineError",
      });
    }
  });
});

describe("SQLite", () => {
  test("another file is refused, whatever its tables; a link to the same one is not", async () => {
    const { spine, place } = await spineAt("SQLite");
    const folder = mkdtempSync(join(tmpdir(), "spine-other-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const other = sqlite(join(folder, "other.db"));
    await other.connect({ clock: { now: Date.now, after: () => () => {} } });
    await other.close();
    const open = inDatabaseSync(new DatabaseSync(join(folder, "other.db")));
    const refused = {
      code: "TRANSACTION_INVALID",
      message: expect.stringContaining("another database") as string,
    };
    await expect(spine.run(workflow, {}, { transaction: open.transaction })).rejects.toMatchObject(refused);
    const inMemory = new DatabaseSync(":memory:");
    await expect(spine.run(workflow, {}, { transaction: inMemory })).rejects.toMatchObject(refused);
    await open.commit();

    const link = join(folder, "link.db");
    symlinkSync(place.address[0], link);
    const same = inDatabaseSync(new DatabaseSync(link));
    const run = await spine.run(workflow, {}, { transaction: same.transaction });
    await same.commit();
    await run.result();
  });

  test("a temporary table with the name of Spine's takes no run", async () => {
    const { spine, place } = await spineAt("SQLite");
    const db = new DatabaseSync(place.address[0]);
    db.exec("CREATE TEMP TABLE workflow_runs AS SELECT * FROM main.workflow_runs");
    const open = inDatabaseSync(db);
    const run = await spine.run(workflow, {}, { transaction: open.transaction });
    await open.commit();
    await run.result();
  });

  test("a database in memory takes its own transactions, and no others", async () => {
    const spine = await createSpine({ database: memory(), logger: silentLogger });
    onTestFinished(() => spine.stop());
    const run = await spine.database.transaction((transaction) => spine.run(workflow, {}, { transaction }));
    await run.result();
    const other = memory();
    onTestFinished(() => other.close());
    await expect(
      other.transaction((transaction) => spine.run(workflow, {}, { transaction })),
    ).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
    await expect(
      spine.run(workflow, {}, { transaction: new DatabaseSync(":memory:") }),
    ).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
  });

  test("a file without Spine's tables is said to be one", async () => {
    const { spine, place } = await spineAt("SQLite", { worker: false });
    const open = inDatabaseSync(new DatabaseSync(place.address[0]));
    await open.query("DROP TABLE workflow_runs");
    await expect(spine.run(workflow, {}, { transaction: open.transaction })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("no table of Spine's") as string,
    });
    await open.rollback();
  });

  test("a connection that gives up at once where another one writes: it is tried again for a while", async () => {
    const { spine, place } = await spineAt("SQLite");
    const connection = new DatabaseSync(place.address[0], { timeout: 0 });
    onTestFinished(() => connection.close());
    let written = () => {};
    const isWritten = new Promise<void>((resolve) => {
      written = resolve;
    });
    const held = spine.database.transaction(async ({ kysely }) => {
      await kysely.schema.createTable("held").addColumn("id", "integer").execute();
      written();
      await delay(300);
    });
    await isWritten;
    const run = await spine.run(workflow, {}, { transaction: connection });
    await held;
    expect((await run.result()).outputs).toEqual({ first: "done" });
  });

  test("a transaction that began to read before somebody wrote is refused at once: it can write no more", async () => {
    const { spine, place } = await spineAt("SQLite");
    const open = inDatabaseSync(new DatabaseSync(place.address[0]));
    await open.query("SELECT count(*) FROM workflow_runs");
    await (await spine.run(workflow, {})).result();
    const start = performance.now();
    await expect(spine.run(workflow, {}, { transaction: open.transaction })).rejects.toMatchObject({
      code: "DATABASE_BUSY",
      message: expect.stringContaining("begin it again with BEGIN IMMEDIATE") as string,
    });
    expect(performance.now() - start).toBeLessThan(1_000);
    await open.rollback();
  });
});

describe("Postgres", () => {
  test("another database of the server, and one of another schema, are refused", async () => {
    const { spine } = await spineAt("Postgres");
    const other = await createTestDatabase();
    const open = await inClient(await connected(other));
    await expect(spine.run(workflow, {}, { transaction: open.transaction })).rejects.toMatchObject({
      code: "TRANSACTION_INVALID",
      message: expect.stringContaining("another database") as string,
    });
    // Nothing of the host's transaction is lost.
    await open.query("SELECT 1");
    await open.commit();
  });

  test("a pool is refused: nobody knows on which connection it would be", async () => {
    const { spine, place } = await spineAt("Postgres");
    const pool = new pg.Pool({ connectionString: place.address[0] });
    onTestFinished(() => pool.end());
    await expect(spine.run(workflow, {}, { transaction: pool })).rejects.toMatchObject({
      code: "TRANSACTION_INVALID",
      message: expect.stringContaining("pool.connect()") as string,
    });
  });

  test("a client that was never connected is refused: it would keep its statements for ever", async () => {
    const { spine, place } = await spineAt("Postgres");
    const client = new pg.Client({ connectionString: place.address[0] });
    await expect(spine.run(workflow, {}, { transaction: client })).rejects.toMatchObject({
      code: "TRANSACTION_INVALID",
      message: expect.stringContaining("await client.connect()") as string,
    });
  });

  test.each([false, true])(
    "a transaction that has failed takes no run (known client: %s)",
    async (isKnown) => {
      const { spine, place } = await spineAt("Postgres");
      const open = await inClient(await connected(place.address[0]));
      if (isKnown) await spine.run(workflow, {}, { transaction: open.transaction });
      await open.query("SELECT 1 / 0").catch(() => {});
      await expect(spine.run(workflow, {}, { transaction: open.transaction })).rejects.toMatchObject({
        code: "TRANSACTION_INVALID",
        message: expect.stringContaining("An earlier statement of this transaction failed") as string,
      });
      await open.rollback();
    },
  );

  test("a database whose tables are gone is said to be one", async () => {
    const url = await createTestDatabase();
    const database = postgres({ url, schema: "gone" });
    const spine = await createSpine({ database, logger: silentLogger, worker: false });
    onTestFinished(() => spine.stop());
    const open = await inClient(await connected(url));
    await open.query("DROP SCHEMA gone CASCADE");
    await expect(spine.run(workflow, {}, { transaction: open.transaction })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("has no table") as string,
    });
    await open.query("SELECT 1");
    await open.rollback();
  });

  test("two transactions with one key: the second waits for the first, and finds its run", async () => {
    const { spine, place } = await spineAt("Postgres");
    const one = await inClient(await connected(place.address[0]));
    const two = await inClient(await connected(place.address[0]));
    const first = await spine.run(workflow, {}, { key: "k", transaction: one.transaction });
    const second = spine.run(workflow, {}, { key: "k", transaction: two.transaction });
    await one.commit();
    expect(await second).toMatchObject({ id: first.id, existing: true });
    await two.query("SELECT 1");
    await two.commit();
    await first.result();
  });
});
