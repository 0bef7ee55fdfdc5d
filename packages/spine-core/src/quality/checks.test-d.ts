import { z } from "zod";
import { defineTable } from "../data/table.ts";
import type { Source } from "../sources/source.ts";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import { changeVsPrior } from "./change-vs-prior.ts";
import {
  acceptedValues,
  distinctCount,
  matches,
  notNull,
  range,
  recordCount,
  satisfies,
  sumTo,
  unique,
} from "./checks.ts";
import { freshness } from "./freshness.ts";
import { relationship } from "./relationship.ts";
import { schema as hasColumns } from "./schema-check.ts";
import { sql } from "./sql-check.ts";

declare const source: Source<object, { symbol: string }>;
const schema = z.object({
  symbol: z.string(),
  n: z.number(),
  shares: z.string(),
  note: z.string().nullable(),
  ok: z.boolean(),
});
const table = defineTable({
  name: "t",
  columns: { symbol: "text", n: "integer", shares: "decimal", note: "text?", ok: "boolean" },
  key: ["symbol"],
});
const rows = defineWorkflow({ name: "x" })
  .fetch("fetch", { from: source, request: () => ({}) })
  .transform("rows", {
    from: "fetch",
    row: (row) => ({ symbol: row.symbol, n: 1, shares: "1.5", note: null, ok: true }),
    schema,
  });

rows
  .quality("q", {
    on: "rows",
    checks: [
      recordCount({ min: 1 }),
      unique(["symbol", "n"]),
      notNull(["symbol", "note"]),
      range("shares", { min: 0 }),
      range("n", { min: 0, max: "10" }),
      range("note", { min: 0 }),
      acceptedValues("symbol", ["A"]),
      matches("note", /x/),
      sumTo("n", 1, 1e-4),
      satisfies(
        "n at most 5",
        (row: { readonly n: number; readonly symbol: string }) => row.n <= 5 && row.symbol !== "",
      ),
    ],
  })
  .load("load", { from: "rows", into: table, disposition: "append" });

// @ts-expect-error there is no such column
rows.quality("q", { on: "rows", checks: [unique(["symbol", "nope"])] });
// @ts-expect-error there is no such column
rows.quality("q", { on: "rows", checks: [notNull(["nope"])] });
// @ts-expect-error there is no such column
rows.quality("q", { on: "rows", checks: [range("nope", { min: 0 })] });
// @ts-expect-error a boolean has no range
rows.quality("q", { on: "rows", checks: [range("ok", { min: 0 })] });
// @ts-expect-error a number matches no pattern
rows.quality("q", { on: "rows", checks: [matches("n", /1/)] });
const strange = satisfies("x", (row: { readonly nope: number }) => row.nope === 1);
// @ts-expect-error there is no such column
rows.quality("q", { on: "rows", checks: [strange] });

rows.quality("q", {
  on: "rows",
  checks: [
    relationship(["symbol"], { in: "symbols" }),
    relationship(["symbol"], { in: table, columns: ["symbol"] }),
    freshness("symbol", { maxAge: "1d" }),
    distinctCount(["symbol", "n"], { min: 1 }),
    changeVsPrior("rows", { fail: 0.5 }),
    changeVsPrior({ sum: "shares" }, { fail: 0.5 }),
    sql("none", (db, name) => db.selectFrom(name).selectAll()),
    hasColumns({ symbol: "text", note: ["string", "null"] }),
  ],
});
// @ts-expect-error there is no such column
rows.quality("q", { on: "rows", checks: [relationship(["nope"], { in: "symbols" })] });
// @ts-expect-error a number is no time
rows.quality("q", { on: "rows", checks: [freshness("n", { maxAge: "1d" })] });
// @ts-expect-error there is no such column
rows.quality("q", { on: "rows", checks: [distinctCount(["nope"], { min: 1 })] });
// @ts-expect-error there is no such column
rows.quality("q", { on: "rows", checks: [changeVsPrior({ distinct: "nope" }, { fail: 0.5 })] });
// @ts-expect-error there is no such type
hasColumns({ symbol: "varchar" });
