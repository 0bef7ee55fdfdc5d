import { expectTypeOf } from "vitest";
import { z } from "zod";
import { defineTable } from "../data/table.ts";
import { notNull, range, recordCount } from "../quality/checks.ts";
import type { QualityReport } from "../quality/quality-check.ts";
import type { Source } from "../sources/source.ts";
import { defineWorkflow } from "./define-workflow.ts";
import type { IngestResult, LoadResult } from "./load-result.ts";
import { reject } from "./rejection.ts";
import type { OutputsOf } from "./workflow.ts";

interface Raw {
  readonly symbol: string;
  readonly shares: string;
  readonly at: string;
}
declare const source: Source<{ readonly day: string }, Raw>;
const table = defineTable({
  name: "trades",
  columns: { symbol: "text", shares: "integer", note: "text?" },
  key: ["symbol"],
});
const schema = z.object({ symbol: z.string(), shares: z.int(), note: z.string().optional() });
const flow = defineWorkflow({ name: "demo.typed", params: z.object({ day: z.string() }) }).step(
  "open",
  () => 3,
);
const row = ({ symbol, shares }: Raw) => ({ symbol, shares: Number(shares) });
const request = ({ params }: { readonly params: { readonly day: string } }) => ({ day: params.day });
const common = { from: source, request, row, schema, into: table } as const;

// What a step behind it reads, and what its own functions are given.
const whole = flow
  .ingest("trades", {
    from: source,
    request: ({ params, outputs, since }) => {
      expectTypeOf(outputs.open).toEqualTypeOf<number>();
      expectTypeOf(since).toEqualTypeOf<null>();
      return { day: params.day };
    },
    row: (raw, { params, outputs }) => {
      expectTypeOf(raw).toEqualTypeOf<Raw>();
      expectTypeOf(params.day).toEqualTypeOf<string>();
      expectTypeOf(outputs.open).toEqualTypeOf<number>();
      return raw.shares === ""
        ? reject("NO_SHARES", "none")
        : { symbol: raw.symbol, shares: Number(raw.shares) };
    },
    schema,
    checks: [recordCount({ min: 1 }), notNull(["symbol"]), range("shares", { min: "0" })],
    into: table,
    disposition: "append",
    undo: ({ output, params }) => {
      expectTypeOf(output).toEqualTypeOf<IngestResult>();
      expectTypeOf(params.day).toEqualTypeOf<string>();
    },
  })
  .step("end", ({ outputs }) => {
    expectTypeOf(outputs.trades.load).toEqualTypeOf<LoadResult>();
    expectTypeOf(outputs.trades.quality).toEqualTypeOf<QualityReport>();
    return outputs.trades.rows + outputs.trades.rejected;
  });
expectTypeOf<OutputsOf<typeof whole>["trades"]>().toEqualTypeOf<IngestResult>();
expectTypeOf<OutputsOf<typeof whole>["end"]>().toEqualTypeOf<number>();
// @ts-expect-error it leaves no dataset that another step could read
whole.quality("again", { on: "trades", checks: [] });
// @ts-expect-error a name is used once
whole.ingest("trades", { ...common, disposition: "append" });

// Ways to load: columns are those of the schema, and each way has its own options.
flow.ingest("a", { ...common, disposition: "merge", by: ["symbol"], strategy: "delete-insert" });
flow.ingest("a", { ...common, disposition: "scd2", absent: "keep" });
// @ts-expect-error the schema has no such column
flow.ingest("a", { ...common, disposition: "merge", by: ["at"] });
// @ts-expect-error there is no such disposition
flow.ingest("a", { ...common, disposition: "overwrite" });
// @ts-expect-error rows come from a row function
flow.ingest("a", { from: source, request, schema, into: table, disposition: "append" });

// What does not fit: rows and schema, schema and table, request and source.
flow.ingest("a", {
  ...common,
  // @ts-expect-error shares are integers
  row: (raw) => ({ symbol: raw.symbol, shares: raw.shares }),
  disposition: "append",
});
flow.ingest("a", {
  ...common,
  row: ({ symbol }) => ({ symbol }),
  schema: z.object({ symbol: z.string() }),
  // @ts-expect-error the table wants shares
  into: table,
  disposition: "append",
});
// @ts-expect-error the source asks for a day
flow.ingest("a", { ...common, request: () => ({ week: "" }), disposition: "append" });

// It follows the runs before it as a fetch does.
flow.ingest("a", {
  ...common,
  incremental: { field: "at", lag: "1h", key: ["symbol"] },
  request: ({ since, until, params }) => {
    expectTypeOf(since).toEqualTypeOf<string | null>();
    expectTypeOf(until).toEqualTypeOf<string | null>();
    return { day: since ?? params.day };
  },
  disposition: "append",
});
// @ts-expect-error rows have no such field
flow.ingest("a", { ...common, incremental: { field: "on" }, disposition: "append" });
const ends = flow
  .ingest("trades", { ...common, disposition: "append", unchanged: "end" })
  .step("count", ({ outputs }) => outputs.trades.rows);
expectTypeOf<OutputsOf<typeof ends>["count"]>().toEqualTypeOf<number | undefined>();
expectTypeOf<OutputsOf<typeof ends>["trades"]>().toEqualTypeOf<IngestResult | undefined>();
