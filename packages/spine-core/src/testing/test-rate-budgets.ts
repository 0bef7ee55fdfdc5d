import { expect } from "vitest";
import type { RateBudget } from "../sources/rate-budgets.ts";
import {
  type Check,
  type DatabaseHarness,
  databaseSuite,
  type SuiteOptions,
  type TestContext,
} from "./suite.ts";

const BUDGET: RateBudget = { name: "api", limit: 5, perMs: 1_000 };

/**
 * The conformance suite of rate budgets: registers its tests with vitest.
 *
 * @example
 * testRateBudgets("my database", { open: async (options) => openMine(options) });
 */
export function testRateBudgets(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`rate budgets: ${name}`, harness, options, (check) => {
    waits(check);
    shares(check);
    refuses(check);
  });
}

function waits(check: Check): void {
  check("spreads requests evenly, each with a place of its own", async ({ stores: { budgets }, clock }) => {
    const given: number[] = [];
    for (let index = 0; index < 6; index += 1) given.push(await budgets.take(BUDGET));
    expect(given).toEqual([0, 200, 400, 600, 800, 1_000]);
    clock.advance(1_000);
    expect(await budgets.take(BUDGET)).toBe(200);
    clock.advance(10_000);
    // Time that passed unused is not saved up.
    expect([await budgets.take(BUDGET), await budgets.take(BUDGET)]).toEqual([0, 200]);
  });

  check(
    "lets a burst through at once, and then no more than before",
    async ({ stores: { budgets }, clock }) => {
      const bursting = { ...BUDGET, burst: 3 };
      const starts: number[] = [];
      for (const pause of [0, 0, 0, 0, 500, 0, 2_000, 0, 0, 0, 0, 0, 10_000, 0, 0, 0, 0]) {
        clock.advance(pause);
        starts.push(clock.now() + (await budgets.take(bursting)));
      }
      const begin = starts[0] ?? 0;
      expect(starts.slice(0, 4).map((at) => Math.round(at - begin))).toEqual([0, 0, 0, 333]);
      for (const at of starts) {
        const inStretch = starts.filter((other) => other >= at && other < at + 999.9);
        expect(inStretch.length, starts.map((each) => each - begin).join(" ")).toBeLessThanOrEqual(
          BUDGET.limit,
        );
      }
    },
  );

  check("counts a dear request for several", async ({ stores: { budgets } }) => {
    expect(await budgets.take({ ...BUDGET, cost: 4 })).toBe(0);
    expect(await budgets.take(BUDGET)).toBe(800);
  });

  check("takes nothing where the wait is too long", async ({ stores: { budgets }, clock }) => {
    await budgets.take({ ...BUDGET, cost: 10 });
    const patient = { ...BUDGET, upToMs: 1_999 };
    expect(await budgets.take(patient)).toBe(2_000);
    expect(await budgets.take(patient)).toBe(2_000);
    clock.advance(1);
    expect(await budgets.take(patient)).toBe(1_999);
    expect(await budgets.take(patient)).toBe(2_199);
  });
}

function shares(check: Check): void {
  check("keeps names apart", async ({ stores: { budgets } }) => {
    for (const name of ["a", "A", "a ", "ä", "x".repeat(200)]) {
      expect(await budgets.take({ ...BUDGET, name }), name).toBe(0);
      expect(await budgets.take({ ...BUDGET, name }), name).toBe(200);
    }
  });

  check("shares a budget with everybody on the database", async (context: TestContext) => {
    const other = (await context.again?.()) ?? context;
    try {
      const all = await Promise.all(
        Array.from({ length: 40 }, (_none, index) =>
          (index % 2 === 0 ? context : other).stores.budgets.take(BUDGET),
        ),
      );
      const places = Array.from({ length: 40 }, (_none, index) => index * 200);
      expect(all.map(Math.round).sort((a, b) => a - b)).toEqual(places);
    } finally {
      if (other !== context) await other.close();
    }
  });
}

function refuses(check: Check): void {
  check("refuses a budget that makes no sense, and says which part", async ({ stores: { budgets } }) => {
    const wrong: Readonly<Record<string, readonly unknown[]>> = {
      limit: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "5", null],
      perMs: [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "5", null],
      cost: [0, 0.5, "1"],
      burst: [0, 6, 1.5],
      upToMs: [-1, Number.NaN, "1"],
    };
    for (const [field, values] of Object.entries(wrong)) {
      for (const value of values) {
        const taking = budgets.take({ ...BUDGET, [field]: value } as RateBudget);
        await expect(taking, `${field} ${String(value)}`).rejects.toMatchObject({
          code: "CONFIG_INVALID",
          message: expect.stringContaining(`\`${field}\``),
        });
      }
    }
    for (const name of ["", "x".repeat(201), "a\0b", "\ud800", 7, null]) {
      await expect(budgets.take({ ...BUDGET, name: name as string })).rejects.toMatchObject({
        code: "CONFIG_INVALID",
      });
    }
    expect(await budgets.take(BUDGET)).toBe(0);
  });
}
