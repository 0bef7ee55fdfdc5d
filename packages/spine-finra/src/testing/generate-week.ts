import { publishedOn } from "../publication.ts";
import type { Tier } from "../tiers.ts";
import { WEEKLY_FILE_COLUMNS } from "../weekly-file-columns.ts";
import { type ExpectedWeek, type GenerateWeekOptions, weekRows } from "./week-rows.ts";

export interface GeneratedWeek {
  /** As FINRA names it, e.g. `finra_otc_weekly_otc_20251215.csv`. */
  readonly fileName: string;
  readonly text: string;
  readonly expected: ExpectedWeek;
}

const FILE_TIER: Readonly<Record<Tier, string>> = { T1: "tier1", T2: "tier2", OTCE: "otc" };

/**
 * Generates a weekly file in FINRA's exact format for any week and tier: invented securities and volumes, no
 * real trades. The same options give the same bytes.
 *
 * @example
 * const { text, expected } = generateWeek({ weekStart: "2025-11-10", tier: "OTCE" });
 */
export function generateWeek(options: GenerateWeekOptions): GeneratedWeek {
  const lines = weekLines(options);
  const parts: string[] = [];
  for (let next = lines.next(); ; next = lines.next()) {
    if (next.done) return { fileName: weekFileName(options), text: parts.join(""), expected: next.value };
    parts.push(next.value);
  }
}

/** The file's name: FINRA's, with the day of publication. */
export function weekFileName({ weekStart, tier }: Pick<GenerateWeekOptions, "weekStart" | "tier">): string {
  return `finra_otc_weekly_${FILE_TIER[tier]}_${publishedOn(weekStart, tier).replaceAll("-", "")}.csv`;
}

/** The lines of the file, newlines included, for files that are too large to hold; returns what they add up to. */
export function* weekLines(options: GenerateWeekOptions): Generator<string, ExpectedWeek, undefined> {
  const rows = weekRows(options);
  yield `${WEEKLY_FILE_COLUMNS.join("|")}\n`;
  let next = rows.next();
  while (!next.done) {
    const { fields, code } = next.value;
    next = rows.next();
    // As in reality: a file that ends in a row without a symbol has no newline behind it.
    yield `${fields.join("|")}${next.done && code === "INVALID_SYMBOL" ? "" : "\n"}`;
  }
  return next.value;
}
