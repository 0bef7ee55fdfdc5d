import { batchesOf, isBlock, sizeOf } from "../../data/column-block.ts";
import { QualityError } from "../../errors.ts";
import { qualityAlert } from "../../quality/quality-alert.ts";
import type { QualityReport, QualityResult } from "../../quality/quality-check.ts";
import { startChecks } from "../../quality/run-checks.ts";
import type { QualityStep } from "../../workflow/step.ts";
import type { StepContext } from "../../workflow/step-context.ts";
import { inspectionOf } from "../quality-inspection.ts";
import { datasetOf, type StepOutcome, type StepScope } from "../step-scope.ts";

/** Runs the checks over the dataset in one pass. A blocking failure is the step's verdict, with its report. */
export async function runQuality(step: QualityStep, scope: StepScope): Promise<StepOutcome> {
  const { context, datasets } = scope;
  const input = datasetOf(context, step.on);
  const refused = (step.through ?? []).map((name) => datasetOf(context, name).rejected);
  const checks = startChecks(step.checks, {
    params: context.params,
    rows: input.rows,
    rejected: refused.reduce((sum, rejected) => sum + rejected, input.rejected),
    partition: context.partition,
    now: scope.clock.now(),
    ...(input.schema ? { schema: input.schema } : {}),
  });
  let seen = 0;
  for await (const chunk of datasets.read(input.dataset, { signal: context.signal })) {
    for (const batch of batchesOf(chunk)) {
      if (isBlock(batch)) checks.addColumns(batch);
      else checks.add(batch);
      seen += sizeOf(batch);
    }
    scope.progress({ in: seen, out: seen, rejected: 0 }, { done: seen, total: input.rows, unit: "rows" });
  }
  await checks.inspect(inspectionOf(scope, input));
  const report = checks.finish();
  return {
    output: report,
    rows: { in: input.rows, out: input.rows, rejected: 0 },
    ...verdictOf(report, context),
  };
}

/** What is recorded of a report; with an error where it stops the run. */
export function verdictOf(
  report: QualityReport,
  context: StepContext,
): Required<Pick<StepOutcome, "attachments">> & Pick<StepOutcome, "error"> {
  const results = report.results.map((result) => ({ kind: "quality" as const, step: context.step, result }));
  if (report.passed) return { attachments: results };
  const failed = report.results.filter(stopsTheRun);
  return {
    attachments: [...results, ...failed.map((result) => qualityAlert(context, result))],
    error: new QualityError(
      `${failed.length} of ${report.results.length} quality checks stop this run: ${failed.map((result) => `${result.check} (${result.message})`).join("; ")}. Nothing was loaded. Look at the run's rejects and at the samples of these checks, correct the input, and run again.`,
      { detail: { failed: failed.map((result) => result.check) } },
    ),
  };
}

function stopsTheRun(result: QualityResult): boolean {
  return result.blocking && (result.status === "FAIL" || result.status === "ERROR");
}
