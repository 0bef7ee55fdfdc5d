import { appendFileSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { defineTable, defineWorkflow, type Page, recordCount, reject, type Source, unique } from "spine-core";
import { z } from "zod";

interface Trade {
  readonly id: number;
  readonly shares: string;
}

export const PAGES = 24;
const PAGE_ROWS = 20;
/** Every so many rows there is one without shares. */
const REFUSED = 7;

/** A source that writes down which pages it was asked for; a page takes a moment. */
function tradesFrom(book: string): Source<number, Trade> {
  return {
    name: "trades.booked",
    async *stream(version, { cursor } = {}): AsyncGenerator<Page<Trade>> {
      for (let page = Number(cursor ?? 0); page < PAGES; page += 1) {
        appendFileSync(book, `${page}\n`);
        await delay(2);
        const rows = Array.from({ length: PAGE_ROWS }, (_, row) => {
          const id = page * PAGE_ROWS + row;
          return { id, shares: id % REFUSED === 0 ? "none" : String(id * version) };
        });
        yield { rows, lines: rows.map(({ id }) => id + 2), cursor: page + 1 };
      }
    },
  };
}

/** The pages that were asked for, in their order. */
export function pagesIn(book: string): readonly number[] {
  return readFileSync(book, "utf8").split("\n").filter(Boolean).map(Number);
}

export const ingestedTrades = defineTable({
  name: "ingested_trades",
  columns: { day: "text", id: "integer", shares: "decimal" },
  key: ["day", "id"],
  partition: ["day"],
  captures: "ingested_trades_captures",
});

/** @param book the file that the pages are written down in. */
export const ingestFlow = (book: string) =>
  defineWorkflow({
    name: "demo.ingest_trades",
    params: z.object({ day: z.string(), version: z.int() }),
    partition: ({ params: { day } }) => ({ day }),
  }).ingest("trades", {
    from: tradesFrom(book),
    request: ({ params }) => params.version,
    row: ({ id, shares }, { params: { day } }) =>
      shares === "none" ? reject("NO_SHARES", "none") : { day, id, shares },
    schema: z.object({ day: z.string(), id: z.int(), shares: z.string() }),
    checks: [recordCount({ min: 1 }), unique(["id"])],
    into: ingestedTrades,
    disposition: "replace-partition",
  });
