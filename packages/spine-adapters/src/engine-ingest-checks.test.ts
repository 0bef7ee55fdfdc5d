// Checks of an ingest say what they say in a quality step, though how many rows there are is known at the end only.

import { createSpine, defineTable, defineWorkflow, freshness, type Row, silentLogger, sql } from "spine-core";
import { arraySource } from "spine-core/testing";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { memory, PLACES } from "./testing/places.ts";

const days = defineTable({
  name: "days",
  columns: { day: "date", id: "integer", share: "decimal" },
  key: ["id"],
});
const CHECKS = {
  freshness: freshness("day", { maxAge: "5d" }),
  sql: sql("no day", (db, rows) => db.selectFrom(rows).selectAll().where("share", "=", "0.5")),
} as const;
const flowOf = (name: keyof typeof CHECKS) =>
  defineWorkflow({ name: `demo.${name}` }).ingest("load", {
    from: {
      name: "old",
      stream: () => arraySource([{ day: "2020-01-01", id: 1, share: "0.5" }] as readonly Row[]).stream({}),
    },
    request: () => null,
    row: (row) => row as never,
    schema: z.object({ day: z.string(), id: z.int(), share: z.string() }),
    checks: [CHECKS[name] as never],
    into: days,
    disposition: "append",
  });
const flows = [flowOf("freshness"), flowOf("sql")];

test.each([...PLACES, ["a database in memory", memory] as const])("%s", async (_name, open) => {
  const place = await open();
  const spine = await createSpine({ database: place.database(), workflows: flows, logger: silentLogger });
  onTestFinished(async () => {
    await spine.stop();
    place.remove();
  });
  for (const flow of flows) {
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({ code: "QUALITY_FAILED" });
    expect(await spine.quality.results(run.id)).toMatchObject([{ status: "FAIL" }]);
  }
  expect(await spine.database.kysely.selectFrom("days").selectAll().execute()).toEqual([]);
});
