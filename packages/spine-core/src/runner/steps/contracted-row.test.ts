// What a contract makes of a row, as a table: the row or the code of its refusal, and the values that were left out.
import { expect, test } from "vitest";
import { z } from "zod";
import { type Contract, DEFAULT_CONTRACT } from "../../workflow/contract.ts";
import { Rejection } from "../../workflow/rejection.ts";
import type { TransformStep } from "../../workflow/step.ts";
import { ContractedRow } from "./contracted-row.ts";

const Trade = z.object({
  symbol: z.string().min(2),
  shares: z.number().nullable(),
  note: z.string().optional(),
  venue: z.string().default("XNYS"),
  lot: z.coerce.number().min(1),
});
const row = { symbol: "ABC", shares: 5, note: "n", venue: "XNAS", lot: 2 };

function of(contract: Contract | null, made: unknown, schema: z.ZodType = Trade) {
  const full = contract && { ...DEFAULT_CONTRACT, ...contract };
  const contracted = new ContractedRow({ name: "clean", schema, contract: full } as TransformStep, 0);
  try {
    const result = contracted.of(made, 7);
    return [result instanceof Rejection ? result.code : result, contracted.discarded];
  } catch (error) {
    const { code, context } = error as { code: string; context: object };
    return [code, context];
  }
}

const more = { ...row, x: 1, y: null };
test.each<readonly [Contract | null, unknown, unknown, unknown]>([
  [null, row, row, 0],
  [null, more, row, 2],
  [{}, more, row, 2],
  [{ columns: "discard-value" }, more, row, 2],
  [{ columns: "evolve" }, more, more, 0],
  [{ columns: "evolve" }, row, row, 0],
  [{ columns: "discard-row" }, more, "UNKNOWN_COLUMN", 0],
  [{ columns: "discard-row" }, row, row, 0],
  [{ columns: "freeze" }, more, "CONTRACT_BROKEN", { column: "x", line: 7 }],
  [{ columns: "freeze" }, row, row, 0],
  // As many fields as the schema has, one of them another: a field that may be missing is.
  [
    null,
    { symbol: "ABC", shares: 5, lot: 2, x: 1, y: 1 },
    { symbol: "ABC", shares: 5, lot: 2, venue: "XNYS" },
    2,
  ],
  [null, { ...row, shares: "5" }, "INVALID_SHARES", 0],
  [null, { ...more, shares: "5" }, "INVALID_SHARES", 0],
  [{ values: "discard-row" }, { ...row, shares: "5" }, "INVALID_SHARES", 0],
  [{ values: "freeze" }, { ...row, shares: "5" }, "CONTRACT_BROKEN", { column: "shares", line: 7 }],
  [{ values: "freeze" }, row, row, 0],
  [{ values: "discard-value" }, { ...row, shares: "5" }, { ...row, shares: null }, 1],
  [{ values: "discard-value" }, { ...row, note: 5 }, { symbol: "ABC", shares: 5, venue: "XNAS", lot: 2 }, 1],
  [{ values: "discard-value" }, { ...row, venue: 5 }, { ...row, venue: "XNYS" }, 1],
  [
    { values: "discard-value" },
    { ...row, shares: "5", venue: 5 },
    { ...row, shares: null, venue: "XNYS" },
    2,
  ],
  // Neither null nor missing: the row is refused, and nothing was left out of it.
  [{ values: "discard-value" }, { ...row, symbol: "A" }, "INVALID_SYMBOL", 0],
  [{ values: "discard-value" }, { ...row, shares: "5", symbol: "A" }, "INVALID_SYMBOL", 0],
  // Null would be made 0, which nobody has delivered.
  [{ values: "discard-value" }, { ...row, lot: "x" }, "INVALID_LOT", 0],
  [{ values: "discard-value" }, "no row", "INVALID_ROW", 0],
  [{ values: "discard-value" }, { ...more, shares: "5" }, { ...row, shares: null }, 3],
  [{ columns: "evolve", values: "discard-value" }, { ...more, shares: "5" }, { ...more, shares: null }, 1],
  [{ columns: "freeze", values: "discard-row" }, { ...row, shares: "5" }, "INVALID_SHARES", 0],
  [{ columns: "discard-row", values: "freeze" }, { ...more, shares: "5" }, "UNKNOWN_COLUMN", 0],
])("%j: %j is %j (%j)", (contract, made, result, discarded) => {
  expect(of(contract, made)).toEqual([result, discarded]);
});

test("fields are known behind refinements, and rules over several fields are asked again without what does not fit", () => {
  const both = Trade.refine(({ shares, note }) => shares !== null || note !== undefined, { path: ["note"] });
  expect(of({ columns: "discard-row" }, more, both)).toEqual(["UNKNOWN_COLUMN", 0]);
  const values = { values: "discard-value" } as const;
  expect(of(values, { ...row, shares: "5" }, both)).toEqual([{ ...row, shares: null }, 1]);
  expect(of(values, { ...row, shares: "5", note: undefined }, both)).toEqual(["INVALID_SHARES", 0]);
  const made = Trade.transform((trade) => ({ ...trade, twice: (trade.shares ?? 0) * 2 })).readonly();
  expect(of({ columns: "evolve" }, { ...row, x: 1 }, made)).toEqual([{ ...row, x: 1, twice: 10 }, 0]);
});

test("a schema that decides about other fields itself goes on to", () => {
  expect(of(null, more, Trade.loose())).toEqual([more, 0]);
  expect(of(null, more, Trade.strict())).toEqual(["INVALID_ROW", 0]);
});

test("rows of one shape and of others count alike", () => {
  const contracted = new ContractedRow({ name: "clean", schema: Trade } as unknown as TransformStep, 3);
  const { note, ...less } = more;
  for (const made of [more, more, row, less, { ...row, z: 1 }, row, more]) contracted.of(made, null);
  expect(contracted.discarded).toBe(3 + 2 + 2 + 0 + 2 + 1 + 0 + 2);
  expect(note).toBe("n");
});
