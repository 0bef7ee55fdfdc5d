// Real prices, as they were crawled: each file brings a day and, restated, the day before. What becomes of them is worked out here by
// other means, from the lines of the files.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { defineTable, defineWorkflow, recordCount, unique } from "spine-core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { fileSource } from "./sources/index.ts";
import { PLACES } from "./testing/places.ts";
import { startAt } from "./testing/start-spine.ts";

const folder = fileURLToPath(new URL("../../../../shared/data/prices-us-daily/", import.meta.url));
const DAYS = ["20150714", "20150715"];
/** Three crawls, one behind the other: many keys come twice. */
const JOINED = "20150406";

const prices = defineTable({
  name: "prices",
  columns: {
    symbol: "text",
    date: "date",
    open: "decimal",
    high: "decimal",
    low: "decimal",
    close: "decimal",
    volume: "integer",
    adj_close: "decimal",
  },
  key: ["symbol", "date"],
  captures: "prices_captures",
});
const Price = z.string().regex(/^\d{1,7}(\.\d{1,6})?$/);
const Bar = z.object({
  symbol: z.string().min(1),
  date: z.iso.date(),
  open: Price,
  high: Price,
  low: Price,
  close: Price,
  volume: z.int().positive(),
  adj_close: Price,
});
type Bar = z.output<typeof Bar>;

const load = defineWorkflow({ name: "prices.load", params: z.object({ day: z.string() }) })
  .fetch("fetch", {
    from: fileSource({ roots: [folder], delimiter: "," }),
    request: ({ params: { day } }) => ({ path: `${folder}prices-${day}.csv.gz` }),
  })
  .transform("bars", {
    from: "fetch",
    row: (row) => ({ ...(row as unknown as Bar), volume: Number(row.volume) }),
    schema: Bar,
  })
  .quality("quality", { on: "bars", checks: [recordCount({ min: 10_000 }), unique(["symbol", "date"])] })
  .load("load", { from: "bars", into: prices, disposition: "scd2", absent: "keep" });

interface Day {
  readonly lines: number;
  readonly refused: number;
  /** By symbol and date: the figures, as numbers. */
  readonly bars: ReadonlyMap<string, string>;
}

function readDay(day: string): Day {
  const text = gunzipSync(readFileSync(`${folder}prices-${day}.csv.gz`)).toString();
  const lines = text
    .split(/\r?\n/)
    .slice(1)
    .filter((line) => line !== "");
  const bars = new Map<string, string>();
  let refused = 0;
  for (const line of lines) {
    const [symbol = "", date = "", ...figures] = line.split(",");
    const volume = Number(figures[4]);
    const arePrices = figures.every((figure, at) => at === 4 || /^\d{1,7}(\.\d{1,6})?$/.test(figure));
    if (symbol === "" || !arePrices || !Number.isInteger(volume) || volume <= 0) refused += 1;
    else bars.set(`${symbol} ${date}`, figures.map(Number).join());
  }
  return { lines: lines.length, refused, bars };
}

const note = "(skipped: real data not present)";

describe.skipIf(!existsSync(folder)).each(PLACES)("%s", (_name, open) => {
  test(`two days of real prices: every row has its place, and what was restated is known as it was ${note}`, async () => {
    const place = await open();
    const spine = await startAt(place, [load]);
    const current = new Map<string, string>();
    let superseded = 0;
    let restated: { readonly key: string; readonly before: string } | undefined;
    const loadedAt: string[] = [];
    for (const day of DAYS) {
      const { lines, refused, bars } = readDay(day);
      let changed = 0;
      for (const [key, figures] of bars) {
        const before = current.get(key);
        if (before !== undefined && before !== figures) {
          changed += 1;
          // A split: the price of the day before, a seventh of what it was.
          if (key.startsWith("NFLX ")) restated = { key, before };
        }
        current.set(key, figures);
      }
      superseded += changed;

      const run = await spine.run(load, { day });
      const { outputs } = await run.result();
      expect(outputs.load.superseded).toBe(changed);
      loadedAt.push(new Date().toISOString());
      const { steps } = await spine.get(run.id);
      const counts = Object.fromEntries(steps.map(({ name, rows }) => [name, rows]));
      expect(counts.fetch).toEqual({ in: lines, out: lines, rejected: 0 });
      expect(counts.bars).toEqual({ in: lines, out: lines - refused, rejected: refused });
      const rejects = await spine.rejects.list({ runId: run.id, step: "bars", limit: 1_000 });
      expect(rejects).toHaveLength(Math.min(refused, 1_000));
      expect(rejects.every(({ code, line }) => code !== "" && line !== null)).toBe(true);
    }
    expect(superseded).toBeGreaterThan(100);

    const { kysely } = spine.database;
    const rows = await kysely.selectFrom("prices").selectAll().execute();
    const inTable = new Map(rows.map((row) => [keyOf(row), figuresOf(row)]));
    expect(inTable).toEqual(current);
    const captures = await kysely.selectFrom("prices_captures").selectAll().execute();
    expect(captures).toHaveLength(superseded);

    // As of the first load the split had not been told yet.
    if (!restated) throw new Error("The files are not those that were expected.");
    const [symbol = "", date = ""] = restated.key.split(" ");
    const asOf = await kysely
      .selectFrom("prices_captures")
      .selectAll()
      .where("symbol", "=", symbol)
      .where("date", "=", date)
      .where("_spine_loaded_at", "<=", loadedAt[0] ?? "")
      .where("_spine_superseded_at", ">", loadedAt[0] ?? "")
      .execute();
    expect(asOf.map(figuresOf)).toEqual([restated.before]);
    expect(inTable.get(restated.key)).not.toBe(restated.before);

    // A day whose keys come more than once does not get as far as the table.
    const wrong = await spine.run(load, { day: JOINED });
    await expect(wrong.result()).rejects.toMatchObject({ code: "QUALITY_FAILED" });
    const after = await kysely.selectFrom("prices").select(["symbol"]).execute();
    expect(after).toHaveLength(current.size);
  });
});

function keyOf(row: Readonly<Record<string, unknown>>): string {
  return [row.symbol, row.date].map(String).join(" ");
}

function figuresOf(row: Readonly<Record<string, unknown>>): string {
  return [row.open, row.high, row.low, row.close, row.volume, row.adj_close].map(Number).join();
}
