import {
  definePartitions,
  defineTable,
  defineWorkflow,
  type Page,
  recordCount,
  type Source,
  weekly,
} from "spine-core";
import { z } from "zod";

export interface Trade {
  readonly symbol: string;
  readonly shares: string;
}

/** Three rows of a week and a tier, which follow from their names. */
const source: Source<{ readonly week: string; readonly tier: string }, Trade> = {
  name: "trades.made_up",
  async *stream({ week, tier }, { cursor } = {}): AsyncGenerator<Page<Trade>> {
    // All of it is on the first page.
    if (cursor === 1) return;
    const rows = ["AAA", "BBB", "CCC"].map((symbol, n) => ({
      symbol: `${symbol}${tier}`,
      shares: String(Number(week.slice(5).replace("-", "")) * (n + 1)),
    }));
    yield { rows, cursor: 1 };
  },
};

export const backfilledTrades = defineTable({
  name: "backfilled_trades",
  columns: { week_start: "text", tier: "text", symbol: "text", shares: "decimal" },
  key: ["week_start", "tier", "symbol"],
  partition: ["week_start", "tier"],
});

/** `tier` BAD fails for as long as `isBad` says so. */
export const mood = { isBad: true };

export const ingestTrades = defineWorkflow({
  name: "demo.ingest_trades",
  params: z.object({ week: z.string(), tier: z.string() }),
  partition: ({ params: { week, tier } }) => ({ week_start: week, tier }),
})
  .fetch("fetch", { from: source, request: ({ params }) => params })
  .transform("clean", {
    from: "fetch",
    row: (row, { params: { week, tier } }) => ({ week_start: week, tier, ...row }),
    schema: z.object({ week_start: z.string(), tier: z.string(), symbol: z.string(), shares: z.string() }),
  })
  .quality("check", { on: "clean", checks: [recordCount({ min: 1 })] })
  .step("gate", ({ params }) => {
    if (params.tier === "BAD" && mood.isBad) throw new Error("the vendor has nothing for this tier");
    return null;
  })
  .load("load", { from: "clean", into: backfilledTrades, disposition: "replace-partition" });

export const weeksOf = (tiers: readonly string[], weeks: number) =>
  definePartitions({
    table: backfilledTrades,
    workflow: ingestTrades,
    dimensions: {
      week_start: weekly({
        from: "2025-01-06",
        to: new Date(Date.UTC(2025, 0, 6) + (weeks - 1) * 7 * 86_400_000).toISOString().slice(0, 10),
      }),
      tier: tiers,
    },
  });

export const paramsOf = ({ week_start = "", tier = "" }: Readonly<Record<string, string>>) => ({
  week: week_start,
  tier,
});
