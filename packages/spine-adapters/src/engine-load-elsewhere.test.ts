// Loads into a database that Spine's own history is not in: once each, whatever becomes of the attempt that does it.
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import {
  createSpine,
  type Database,
  defineTable,
  defineWorkflow,
  type Row,
  SpineError,
  silentLogger,
} from "spine-core";
import { arraySource } from "spine-core/testing";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { afterWriting, appendElsewhere, mergeElsewhere, replaceElsewhere } from "./testing/elsewhere-flow.ts";
import { databaseAt, placeOn, type SharedPlace } from "./testing/places.ts";
import { stepsOf } from "./testing/start-spine.ts";

const PROCESS = join(import.meta.dirname, "testing/elsewhere-process.ts");
const WORKFLOWS = [appendElsewhere, replaceElsewhere, mergeElsewhere];
const TABLE = defineTable({ name: "nowhere", columns: { id: "text" }, key: ["id"] });
const PAIRS = [
  ["SQLite", "Postgres"],
  ["Postgres", "SQLite"],
] as const;

describe.each(PAIRS)("from %s into %s", (own, other) => {
  let place: SharedPlace;
  let far: SharedPlace;
  beforeAll(async () => {
    [place, far] = await Promise.all([placeOn(own), placeOn(other)]);
    return () => {
      place.remove();
      far.remove();
    };
  });
  const start = async (warehouse: Database = far.database()) => {
    const spine = await createSpine({
      database: place.database(),
      databases: { warehouse },
      workflows: WORKFLOWS,
      logger: silentLogger,
    });
    onTestFinished(() => spine.stop());
    const rowsOf = async (table: string) => {
      const rows = await warehouse.kysely.selectFrom(table).selectAll().orderBy("symbol").execute();
      return rows.map((row: Row) => `${String(row.symbol)} ${String(row.price)}`);
    };
    return { spine, rowsOf, warehouse };
  };

  test("rows, what is recorded of them, and the partition", async () => {
    const { spine, rowsOf, warehouse } = await start();
    const load = async (prices: Readonly<Record<string, string>>) => {
      const run = await spine.run(replaceElsewhere, { day: "2026-01-05", prices });
      return { run, load: (await run.result()).outputs.load };
    };
    const first = await load({ A: "1", B: "2" });
    expect(first.load).toMatchObject({
      table: "warehouse.far_days",
      database: "warehouse",
      inserted: 2,
      superseded: 0,
    });
    const second = await load({ A: "1", B: "3" });
    expect(second.load).toMatchObject({ inserted: 2, superseded: 2 });
    expect(await rowsOf("far_days")).toEqual(["A 1", "B 3"]);
    const captures = await warehouse.kysely.selectFrom("far_days_captures").selectAll().execute();
    expect(captures).toHaveLength(2);
    // Spine's own database has neither the table nor a partition of a table of that name.
    expect(await spine.partitions.get("far_days", { day: "2026-01-05" })).toBeUndefined();
    expect(await spine.partitions.get("warehouse.far_days", { day: "2026-01-05" })).toMatchObject({
      rows: 2,
      runId: second.run.id,
      loadId: second.load.loadId,
    });
    await expect(spine.database.kysely.selectFrom("far_days").selectAll().execute()).rejects.toThrow();
    const stamps = await warehouse.kysely.selectFrom("far_days").select("_spine_load_id as id").execute();
    expect(new Set(stamps.map(({ id }: { id: string }) => id))).toEqual(new Set([second.load.loadId]));
  });

  test("by keys", async () => {
    const { spine, rowsOf } = await start();
    const merge = async (prices: Readonly<Record<string, string>>) =>
      (await (await spine.run(mergeElsewhere, { day: "2026-01-05", prices })).result()).outputs.load;
    expect(await merge({ A: "1", B: "2" })).toMatchObject({ inserted: 2, superseded: 0 });
    expect(await merge({ B: "3", C: "4" })).toMatchObject({ inserted: 2, superseded: 1 });
    expect(await rowsOf("far_merged")).toEqual(["A 1", "B 3", "C 4"]);
  });

  test("an attempt whose commit was not answered is not done again", async () => {
    let lost = 0;
    const forgetful = afterWriting(far.database(), () => {
      lost += 1;
      throw new SpineError("DATABASE_UNAVAILABLE", "The connection was cut.", { retryable: true });
    });
    const { spine, rowsOf } = await start(forgetful);
    const run = await spine.run(appendElsewhere, { day: "2026-02-02", prices: { A: "1", B: "2" } });
    expect((await run.result()).outputs.load).toMatchObject({ inserted: 2 });
    expect(lost).toBe(1);
    expect((await rowsOf("far_prices")).filter((row: string) => row === "A 1")).toHaveLength(1);
  });

  test("of two that do it at the same time one does it, and the other one says the same", async () => {
    const warehouse = far.database();
    let calls = 0;
    const overtaken: Database = {
      ...warehouse,
      async transaction(work) {
        calls += 1;
        // The first call looks, the second one loads: another attempt of the step has just done so.
        if (calls === 2) await warehouse.transaction(work);
        return await warehouse.transaction(work);
      },
    };
    const { spine, rowsOf } = await start(overtaken);
    const run = await spine.run(appendElsewhere, { day: "2026-03-03", prices: { OVER: "1" } });
    expect((await run.result()).outputs.load).toMatchObject({ inserted: 1 });
    expect(calls).toBe(3);
    expect((await rowsOf("far_prices")).filter((row: string) => row === "OVER 1")).toHaveLength(1);
    expect(await stepsOf(spine, run.id)).toEqual(["fetch 1 COMPLETED", "load 1 COMPLETED"]);
  });

  test("killed when the other database has committed and its own knows nothing of it", {
    timeout: 60_000,
  }, async () => {
    const params = { day: "2026-04-04", prices: { K1: "1", K2: "2" } };
    const child = fork(
      PROCESS,
      [JSON.stringify(params), JSON.stringify(place.address), JSON.stringify(far.address)],
      {
        execArgv: ["--conditions=spine-source", "--no-warnings"],
      },
    );
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    const before = databaseAt(far.address);
    onTestFinished(() => before.close());
    expect(
      await before.kysely.selectFrom("far_prices").selectAll().where("symbol", "=", "K1").execute(),
    ).toHaveLength(1);
    const { spine, rowsOf } = await start();
    const [run] = (await spine.history.list({ workflow: appendElsewhere.name, limit: 1 })).items;
    const handle = await spine.attach(run?.runId ?? "");
    expect((await handle.result()).outputs).toMatchObject({ load: { inserted: 2 } });
    expect((await rowsOf("far_prices")).filter((row: string) => row.startsWith("K"))).toEqual([
      "K1 1",
      "K2 2",
    ]);
  });
});

describe("what cannot be", () => {
  const flow = (database: string) =>
    defineWorkflow({ name: "demo.nowhere" })
      .fetch("fetch", { from: arraySource([{ id: "1" }]), request: () => null })
      .load("load", { from: "fetch", into: TABLE, database, disposition: "append" });

  test.each([
    [{ warehouse: 7 }, "`databases`"],
    [{ "ware house": databaseAt([":memory:"]) }, 'the name "ware house"'],
  ])("databases %j", async (databases, named) => {
    const created = createSpine({ database: databaseAt([":memory:"]), databases: databases as never });
    await expect(created).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(named),
    });
  });

  test("its own database under another name, a name that is not given, and an `undo`", async () => {
    const database = databaseAt([":memory:"]);
    await expect(createSpine({ database, databases: { own: database } })).rejects.toThrow(
      'own database as "own"',
    );
    await expect(createSpine({ database, workflows: [flow("lake")], logger: silentLogger })).rejects.toThrow(
      'no database named "lake"',
    );
    const from = defineWorkflow({ name: "demo.undo" }).fetch("fetch", {
      from: arraySource([{ id: "1" }]),
      request: () => null,
    });
    expect(() =>
      from.load("load", {
        from: "fetch",
        into: TABLE,
        database: "lake",
        disposition: "append",
        undo: () => {},
      }),
    ).toThrow(/`undo`/);
  });
});
