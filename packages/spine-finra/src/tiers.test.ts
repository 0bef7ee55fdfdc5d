import { expect, it } from "vitest";
import { parseTier, TIER_DESCRIPTIONS, TIERS, tierOf } from "./tiers.ts";

it.each([
  ["T1", "T1"],
  ["T2", "T2"],
  ["OTCE", "OTCE"],
  ["T3", "OTCE"],
  ["OTC", "OTCE"],
  ["NMS Tier 1", "T1"],
  ["NMS Tier 2", "T2"],
  ["NMS_TIER_2", "T2"],
])("%s is %s", (name, tier) => {
  expect(parseTier(name)).toBe(tier);
});

it.each(["T4", "t1", "", "otc", "NMS Tier 3", "toString", "__proto__", " T1"])("%j is no tier", (name) => {
  expect(tierOf(name)).toBeUndefined();
  expect(() => parseTier(name)).toThrow(/is not a FINRA tier/);
});

it("reads the files' own descriptions back", () => {
  expect(TIERS.map((tier) => parseTier(TIER_DESCRIPTIONS[tier]))).toEqual(TIERS);
});
