import { SpineError } from "../errors.ts";
import type { Attachment } from "../history/attachment.ts";
import type { Metrics } from "../history/records.ts";
import { encodeJson } from "../json.ts";
import type { Redaction } from "../redaction.ts";
import type { Step } from "../workflow/step.ts";
import { isLimited } from "./attempt-limits.ts";
import type { StepResult, TransactionalResult } from "./durable.ts";
import type { StepOutcome, StepScope, TransactionalOutcome } from "./step-scope.ts";
import { planChoice } from "./steps/choice-step.ts";
import { runFetch } from "./steps/fetch-step.ts";
import { runIngest } from "./steps/ingest-step.ts";
import { runLoad } from "./steps/load-step.ts";
import { planMap } from "./steps/map-step.ts";
import { runPipeline } from "./steps/pipeline-step.ts";
import { runQuality } from "./steps/quality-step.ts";
import { runTransform } from "./steps/transform-step.ts";
import { planWait } from "./steps/wait-step.ts";

/**
 * Runs one attempt of one step and makes its output JSON. Rejects with a SpineError: the step's own, or
 * STEP_FAILED around what user code threw.
 *
 * @param metrics what `context.metric` recorded; read when the attempt is over.
 */
export async function executeStep(
  step: Step,
  scope: StepScope,
  metrics: () => Metrics,
): Promise<StepResult | TransactionalResult> {
  const { redaction } = scope;
  const clean = (error: SpineError) => redaction?.error(error) ?? error;
  const seal = (outcome: StepOutcome): StepResult => {
    const { rows = null, attachments: made = [], error, skipped, ends, cursors, plan, child } = outcome;
    const advanced = error ? [] : scope.advanced();
    const attachments = advanced.length === 0 ? made : [...made, ...advanced];
    return {
      output: outputText(step, outcome.output, redaction),
      rows,
      metrics: redaction ? redaction.value(metrics(), "keys") : metrics(),
      attachments: redaction ? attachments.map((one) => redactAttachment(one, redaction)) : attachments,
      error: error ? clean(error) : null,
      ...(skipped ? { skipped } : {}),
      ...(ends ? { ends } : {}),
      ...(cursors && cursors.length > 0 ? { cursors } : {}),
      ...(plan ? { plan: redaction ? redaction.value(plan, "keys") : plan } : {}),
      ...(child ? { child } : {}),
    };
  };
  try {
    const work = dispatch(step, scope);
    const outcome = isLimited(step) ? await untilAborted(work, scope.context.signal) : await work;
    if (!("write" in outcome)) return seal(outcome);
    return {
      write: async (transaction) => {
        try {
          return seal(await outcome.write(transaction));
        } catch (error) {
          throw clean(SpineError.from(error, "LOAD_FAILED"));
        }
      },
    };
  } catch (error) {
    throw clean(SpineError.from(error));
  }
}

/** What a step hands on, without secrets. What Spine itself made of a dataset or a load are ids and counts. */
function outputText(step: Step, output: unknown, redaction: Redaction | null): string {
  const text = encodeJson(output, `the output of step "${step.name}"`);
  if (redaction === null || step.kind === "fetch" || step.kind === "transform" || step.kind === "load") {
    return text;
  }
  return JSON.stringify(
    redaction.value(
      JSON.parse(text) as unknown,
      step.kind === "quality" || step.kind === "ingest" ? undefined : "keys",
    ),
  );
}

function redactAttachment(attachment: Attachment, redaction: Redaction): Attachment {
  switch (attachment.kind) {
    case "load":
    case "partition":
      return { ...attachment, partition: redaction.value(attachment.partition) } as Attachment;
    case "manifest": {
      const { partition, metrics } = attachment;
      return { ...attachment, ...redaction.value({ partition, metrics }) };
    }
    case "quality": {
      const { check, status, ...found } = attachment.result;
      return { ...attachment, result: { check, status, ...redaction.value(found) } };
    }
    case "alert": {
      const { title, message, partition, labels, details } = attachment;
      return { ...attachment, ...redaction.value({ title, message, partition, labels, details }) };
    }
    default:
      // Made of what is redacted already.
      return attachment;
  }
}

async function dispatch(step: Step, scope: StepScope): Promise<StepOutcome | TransactionalOutcome> {
  if (step.when !== null && !(await step.when(scope.context))) return { output: null, skipped: true };
  switch (step.kind) {
    case "lambda":
      return { output: await step.run(scope.context) };
    case "fetch":
      return await runFetch(step, scope);
    case "transform":
      return await runTransform(step, scope);
    case "quality":
      return await runQuality(step, scope);
    case "load":
      return await runLoad(step, scope);
    case "ingest":
      return await runIngest(step, scope);
    case "pipeline":
      return await runPipeline(step, scope);
    case "map":
      return await planMap(step, scope);
    case "choice":
      return await planChoice(step, scope);
    case "wait":
      return planWait(step, scope);
    case "parallel":
    case "sequence":
      // Nothing of its own to do: what is inside of it is.
      return { output: null, plan: {} };
  }
}

/** A step that does not listen to its signal ends at its timeout all the same; what it still does leads nowhere. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(SpineError.from(signal.reason, "STOPPED"));
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", abort);
    });
    if (signal.aborted) abort();
  });
}
