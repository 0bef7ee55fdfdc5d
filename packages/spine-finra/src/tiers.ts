import { ValidationError } from "spine-core";
import { TIERS, type Tier } from "./tier.ts";

export { TIERS, type Tier };

/** Every spelling that is accepted. The file's own `tierDescription` texts are among them. */
export const TIER_NAMES = [
  ...TIERS,
  "T3",
  "OTC",
  "NMS Tier 1",
  "NMS Tier 2",
  "NMS_TIER_1",
  "NMS_TIER_2",
] as const;
export type TierName = (typeof TIER_NAMES)[number];

const TIER_OF: Readonly<Record<TierName, Tier>> = {
  T1: "T1",
  T2: "T2",
  OTCE: "OTCE",
  T3: "OTCE",
  OTC: "OTCE",
  "NMS Tier 1": "T1",
  "NMS Tier 2": "T2",
  NMS_TIER_1: "T1",
  NMS_TIER_2: "T2",
};

/** What the weekly files write into `tierDescription`. Source: the files themselves, where OTCE is `OTC`. */
export const TIER_DESCRIPTIONS: Readonly<Record<Tier, string>> = {
  T1: "NMS Tier 1",
  T2: "NMS Tier 2",
  OTCE: "OTC",
};

/** The tier that a text names, or undefined: an unknown tier is never taken for one that is known. */
export function tierOf(name: string): Tier | undefined {
  return Object.hasOwn(TIER_OF, name) ? TIER_OF[name as TierName] : undefined;
}

/** The tier that a text names; a ValidationError for any other text. */
export function parseTier(name: string): Tier {
  const tier = tierOf(name);
  if (tier) return tier;
  throw new ValidationError(
    `"${name}" is not a FINRA tier. Use T1, T2 or OTCE (or ${TIER_NAMES.slice(3).join(", ")}).`,
  );
}
