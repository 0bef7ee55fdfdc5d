import {
  aBoolean,
  aCount,
  aList,
  anything,
  aText,
  checkArgument,
  checkOptions,
  type OptionKind,
  type OptionKinds,
  oneOf,
  required,
} from "../check-options.ts";
import { QUALITY_CATEGORIES, QUALITY_STATUSES, type QualityResult } from "../quality/quality-check.ts";
import type { TrackOptions } from "./history-tracker.ts";
import type { RowCounts } from "./records.ts";

/** Each is checked by itself. */
const TRACK: OptionKinds<TrackOptions> = {
  domain: anything,
  partition: anything,
  params: anything,
  tags: anything,
  triggeredBy: anything,
};
const ROWS: OptionKinds<RowCounts> = {
  in: required(aCount),
  out: required(aCount),
  rejected: required(aCount),
};
const QUALITY: OptionKinds<QualityResult> = {
  check: required(aText),
  category: required(oneOf(QUALITY_CATEGORIES)),
  status: required(oneOf(QUALITY_STATUSES)),
  blocking: required(aBoolean),
  message: required(aText),
  actual: orNull("a text or a number", (value) => typeof value === "string" || Number.isFinite(value)),
  expected: orNull("a text", aText.fits),
  rowsTested: required(aCount),
  rowsFailed: required(aCount),
  samples: required({
    is: "a list of texts",
    fits: (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
  }),
  scope: aText,
};

function orNull(is: string, fits: OptionKind["fits"]): OptionKind {
  return required({ is: `${is}, or null`, fits: (value) => value === null || fits(value) });
}

/** The options of a tracked run. @throws ValidationError that names the one that does not exist. */
export function checkTrackOptions(options: unknown): asserts options is TrackOptions {
  checkOptions(options, TRACK, { of: "a tracked run" });
}

/** What a step counted. @throws ValidationError that names what is no count. */
export function checkRows(rows: unknown, step: string): RowCounts {
  const whose = { of: `\`recordRecords\` of step "${step}"` };
  if (typeof rows === "object") {
    checkOptions(rows, ROWS, { ...whose, called: "count", name: "rows" });
    return rows as RowCounts;
  }
  checkArgument("rows", rows, aCount, whose);
  return { in: rows as number, out: rows as number, rejected: 0 };
}

/** What checks found. @throws ValidationError that names the field. */
export function checkQuality(results: unknown, step: string): readonly QualityResult[] {
  const of = `\`recordQuality\` of step "${step}"`;
  checkArgument("results", results, aList, { of });
  for (const result of results as readonly unknown[]) {
    checkOptions(result, QUALITY, { of: `a result of ${of}`, called: "field", name: "results" });
  }
  return results as readonly QualityResult[];
}
