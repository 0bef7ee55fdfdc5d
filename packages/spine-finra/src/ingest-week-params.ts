import { z } from "zod";
import { FINRA_ORIGIN } from "./finra-otc-options.ts";
import { publishedOn, toWeekStart, weekEnding } from "./publication.ts";
import { parseTier, TIER_NAMES } from "./tiers.ts";

const ANY_DAY = "Any day of the week, YYYY-MM-DD; FINRA's own week ending is the Friday.";

/**
 * The parameters of `finra.otc_transparency.ingest_week`. What is accepted is looser than what is stored:
 * the stored form has the canonical tier, and the Monday and the Friday of the week. Reading the stored form
 * again gives the same.
 */
export const IngestWeekParams = z
  .object({
    tier: z.enum(TIER_NAMES).transform(parseTier),
    week_ending: z.iso.date().optional().describe(ANY_DAY),
    /** The seed's spelling. */
    weekEnding: z.iso.date().optional().describe("Another spelling of week_ending."),
    file: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Path of the weekly file: absolute, or from the first of the plugin's fileRoots. Without it, rows come from the Query API.",
      ),
    source: z
      .string()
      .min(1)
      .optional()
      .describe("Without a file: which service the rows come from, by its origin; FINRA when left out."),
    last_update_date: z.iso
      .date()
      .nullish()
      .describe(
        "The one lastUpdateDate that every row must carry; any since the week's publication when left out.",
      ),
  })
  .transform(({ tier, week_ending, weekEnding: alias, file, source, last_update_date }, context) => {
    if (file !== undefined && source !== undefined) {
      context.addIssue({
        code: "custom",
        path: ["source"],
        message: "is about runs without a file: leave one of both out",
      });
      return z.NEVER;
    }
    const day = week_ending ?? alias;
    if (day === undefined) {
      context.addIssue({ code: "custom", path: ["week_ending"], message: "is required (YYYY-MM-DD)" });
      return z.NEVER;
    }
    const week_start = toWeekStart(day);
    if (alias !== undefined && toWeekStart(alias) !== week_start) {
      context.addIssue({
        code: "custom",
        path: ["weekEnding"],
        message: `names another week than week_ending (${day})`,
      });
      return z.NEVER;
    }
    const published = publishedOn(week_start, tier);
    if (typeof last_update_date === "string" && last_update_date < published) {
      context.addIssue({
        code: "custom",
        path: ["last_update_date"],
        message: `is before ${published}, when week ${week_start} of ${tier} was first published`,
      });
      return z.NEVER;
    }
    // A run keeps where its rows come from: it is part of what it is.
    const from: { file?: string; source?: string } =
      file === undefined ? { source: source ?? FINRA_ORIGIN } : { file };
    return {
      tier,
      week_start,
      week_ending: weekEnding(week_start),
      ...from,
      last_update_date: last_update_date ?? null,
    };
  });
export type IngestWeekParams = z.output<typeof IngestWeekParams>;
