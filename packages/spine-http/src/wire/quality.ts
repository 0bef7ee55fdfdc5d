import { QUALITY_CATEGORIES, QUALITY_STATUSES, type StoredResult, type TrendPoint } from "spine-core";
import { z } from "zod";

const Status = z.enum(QUALITY_STATUSES).meta({ id: "QualityStatus" });

/** What a check found in a run. */
export const QualityResult = z
  .strictObject({
    execution_id: z.string(),
    step: z.string(),
    check: z.string(),
    category: z.enum(QUALITY_CATEGORIES),
    status: Status,
    blocking: z.boolean(),
    message: z.string(),
    actual: z.string().nullable().describe("As text, numbers too: they are exact."),
    expected: z.string().nullable(),
    rows_tested: z.int(),
    rows_failed: z.int(),
    samples: z
      .array(z.string())
      .describe("Examples of what failed; none without the permission `runs:output`."),
    at: z.iso.datetime(),
  })
  .meta({ id: "QualityResult" });

/** @param withSamples whether values of rows may be shown. */
export function qualityOf(result: StoredResult, withSamples: boolean): z.output<typeof QualityResult> {
  return {
    execution_id: result.runId,
    step: result.step,
    check: result.check,
    category: result.category,
    status: result.status,
    blocking: result.blocking,
    message: result.message,
    actual: result.actual,
    expected: result.expected,
    rows_tested: result.rowsTested,
    rows_failed: result.rowsFailed,
    samples: withSamples ? [...result.samples] : [],
    at: result.at,
  };
}

/** What a check found once, in a list from run to run. */
export const TrendItem = z
  .strictObject({
    execution_id: z.string(),
    step: z.string(),
    at: z.iso.datetime(),
    status: Status,
    actual: z.string().nullable(),
    rows_tested: z.int(),
    rows_failed: z.int(),
  })
  .meta({ id: "TrendItem" });

export function trendOf(point: TrendPoint): z.output<typeof TrendItem> {
  return {
    execution_id: point.runId,
    step: point.step,
    at: point.at,
    status: point.status,
    actual: point.actual,
    rows_tested: point.rowsTested,
    rows_failed: point.rowsFailed,
  };
}
