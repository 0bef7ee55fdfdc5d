import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { z } from "zod";
import type { Measurement } from "../harness/measurement.ts";
import type { Figures } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import { spineDatabase } from "../systems/spine.ts";

const child = defineWorkflow({ name: "bench.child", params: z.object({ n: z.number() }) }).step(
  "one",
  ({ params }) => ({ ok: params.n }),
);

/** A map whose items are runs of their own, so many at a time, beside one run of as many plain steps: how many times as long it takes. */
export async function measureChildren(
  system: System,
  { database, durability, sizes }: Measurement,
): Promise<Figures> {
  const { children = 0, inFlight = 1 } = sizes;
  const items = Array.from({ length: children }, (_, n) => n);
  const parent = defineWorkflow({ name: "bench.parent" }).map("all", {
    over: () => items,
    concurrency: inFlight,
    pipeline: child,
    params: ({ item }) => ({ n: item }),
  });
  const mapped = defineWorkflow({ name: "bench.mapped" }).map("all", {
    over: () => items,
    concurrency: inFlight,
    run: ({ item }) => ({ ok: item }),
  });
  const plain = items.reduce(
    (flow, n) => flow.step(`s${n}`, () => ({ ok: n })) as typeof flow,
    defineWorkflow({ name: "bench.plain" }),
  );
  const workflows = [parent, mapped, plain, child];
  const spine = await createSpine({
    database: spineDatabase(system.database, { database, durability }),
    workflows,
    concurrency: inFlight,
    logger: silentLogger,
  });
  const time = async (flow: typeof plain): Promise<number> => {
    const start = performance.now();
    const run = await spine.run(flow, {});
    await run.result();
    return performance.now() - start;
  };
  try {
    // Once to be warm, once to be measured.
    const flows = [plain, parent, mapped] as unknown as readonly (typeof plain)[];
    for (const flow of flows) await time(flow);
    const measured: number[] = [];
    for (const flow of flows) measured.push(await time(flow));
    const [plainMs = Number.NaN, childrenMs = Number.NaN, itemsMs = Number.NaN] = measured;
    return { plainMs, childrenMs, itemsMs, ratio: childrenMs / plainMs, itemsRatio: itemsMs / plainMs };
  } finally {
    await spine.stop();
  }
}
