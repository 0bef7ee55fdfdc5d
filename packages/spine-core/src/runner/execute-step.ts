import { SpineError } from "../errors.ts";
import type { Metrics } from "../history/records.ts";
import { encodeJson } from "../json.ts";
import { keepText } from "../secret.ts";
import type { Step } from "../workflow/step.ts";
import type { StepResult, TransactionalResult } from "./durable.ts";
import type { StepOutcome, StepScope, TransactionalOutcome } from "./step-scope.ts";
import { runFetch } from "./steps/fetch-step.ts";
import { runLoad } from "./steps/load-step.ts";
import { runPipeline } from "./steps/pipeline-step.ts";
import { runQuality } from "./steps/quality-step.ts";
import { runTransform } from "./steps/transform-step.ts";

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
  const { redact } = scope;
  const seal = (outcome: StepOutcome): StepResult => ({
    output: redact(encodeJson(outcome.output, `the output of step "${step.name}"`)),
    rows: outcome.rows ?? null,
    metrics: redactJson(metrics(), redact),
    attachments: redactJson(outcome.attachments ?? [], redact),
    error: outcome.error ? redactError(outcome.error, redact) : null,
  });
  try {
    const work = dispatch(step, scope);
    const outcome = step.timeoutMs === null ? await work : await untilAborted(work, scope.context.signal);
    if (!("write" in outcome)) return seal(outcome);
    return {
      write: async (transaction) => {
        try {
          return seal(await outcome.write(transaction));
        } catch (error) {
          throw redactError(SpineError.from(error, "LOAD_FAILED"), redact);
        }
      },
    };
  } catch (error) {
    throw redactError(SpineError.from(error), redact);
  }
}

function redactJson<T>(value: T, redact: StepScope["redact"]): T {
  if (redact === keepText) return value;
  const text = JSON.stringify(value);
  const clean = redact(text);
  return clean === text ? value : (JSON.parse(clean) as T);
}

function redactError(error: SpineError, redact: StepScope["redact"]): SpineError {
  const json = error.toJSON();
  const clean = redactJson(json, redact);
  return clean === json ? error : SpineError.fromJSON(clean);
}

async function dispatch(step: Step, scope: StepScope): Promise<StepOutcome | TransactionalOutcome> {
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
    case "pipeline":
      return await runPipeline(step, scope);
  }
}

/** A step that does not listen to its signal ends at its timeout all the same; what it still does leads nowhere. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(SpineError.from(signal.reason, "STOPPED"));
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", abort);
    });
    if (signal.aborted) abort();
  });
}
