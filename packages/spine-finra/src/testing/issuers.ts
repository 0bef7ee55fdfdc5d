import type { Tier } from "../tiers.ts";
import type { Random } from "./random.ts";

/** A security to generate rows for. */
export interface Issue {
  readonly symbol: string;
  readonly name: string;
}

/**
 * Symbols that trip up what reads them: words that parsers take for booleans and numbers, two securities
 * that differ in case only, classes, warrants, and one ticker that two issuers had within the week.
 */
const AWKWARD: readonly Issue[] = [
  { symbol: "TRUE", name: "Verity Marketplace, Inc. Common Stock" },
  { symbol: "NAN", name: "Nantasket Municipal Income Fund" },
  { symbol: "INF", name: "Infinium Infrastructure Income Fund (The)" },
  { symbol: "NULL", name: "Nullarbor Resources Ltd. Ordinary Shares" },
  { symbol: "QZPC", name: "Quartz Point Corporation Common Stock" },
  { symbol: "QZpC", name: "Quartz Point Corporation 5.25% Preferred Stock, Series C" },
  { symbol: "QZP/WS", name: "Quartz Point Corporation Warrants, each exercisable for one share at $11.50" },
  { symbol: "QZ.A", name: "Quartz Group  Class A" },
  { symbol: "QRNA", name: "Quirin Acquisition Corp. II" },
  { symbol: "QRNA", name: "Quirinal Biosciences, Inc. Common Stock" },
];

const FIRST = [
  "Alder",
  "Bramble",
  "Calder",
  "Dunmore",
  "Elmhurst",
  "Fenwick",
  "Granite",
  "Harrow",
  "Isley",
  "Juniper",
];
const SECOND = [
  "Ridge",
  "Harbor",
  "Valley",
  "Summit",
  "Creek",
  "Point",
  "Meadow",
  "Prairie",
  "Canyon",
  "Island",
];
const TRADE = [
  "Bancorp",
  "Energy",
  "Therapeutics",
  "Mining",
  "Software",
  "Logistics",
  "Holdings",
  "Foods",
  "Robotics",
];
const NMS_FORM = [
  ", Inc. Common Stock",
  " Corporation Common Stock",
  " plc Ordinary Shares",
  " Trust (The)",
  " ETF",
];
const OTC_FORM = [
  " Inc Common Shares",
  " Ltd ORD (Australia)",
  " AG Unsponsored ADR (Germany)",
  " Corp NEW COM",
  ", Inc.",
];
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/**
 * Invents securities: none of the names is a real issuer, and a symbol that exists is one by chance.
 * Sorted by symbol, in the order of code points.
 */
export function inventIssues(tier: Tier, count: number, random: Random): readonly Issue[] {
  const issues = AWKWARD.slice(0, count);
  const taken = new Set(issues.map(({ symbol }) => symbol));
  while (issues.length < count) {
    const symbol = ticker(tier, random, count);
    if (taken.has(symbol)) continue;
    taken.add(symbol);
    const form = random.pick(tier === "OTCE" ? OTC_FORM : NMS_FORM);
    issues.push({
      symbol,
      name: `${random.pick(FIRST)} ${random.pick(SECOND)} ${random.pick(TRADE)}${form}`,
    });
  }
  return issues.sort((a, b) => (a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0));
}

function ticker(tier: Tier, random: Random, count: number): string {
  // Longer symbols when very many are asked for, or there would be none left to find.
  const more = count > 100_000 ? 3 : 0;
  const length = (tier === "OTCE" ? 4 : 3 + random.int(2)) + more;
  const letters = Array.from({ length }, () => LETTERS[random.int(26)]).join("");
  return tier === "OTCE" ? letters + random.pick(["F", "Y", "Q", "D", "K"]) : letters;
}
