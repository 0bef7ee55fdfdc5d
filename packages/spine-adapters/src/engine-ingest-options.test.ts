// An ingest follows the runs before it, holds its rows to a contract, and is undone, as the steps that it is made of.
import {
  createSpine,
  defineTable,
  defineWorkflow,
  type JsonValue,
  type Page,
  recordCount,
  type Source,
  type SourceChange,
  type Spine,
  silentLogger,
} from "spine-core";
import { mortal, stagingTables, withCrashPoints } from "spine-core/testing";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { PLACES, type SharedPlace } from "./testing/places.ts";

interface Order {
  readonly id: number;
  readonly at: number;
  readonly note?: unknown;
}
interface Ask {
  readonly since: number | null;
}

/** A shop whose orders grow; it delivers pages of two, and knows its version. */
const shop = {
  name: "shop",
  orders: [] as Order[],
  version: 1,
  asked: [] as (number | null)[],
  pages: 0,
  async changed(_: unknown, { since }: { since: JsonValue | null }): Promise<SourceChange> {
    return { changed: since !== shop.version, mark: shop.version };
  },
  async *stream({ since }: Ask, { cursor }: { cursor?: unknown } = {}): AsyncGenerator<Page<Order>> {
    shop.asked.push(since);
    const rows = shop.orders.filter(({ at }) => since === null || at >= since);
    for (let from = Number(cursor ?? 0); from < rows.length; from += 2) {
      shop.pages += 1;
      yield { rows: rows.slice(from, from + 2), cursor: from + 2 };
      await Promise.resolve();
    }
  },
} satisfies Source<Ask, Order> & Record<string, unknown>;

const orders = (name: string) =>
  defineTable({
    name: `ingest_${name}`,
    columns: { id: "integer", at: "integer", note: "text?" },
    key: ["id"],
  });
const flow = (name: string) =>
  defineWorkflow({ name: `demo.ingest_${name}`, params: z.object({ go: z.boolean().default(true) }) });
const row = ({ note, ...order }: Order) => ({
  ...order,
  ...(note === undefined ? {} : { note: note as string }),
});
const schema = z.object({ id: z.int(), at: z.int(), note: z.string().optional() });
const common = {
  from: shop as Source<Ask, Order>,
  request: ({ since }: { readonly since: unknown }) => ({ since: since as number | null }),
  row,
  schema,
  disposition: "append",
} as const;

let failsAfter = false;
const following = flow("following")
  .ingest("orders", {
    ...common,
    incremental: { field: "at", key: ["id"] },
    checks: [recordCount({ min: 0 })],
    into: orders("following"),
  })
  .step("after", () => {
    if (failsAfter) throw new TypeError("after");
  });
const whenNew = flow("when_new")
  .ingest("orders", {
    ...common,
    unchanged: "end",
    into: orders("when_new"),
    disposition: "merge",
    strategy: "upsert",
  })
  .step("after", ({ outputs }) => outputs.orders.rows);
const contracted = (name: string, contract: object) =>
  flow(`contract_${name}`).ingest("orders", {
    ...common,
    row: ({ ...order }: Order) => ({ ...order, more: 1 }) as never,
    contract,
    into: orders(`contract_${name}`),
  });
const CONTRACTS = {
  freeze: contracted("freeze", { columns: "freeze" }),
  row: contracted("row", { columns: "discard-value", values: "discard-row" }),
  value: contracted("value", { columns: "discard-value", values: "discard-value" }),
} as const;
const undoing = flow("undoing")
  .when(
    "wanted",
    ({ params }) => params.go,
    (block) =>
      block.ingest("orders", {
        ...common,
        into: orders("undoing"),
        undo: async ({ output, transaction }) => {
          const { table, loadId } = output.load;
          await transaction(async ({ kysely }) => {
            await kysely.deleteFrom(table).where("_spine_load_id", "=", loadId).execute();
          });
        },
      }),
  )
  .step("after", () => {
    if (failsAfter) throw new TypeError("after");
  });
const ALL = [following, whenNew, undoing, ...Object.values(CONTRACTS)];

describe.each(PLACES)("%s", (_name, open) => {
  let place: SharedPlace;
  let spine: Spine;
  beforeAll(async () => {
    place = await open();
    spine = await createSpine({ database: place.database(), workflows: ALL, logger: silentLogger });
    return async () => {
      await spine.stop();
      place.remove();
    };
  });
  beforeEach(() => {
    shop.orders = [];
    shop.asked.length = 0;
    shop.pages = 0;
    failsAfter = false;
  });
  const idsIn = async (table: string) => {
    const found = await spine.database.kysely.selectFrom(table).select("id").orderBy("id").execute();
    return found.map(({ id }) => Number(id));
  };
  const statusesOf = async (runId: string) =>
    (await spine.get(runId)).steps.map(({ name, status }) => `${name} ${status}`);
  const settled = async (workflow: typeof following) => {
    const run = await spine.run(workflow, {});
    const error = await run.result().then(
      () => null,
      (reason: unknown) => reason,
    );
    const { steps } = await spine.get(run.id);
    return { id: run.id, error, step: steps.find(({ name }) => name === "orders") };
  };

  test("incremental: what is new is loaded once, and a run that fails or dies has not moved the mark", async () => {
    const run = async () => {
      const { steps } = await spine.get((await settled(following)).id);
      const step = steps.find(({ name }) => name === "orders");
      const { incremental, rows } = (step?.output ?? {}) as { incremental?: object; rows?: number };
      return { incremental, rows, counted: step?.rows };
    };
    shop.orders = [1, 2, 3].map((id) => ({ id, at: id }));
    expect(await run()).toMatchObject({ rows: 3, incremental: { since: null, mark: 3, duplicates: 0 } });
    shop.orders = [...shop.orders, { id: 4, at: 3 }, { id: 5, at: 7 }];
    // The row at the mark is delivered again, and left out.
    expect(await run()).toEqual({
      rows: 2,
      incremental: { since: 3, until: null, mark: 7, duplicates: 1, outside: 0 },
      counted: { in: 3, out: 2, rejected: 0 },
    });
    expect(await idsIn("ingest_following")).toEqual([1, 2, 3, 4, 5]);

    // One whose load is refused, as its key is there, does not move it either.
    shop.orders.push({ id: 6, at: 9 }, { id: 2, at: 10 });
    const refused = await settled(following);
    expect(refused.error).toMatchObject({ code: "LOAD_FAILED" });
    // What it has staged is there for as long as it may be retried, and goes with its run.
    expect(await stagingTables(spine.database)).toBe(1);
    const stores = spine.datasets;
    await stores.remove(refused.id);
    expect(await stagingTables(spine.database)).toBe(0);
    shop.orders = shop.orders.filter(({ at }) => at !== 10);
    expect(await spine.cursors.get({ workflow: following.name, step: "orders" })).toMatchObject({ mark: 7 });

    // A death between two pages: they are not read again, and what was left out stays so.
    shop.orders.push({ id: 7, at: 9 }, { id: 8, at: 11 });
    const life = mortal(place.database());
    let appended = 0;
    const dying = withCrashPoints(life.database, (point) => {
      if (point === "after dataset.append") appended += 1;
      return appended === 1 ? life.die() : undefined;
    });
    const first = await createSpine({ database: dying, workflows: ALL, logger: silentLogger });
    shop.pages = 0;
    const { id } = await first.run(following, {});
    await life.dead;
    const outputs = (await (await spine.attach(id)).result()).outputs as { orders: object };
    expect(outputs.orders).toMatchObject({ rows: 3, incremental: { since: 7, mark: 11, duplicates: 1 } });
    expect(shop.pages).toBe(2);
    expect(await idsIn("ingest_following")).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("unchanged: a run whose source has nothing new ends COMPLETED, without a look at the table", async () => {
    shop.orders = [{ id: 1, at: 1 }];
    const first = await spine.run(whenNew, {});
    expect((await first.result()).outputs.after).toBe(1);
    const same = await spine.run(whenNew, {});
    expect((await same.result()).outputs.orders).toBeUndefined();
    expect(await statusesOf(same.id)).toEqual(["orders SKIPPED", "after SKIPPED"]);
    expect(shop.asked).toHaveLength(1);
    shop.version += 1;
    shop.orders = [
      { id: 1, at: 5 },
      { id: 2, at: 6 },
    ];
    const changed = await spine.run(whenNew, {});
    expect((await changed.result()).outputs.orders?.load).toMatchObject({ inserted: 2, superseded: 1 });
    expect(await stagingTables(spine.database)).toBe(0);
  });

  test("contract: what is unknown and what does not fit becomes what it says, and is counted", async () => {
    shop.orders = [
      { id: 1, at: 1, note: "a" },
      { id: 2, at: 2, note: 7 },
      { id: 3, at: 3 },
    ];
    const frozen = await settled(CONTRACTS.freeze as never);
    expect(frozen.error).toMatchObject({ code: "CONTRACT_BROKEN", category: "DATA_QUALITY" });
    expect(await idsIn("ingest_contract_freeze")).toEqual([]);
    const rows = await settled(CONTRACTS.row as never);
    expect(rows.step).toMatchObject({
      rows: { in: 3, out: 2, rejected: 1 },
      // One for each row that was kept.
      metrics: { discarded_values: 2 },
    });
    expect(await spine.rejects.list({ runId: rows.id })).toMatchObject([{ code: "INVALID_NOTE" }]);
    expect(await idsIn("ingest_contract_row")).toEqual([1, 3]);
    const values = await settled(CONTRACTS.value as never);
    expect(values.step).toMatchObject({
      rows: { in: 3, out: 3, rejected: 0 },
      metrics: { discarded_values: 4 },
    });
    expect(await idsIn("ingest_contract_value")).toEqual([1, 2, 3]);
  });

  test("when and undo: what was not wanted is not read, and what a failed run has loaded is taken back", async () => {
    shop.orders = [{ id: 1, at: 1 }];
    const skipped = await spine.run(undoing, { go: false });
    await skipped.result();
    expect(await statusesOf(skipped.id)).toEqual(["wanted SKIPPED", "after COMPLETED"]);
    expect(shop.asked).toEqual([]);
    await (await spine.run(undoing, {})).result();
    failsAfter = true;
    shop.orders = [
      { id: 2, at: 1 },
      { id: 3, at: 1 },
    ];
    const failed = await settled(undoing as never);
    expect(failed.error).toMatchObject({ message: expect.stringContaining("after") });
    expect(await statusesOf(failed.id)).toContain("undo/wanted/then/orders COMPLETED");
    expect(await idsIn("ingest_undoing")).toEqual([1]);
  });
});
