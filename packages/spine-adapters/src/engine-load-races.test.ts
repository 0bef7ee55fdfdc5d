// Loads of one partition, and merges by one key, that several runs do at the same moment: one after another, and none is refused.

import { createSpine, defineTable, defineWorkflow, type Row, silentLogger } from "spine-core";
import { arraySource } from "spine-core/testing";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";

const DAY = "2026-01-05";
const WAYS = {
  part: { disposition: "replace-partition" },
  scd2: { disposition: "scd2", partition: () => ({ day: DAY }) },
  merge: { disposition: "merge" },
  whole: { disposition: "scd2" },
} as const;
const source = { name: "given", stream: (rows: readonly Row[]) => arraySource(rows).stream({}) };
const flows = Object.entries(WAYS).map(([name, how]) =>
  defineWorkflow({
    name: `demo.race_${name}`,
    params: z.object({ value: z.string() }),
    partition: () => ({ day: DAY }),
  })
    .fetch("fetch", {
      from: source,
      request: ({ params: { value } }) => Array.from({ length: 20 }, (_, id) => ({ day: DAY, id, value })),
    })
    .load("load", {
      from: "fetch",
      into: defineTable({
        name: `race_${name}`,
        columns: { day: "date", id: "integer", value: "text" },
        key: ["day", "id"],
        partition: ["day"],
        captures: `race_${name}_captures`,
      }),
      ...how,
    } as never),
);

test.each(PLACES)("%s", async (_name, open) => {
  const place = await open();
  const spine = await createSpine({ database: place.database(), workflows: flows, logger: silentLogger });
  onTestFinished(async () => {
    await spine.stop();
    place.remove();
  });
  for (const flow of flows) {
    const runs = await Promise.all(["a", "b", "c", "d"].map((value) => spine.run(flow, { value })));
    await Promise.all(runs.map((run) => run.result()));
    const table = flow.name.replace("demo.", "");
    const rows = await spine.database.kysely.selectFrom(table).select("value").execute();
    expect(new Set(rows.map(({ value }) => value)).size, table).toBe(1);
    expect(rows).toHaveLength(20);
    const captured = await spine.database.kysely.selectFrom(`${table}_captures`).select("value").execute();
    expect(captured, table).toHaveLength(60);
  }
});
