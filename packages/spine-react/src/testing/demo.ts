import { definePartitions, defineTable, defineWorkflow, recordCount, reject, weekly } from "spine-core";
import { arraySource } from "spine-core/testing";
import { z } from "zod";

/** Waits for two signals. */
export const gated = defineWorkflow({ name: "demo.gated" })
  .step("before", () => 1)
  .wait("first", { signal: "first" })
  .wait("second", { signal: "second" })
  .step("after", () => 2);

export const report = defineWorkflow({ name: "demo.report", params: z.object({ day: z.iso.date() }) }).step(
  "count",
  ({ params }) => ({ day: params.day, orders: 42 }),
);

/** Fails until it is mended. */
export const flaky = { isMended: false };
export const broken = defineWorkflow({ name: "demo.broken" })
  .step("fine", () => 1)
  .step("broken", () => {
    if (!flaky.isMended) throw new Error("the disk said no");
  });

const trades = defineTable({
  name: "react_trades",
  columns: { week_start: "date", symbol: "text", shares: "decimal" },
  key: ["week_start", "symbol"],
  partition: ["week_start"],
});

/** Reads three rows, refuses one, checks the others, and loads them. */
export const rows = defineWorkflow({
  name: "demo.rows",
  params: z.object({ week: z.iso.date() }),
  partition: ({ params }) => ({ week_start: params.week }),
})
  .fetch("fetch", {
    from: arraySource([
      { symbol: "AAA", shares: "120000.5" },
      { symbol: "BBB", shares: "7" },
      { symbol: "", shares: "1" },
    ]),
    request: () => null,
  })
  .transform("clean", {
    from: "fetch",
    row: (row, { params }) =>
      row.symbol === "" ? reject("NO_SYMBOL", "The row has no symbol.") : { week_start: params.week, ...row },
    schema: z.object({ week_start: z.string(), symbol: z.string(), shares: z.string() }),
  })
  .quality("quality", { on: "clean", checks: [recordCount({ min: 3 }, { blocking: false })] })
  .load("load", { from: "clean", into: trades, disposition: "replace-partition" });

export const weeks = definePartitions({
  table: trades,
  workflow: rows,
  dimensions: { week_start: weekly({ from: "2025-01-06" }) },
});
