// Fetches that follow each other: what is new, exactly once, whatever becomes of the runs between.
import {
  createSpine,
  defineWorkflow,
  type Page,
  type Source,
  type Spine,
  SpineError,
  silentLogger,
} from "spine-core";
import { mortal, withCrashPoints } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";
import { startAt } from "./testing/start-spine.ts";

interface Order {
  readonly id: number;
  readonly at: string | null;
  readonly note?: string;
}
interface Ask {
  readonly since: string | null;
  readonly until: string | null;
}

/** A shop whose orders grow; it delivers pages of three, in no order of time. */
class Shop implements Source<Ask, Order> {
  readonly name = "shop";
  orders: Order[] = [];
  readonly asked: Ask[] = [];
  /** Pages read. */
  pages = 0;
  /** Called before each page. */
  onPage: (page: number) => void | Promise<void> = () => {};
  /** False: it delivers everything, whatever it is asked for. */
  filters = true;

  async *stream(ask: Ask, { cursor }: { cursor?: unknown } = {}): AsyncGenerator<Page<Order>> {
    this.asked.push(ask);
    const { since } = ask;
    const asked = (at: string | null) => !this.filters || since === null || at === null || at >= since;
    const rows = this.orders.filter(({ at }) => asked(at));
    for (let from = Number(cursor ?? 0); from < rows.length; from += 3) {
      this.pages += 1;
      await this.onPage(this.pages);
      yield { rows: rows.slice(from, from + 3), cursor: from + 3 };
    }
  }
}

const at = (minute: number, second = 0) =>
  `2025-06-01T10:${String(minute).padStart(2, "0")}:${String(second).padStart(2, "0")}Z`;
const order = (id: number, minute: number, note?: string): Order => ({
  id,
  at: at(minute),
  ...(note === undefined ? {} : { note }),
});

async function idsOf(spine: Spine, runId: string, step = "orders"): Promise<readonly number[]> {
  const { steps } = await spine.get(runId);
  const ref = steps.findLast(({ name }) => name === step)?.output as unknown as { dataset: string };
  const ids: number[] = [];
  for await (const { rows } of spine.datasets.read(ref.dataset))
    ids.push(...rows.map(({ id }) => Number(id)));
  return ids.sort((a, b) => a - b);
}

describe.each(PLACES)("%s", (_name, open) => {
  async function placed() {
    const place = await open();
    onTestFinished(() => place.remove());
    return place;
  }
  const flowOf = (shop: Shop, after: () => unknown = () => null, lag?: "5m") =>
    defineWorkflow({ name: "shop.orders" })
      .fetch("orders", {
        from: shop,
        incremental: { field: "at", key: ["id"], ...(lag ? { lag } : {}) },
        request: ({ since, until }) => ({ since, until }),
      })
      .step("after", after);
  const complete = async (spine: Spine, flow: ReturnType<typeof flowOf>) => {
    const run = await spine.run(flow, {});
    const { outputs } = await run.result();
    return { ids: await idsOf(spine, run.id), range: outputs.orders.incremental, id: run.id };
  };

  test("delivers what is new, and rows at the mark that came since, once; it counts what it leaves out", async () => {
    const shop = new Shop();
    const flow = flowOf(shop);
    const spine = await startAt(await placed(), [flow]);
    shop.orders = [order(1, 1), order(2, 9), order(3, 4), order(4, 9)];
    const first = await complete(spine, flow);
    expect(first).toMatchObject({ ids: [1, 2, 3, 4], range: { since: null, mark: at(9), duplicates: 0 } });
    // At the very mark, behind it, and before it: the last is late, and without a lag nobody asks for it.
    shop.orders = [order(5, 9), ...shop.orders, order(6, 12), order(7, 3)];
    const second = await complete(spine, flow);
    expect(second).toMatchObject({
      ids: [5, 6],
      range: { since: at(9), mark: at(12), duplicates: 2, outside: 0 },
    });
    expect(shop.asked).toEqual([
      { since: null, until: null },
      { since: at(9), until: null },
    ]);
    const { steps } = await spine.get(second.id);
    expect(steps[0]).toMatchObject({
      rows: { in: 4, out: 2, rejected: 0 },
      metrics: { duplicates: 2, outside_range: 0 },
    });
    const third = await complete(spine, flow);
    expect(third).toMatchObject({ ids: [], range: { mark: at(12), duplicates: 1 } });
    // The mark has not moved, and more has come at it.
    shop.orders.push(order(8, 12));
    expect((await complete(spine, flow)).ids).toEqual([8]);
    expect((await complete(spine, flow)).ids).toEqual([]);
    expect(await spine.cursors.get({ workflow: "shop.orders", step: "orders" })).toMatchObject({
      mark: at(12),
      scope: "",
      source: null,
    });
  });

  test("with a lag, rows that come late or changed are delivered, and those that did not are not", async () => {
    const shop = new Shop();
    const flow = flowOf(shop, undefined, "5m");
    const spine = await startAt(await placed(), [flow]);
    shop.orders = [order(1, 1), order(2, 6), order(3, 10)];
    await complete(spine, flow);
    // Late within the lag; late beyond it; 2 is changed, and so has another time.
    shop.orders = [order(1, 1), order(3, 10), order(4, 7), order(5, 2), order(2, 11)];
    const second = await complete(spine, flow);
    expect(second).toMatchObject({
      ids: [2, 4],
      range: { since: at(5).replace("Z", ".000Z"), duplicates: 1 },
    });
    const third = await complete(spine, flow);
    expect(third).toMatchObject({ ids: [], range: { mark: at(11), duplicates: 3 } });
  });

  test("a run that fails or is cancelled does not move the mark: the next one reads the same again", async () => {
    const shop = new Shop();
    let fails = true;
    const flow = flowOf(shop, () => {
      if (fails) throw new SpineError("INTERNAL", "no");
    });
    const spine = await startAt(await placed(), [flow]);
    shop.orders = [order(1, 1), order(2, 2)];
    const failed = await spine.run(flow, {});
    await expect(failed.result()).rejects.toMatchObject({ code: "INTERNAL" });
    expect(await spine.cursors.list("shop.orders")).toEqual([]);
    shop.onPage = () => spine.cancel(cancelled.id);
    const cancelled = await spine.run(flow, {});
    await expect(cancelled.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect(await spine.cursors.list("shop.orders")).toEqual([]);
    shop.onPage = () => {};
    fails = false;
    expect((await complete(spine, flow)).ids).toEqual([1, 2]);
    // The failed one, repeated from behind its fetch, has come no further than that.
    const rerun = await spine.rerun(failed.id, { from: "after" });
    await rerun.result();
    expect(await spine.cursors.get({ workflow: "shop.orders", step: "orders" })).toMatchObject({
      mark: at(2),
    });
  });

  test("a run that is repeated from behind its fetch moves the mark to where that fetch came", async () => {
    const shop = new Shop();
    let fails = true;
    const flow = flowOf(shop, () => {
      if (fails) throw new SpineError("INTERNAL", "no");
    });
    const spine = await startAt(await placed(), [flow]);
    shop.orders = [order(1, 1), order(2, 2)];
    const failed = await spine.run(flow, {});
    await expect(failed.result()).rejects.toThrow("no");
    fails = false;
    const rerun = await spine.rerun(failed.id, { from: "after" });
    await rerun.result();
    shop.orders.push(order(3, 2));
    expect((await complete(spine, flow)).ids).toEqual([3]);
  });

  test("goes on behind the last page after a crash, with the same bounds and the same mark", async () => {
    const place = await placed();
    const shop = new Shop();
    const flow = flowOf(shop);
    // The greatest is in the first page, which only the dead one has seen.
    shop.orders = Array.from({ length: 20 }, (_, index) => order(index + 1, 19 - index));
    const life = mortal(place.database());
    let appended = 0;
    const dying = withCrashPoints(life.database, (point) => {
      if (point === "after dataset.append") appended += 1;
      if (appended === 4) return life.die();
    });
    const first = await createSpine({ database: dying, workflows: [flow], logger: silentLogger });
    const run = await first.run(flow, {});
    await life.dead;
    expect(shop.pages).toBe(4);
    const spine = await startAt(place, [flow]);
    const { outputs } = (await (await spine.attach(run.id)).result()) as unknown as {
      outputs: { orders: { incremental: unknown } };
    };
    expect(shop.pages).toBe(7);
    expect(await idsOf(spine, run.id)).toEqual(shop.orders.map(({ id }) => id));
    expect(outputs.orders.incremental).toMatchObject({ since: null, mark: at(19), duplicates: 0 });
    // What the dead one had stored counts as delivered too.
    const again = await complete(spine, flow);
    expect(again).toMatchObject({ ids: [], range: { duplicates: 1 } });
  });

  test("two runs at once cannot move it backwards, whichever ends last", async () => {
    const shop = new Shop();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let runs = 0;
    const flow = flowOf(shop, () => {
      runs += 1;
      return runs === 1 ? held : null;
    });
    const spine = await startAt(await placed(), [flow]);
    shop.orders = [order(1, 1)];
    const early = await spine.run(flow, {});
    await expect.poll(() => runs, { interval: 5 }).toBe(1);
    shop.orders.push(order(2, 5));
    await complete(spine, flow);
    release();
    await early.result();
    expect(await spine.cursors.get({ workflow: "shop.orders", step: "orders" })).toMatchObject({
      mark: at(5),
    });
    expect((await complete(spine, flow)).ids).toEqual([]);
  });

  test("rows without a value that compares are rejects, and what nobody asked for is counted", async () => {
    const shop = new Shop();
    shop.filters = false;
    const flow = flowOf(shop);
    const spine = await startAt(await placed(), [flow]);
    shop.orders = [order(1, 3)];
    await complete(spine, flow);
    shop.orders = [
      order(1, 3),
      { id: 2, at: null },
      { id: 3, at: "soon" },
      { id: 4, at: "2025-06-02" },
      order(5, 1),
      order(6, 4),
    ];
    const run = await complete(spine, flow);
    expect(run).toMatchObject({ ids: [6], range: { duplicates: 1, outside: 1 } });
    const { steps } = await spine.get(run.id);
    expect(steps[0]?.rows).toEqual({ in: 6, out: 1, rejected: 3 });
    const rejects = await spine.datasets.rejects({ runId: run.id });
    expect(rejects.map(({ code, raw }) => [code, (raw as { id: number }).id])).toEqual(
      [2, 3, 4].map((id) => ["CURSOR_FIELD_INVALID", id]),
    );
  });

  test("scopes have marks of their own, a backfill leaves them alone, and operators set them back", async () => {
    const shop = new Shop();
    const flow = defineWorkflow({
      name: "shop.scoped",
      params: z.object({ shop: z.string(), from: z.string().optional(), to: z.string().optional() }),
    }).fetch("orders", {
      from: shop,
      scope: ({ params }) => params.shop,
      incremental: { field: "at", start: ({ params }) => params.from, end: ({ params }) => params.to },
      request: ({ since, until }) => ({ since, until }),
    });
    const spine = await startAt(await placed(), [flow]);
    shop.orders = [order(1, 1), order(2, 2), order(3, 3)];
    const ids = async (params: { shop: string; from?: string; to?: string }) => {
      const run = await spine.run(flow, params);
      await run.result();
      return await idsOf(spine, run.id);
    };
    expect(await ids({ shop: "a", from: at(2) })).toEqual([2, 3]);
    expect(await ids({ shop: "b" })).toEqual([1, 2, 3]);
    expect(await ids({ shop: "a", from: at(1), to: at(3) })).toEqual([1, 2]);
    expect(await ids({ shop: "a" })).toEqual([]);
    const marks = await spine.cursors.list("shop.scoped");
    expect(marks.map(({ scope, mark }) => [scope, mark])).toEqual([
      ["a", at(3)],
      ["b", at(3)],
    ]);
    const place = { workflow: "shop.scoped", step: "orders", scope: "a" };
    expect(await spine.cursors.reset(place, { to: at(2) })).toMatchObject({
      ...place,
      mark: at(2),
      runId: null,
    });
    expect(await ids({ shop: "a" })).toEqual([2, 3]);
    await spine.cursors.reset(place);
    expect(await ids({ shop: "a" })).toEqual([1, 2, 3]);
    await expect(spine.cursors.reset(place, { to: "soon" })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  });
});
