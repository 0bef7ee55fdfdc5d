// Marks of fetches whose rows were not loaded although the run was completed: they stay, and the rows come again.
import {
  createSpine,
  defineTable,
  defineWorkflow,
  type Page,
  type Source,
  type Spine,
  SpineError,
  silentLogger,
  type WorkflowData,
} from "spine-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PLACES, type SharedPlace } from "./testing/places.ts";

interface Ask {
  readonly since: number | null;
}
interface Item {
  readonly id: number;
  readonly part: string;
}
const shop: Source<Ask, Item> = {
  name: "shop",
  async *stream({ since }): AsyncGenerator<Page<Item>> {
    const rows = [1, 2, 3].map((id) => ({ id, part: "all" })).filter(({ id }) => id >= (since ?? 0));
    if (rows.length > 0) yield { rows, cursor: 3 };
  },
  changed: async () => ({ changed: false, mark: "same" }),
};
const fetchOf = {
  from: shop,
  incremental: { field: "id" },
  request: ({ since }: Ask) => ({ since }),
} as const;
const Row = z.object({ id: z.number(), part: z.string() });
const columns = { id: "integer", part: "text" } as const;

/** What is to fail, by the names of steps; a load fails by its partition. */
const failing = new Set<string>();
const mayFail = (step: string) => {
  if (failing.has(step)) throw new SpineError("INTERNAL", `${step} fails`);
};
const goesOn = { onError: "continue", retry: { attempts: 1 } } as const;
const loadOf = <From extends string>(from: From, table: string, step = "load") =>
  ({
    from,
    into: defineTable({ name: `held_${table}`, columns, key: ["id"], partition: ["part"] }),
    disposition: "replace-partition",
    partition: () => {
      mayFail(step);
      return { part: "all" };
    },
    ...goesOn,
  }) as const;
const transformOf = {
  from: "fetch",
  row: (row: Item) => {
    mayFail("transform");
    return row;
  },
  schema: Row,
  ...goesOn,
} as const;

const plain = defineWorkflow({ name: "held.plain" })
  .fetch("fetch", fetchOf)
  .transform("transform", transformOf)
  .load("load", loadOf("transform", "plain"))
  .load("copy", loadOf("fetch", "copy", "copy"));
const conditional = defineWorkflow({ name: "held.conditional" })
  .fetch("fetch", fetchOf)
  .transform("transform", transformOf)
  .load("copy", loadOf("fetch", "raw", "copy"))
  .when(
    "maybe",
    ({ outputs }) => (outputs.transform as unknown) !== undefined && !failing.has("maybe"),
    (block) => block.load("load", loadOf("transform", "conditional")),
  );
const chosen = defineWorkflow({ name: "held.chosen" })
  .fetch("fetch", fetchOf)
  .choice(
    "where",
    () => (failing.has("none") ? "none" : "one"),
    (block) => ({
      one: block.load("load", loadOf("fetch", "one")),
      other: block.load("load", loadOf("fetch", "other")),
      none: () => null,
    }),
  );
const mapped = defineWorkflow({ name: "held.mapped" }).map("shops", {
  over: () => ["a", "b"],
  key: (name) => name,
  steps: (block) =>
    block.fetch("fetch", fetchOf).load("load", {
      ...loadOf("fetch", "mapped"),
      partition: ({ key }: { key: string }) => {
        mayFail(`load ${key}`);
        return { part: "all" };
      },
    }),
});
const branched = defineWorkflow({ name: "held.branched" })
  .fetch("fetch", fetchOf)
  .parallel(
    "both",
    (block) => ({
      load: block
        .step("before", () => mayFail("before"), { retry: { attempts: 1 } })
        .load("load", loadOf("fetch", "b")),
      other: () => 1,
    }),
    { onError: "continue" },
  );
const ended = defineWorkflow({ name: "held.ended" })
  .fetch("fetch", fetchOf)
  .fetch("second", { from: shop, request: () => ({ since: null }), unchanged: "end" })
  .load("load", loadOf("fetch", "ended"));
const unloaded = defineWorkflow({ name: "held.unloaded" })
  .fetch("fetch", fetchOf)
  .step("read", () => mayFail("read"), goesOn);

describe.each(PLACES)("%s", (_name, open) => {
  let place: SharedPlace;
  let spine: Spine;
  beforeAll(async () => {
    place = await open();
    const workflows = [plain, conditional, chosen, mapped, branched, ended, unloaded];
    spine = await createSpine({ database: place.database(), workflows, logger: silentLogger });
  });
  afterAll(async () => {
    await spine.stop();
    place.remove();
  });

  /** Runs a workflow of which something fails; the mark of a fetch of it afterwards. */
  async function markAfter(flow: WorkflowData, fails: readonly string[], step = "fetch") {
    failing.clear();
    for (const one of fails) failing.add(one);
    const run = await spine.run(flow.name, {});
    await run.result();
    expect((await spine.get(run.id)).run.status).toBe("COMPLETED");
    return { mark: (await spine.cursors.get({ workflow: flow.name, step }))?.mark ?? null, run };
  }
  const marks = async (flow: WorkflowData, ...fails: readonly string[]) =>
    (await markAfter(flow, fails)).mark;

  test("a load that fails, or whose transform does, holds the mark; what it read comes again", async () => {
    expect(await marks(plain, "load")).toBeNull();
    expect(await marks(plain, "transform")).toBeNull();
    expect(await marks(plain, "copy")).toBeNull();
    const { mark, run } = await markAfter(plain, []);
    expect(mark).toBe(3);
    const { steps } = await spine.get(run.id);
    expect(steps.find(({ name }) => name === "fetch")).toMatchObject({ rows: { out: 3 } });
  });

  test("a run that is repeated from the load moves it once that is done", async () => {
    await spine.cursors.reset({ workflow: plain.name, step: "fetch" });
    const { mark, run } = await markAfter(plain, ["copy"]);
    expect(mark).toBeNull();
    failing.clear();
    await (await spine.rerun(run.id, { from: "copy" })).result();
    expect(await spine.cursors.get({ workflow: plain.name, step: "fetch" })).toMatchObject({ mark: 3 });
  });

  test("a load that is left out because its transform failed holds it; one that nobody wanted does not", async () => {
    expect(await marks(conditional, "transform")).toBeNull();
    expect(await marks(conditional, "maybe")).toBe(3);
  });

  test("of a choice the chosen case counts, and one that loads nothing does not move it", async () => {
    expect(await marks(chosen, "none")).toBeNull();
    expect(await marks(chosen, "load")).toBeNull();
    expect(await marks(chosen)).toBe(3);
  });

  test("items of a map are looked at one by one", async () => {
    const { run } = await markAfter(mapped, ["load b"]);
    const all = await spine.cursors.list(mapped.name);
    expect(all.map(({ step, mark }) => [step, mark])).toEqual([["shops/a/fetch", 3]]);
    failing.clear();
    await (await spine.rerun(run.id)).result();
    expect(await spine.cursors.list(mapped.name)).toHaveLength(2);
  });

  test("a branch that did not come to its load holds it", async () => {
    expect(await marks(branched, "before")).toBeNull();
    expect(await marks(branched)).toBe(3);
  });

  test("a load that was skipped because another fetch ended the run holds it", async () => {
    expect(await marks(ended)).toBe(3);
    await spine.cursors.reset({ workflow: ended.name, step: "fetch" });
    const again = await markAfter(ended, []);
    expect((await spine.get(again.run.id)).steps.map(({ name, status }) => `${name} ${status}`)).toEqual([
      "fetch COMPLETED",
      "second SKIPPED",
      "load SKIPPED",
    ]);
    expect(again.mark).toBeNull();
  });

  test("where nothing loads the rows it moves with the run", async () => {
    expect(await marks(unloaded, "read")).toBe(3);
  });
});
