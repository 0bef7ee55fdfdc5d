import type { ErrorJson } from "../errors.ts";
import { SpineError } from "../errors.ts";
import type { RunChange, StepBegin, StepEnd, Transition } from "../history/history-store.ts";
import type { Metrics, RunDetail, RunStatus } from "../history/records.ts";
import { decodeJson, type JsonValue } from "../json.ts";
import { retryDelay } from "../workflow/retry.ts";
import type { Step } from "../workflow/step.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { Ended } from "./durable.ts";

/** What the interpreter knows of a step: its newest attempt. */
interface StepState {
  /** Number of the newest attempt; 0 before the first. */
  readonly attempt: number;
  readonly status: "PENDING" | "RUNNING" | "COMPLETED" | "FAILED";
  /** Failed attempts that count against the retry policy. */
  readonly failures: number;
  /** When the next attempt may begin (ms since the epoch), for FAILED; null: never. */
  readonly retryAt: number | null;
}

/** The whole state of a run's interpretation. Immutable; rebuilt from the history after a crash. */
export interface RunState {
  readonly status: RunStatus;
  readonly steps: ReadonlyMap<string, StepState>;
  readonly outputs: Readonly<Record<string, JsonValue>>;
}

export interface Advance {
  readonly state: RunState;
  readonly transition: Transition;
}

const NOT_BEGUN: StepState = { attempt: 0, status: "PENDING", failures: 0, retryAt: null };

export const NEW_RUN: RunState = { status: "RUNNING", steps: new Map(), outputs: {} };

/**
 * The state of a claimed run, and the attempts that its earlier owner left under way: they are lost, and
 * count as ended without counting as failures.
 */
export function restore(detail: RunDetail): { readonly state: RunState; readonly lost: readonly Ended[] } {
  const steps = new Map<string, StepState>();
  const outputs: Record<string, JsonValue> = {};
  const lost: Ended[] = [];
  for (const record of detail.steps) {
    const before = steps.get(record.name) ?? NOT_BEGUN;
    const at = { ...before, attempt: record.attempt };
    switch (record.status) {
      case "COMPLETED":
        steps.set(record.name, { ...at, status: "COMPLETED" });
        outputs[record.name] = record.output;
        break;
      case "FAILED":
        if (record.retryAt === null && record.error?.code !== "WORKER_LOST") {
          // The run had ended here and was taken up again: the step starts over with all its attempts.
          steps.set(record.name, { ...at, status: "PENDING", failures: 0 });
        } else {
          const failures = before.failures + (record.retryAt === null ? 0 : 1);
          const retryAt = record.retryAt === null ? 0 : Date.parse(record.retryAt);
          steps.set(record.name, { ...at, status: "FAILED", failures, retryAt });
        }
        break;
      case "RUNNING":
        steps.set(record.name, { ...at, status: "RUNNING" });
        lost.push({ step: record.name, attempt: record.attempt, failure: workerLost(detail.run.worker) });
        break;
      default:
        steps.set(record.name, { ...at, status: "PENDING" });
    }
  }
  return { state: { status: "RUNNING", steps, outputs }, lost };
}

function workerLost(worker: string | null): SpineError {
  return new SpineError(
    "WORKER_LOST",
    "The process that ran this attempt ended before it did; it is tried again.",
    {
      context: { worker },
    },
  );
}

/** The steps whose newest attempt is under way. */
export function running(workflow: WorkflowData, state: RunState): readonly { step: Step; attempt: number }[] {
  return workflow.steps.flatMap((step) => {
    const at = state.steps.get(step.name);
    return at?.status === "RUNNING" ? [{ step, attempt: at.attempt }] : [];
  });
}

/**
 * The heart of the engine: what follows when these attempts have ended. Pure, so that it can be tested
 * against a model, driven by any engine, and called again when a commit is refused.
 *
 * @param random a number in [0, 1), for the jitter of retries.
 */
export function advance(
  workflow: WorkflowData,
  before: RunState,
  ended: readonly Ended[],
  now: number,
  random: number,
): Advance {
  const steps = new Map(before.steps);
  const outputs = { ...before.outputs };
  const ends: StepEnd[] = [];
  let metrics: Metrics = {};
  let failure: ErrorJson | null = null;

  for (const end of ended) {
    const at = steps.get(end.step) ?? NOT_BEGUN;
    const result = "result" in end ? end.result : null;
    const error = "failure" in end ? end.failure : end.result.error;
    if (error === null && result) {
      steps.set(end.step, { ...at, status: "COMPLETED" });
      outputs[end.step] = decodeJson(result.output);
      metrics = { ...metrics, ...result.metrics };
    } else if (error) {
      const next = afterFailure(workflow, end.step, at, error, now, random);
      steps.set(end.step, next);
      if (next.retryAt === null) failure = locate(error, workflow, end).toJSON();
    }
    const { retryAt } = steps.get(end.step) ?? NOT_BEGUN;
    ends.push({
      name: end.step,
      attempt: end.attempt,
      status: error ? "FAILED" : "COMPLETED",
      output: result?.output ?? null,
      error: error ? locate(error, workflow, end).toJSON() : null,
      rows: result?.rows ?? null,
      metrics: result?.metrics ?? {},
      retryAt: error && error.code !== "WORKER_LOST" ? retryAt : null,
    });
  }

  const begun: StepBegin[] = [];
  const run = failure ? { status: "FAILED" as const, error: failure } : goOn(workflow, steps, begun, now);
  return {
    state: { status: run?.status ?? "RUNNING", steps, outputs },
    transition: {
      ended: ends,
      begun,
      ...(run ? { run } : {}),
      ...(Object.keys(metrics).length > 0 ? { metrics } : {}),
      attachments: ended.flatMap((end) => ("result" in end ? end.result.attachments : [])),
    },
  };
}

/** Begins the first step that is not finished, or says that the run waits, or that it is complete. */
function goOn(
  workflow: WorkflowData,
  steps: Map<string, StepState>,
  begun: StepBegin[],
  now: number,
): RunChange | null {
  for (const step of workflow.steps) {
    const at = steps.get(step.name) ?? NOT_BEGUN;
    if (at.status === "COMPLETED") continue;
    if (at.status === "RUNNING") return null;
    if (at.status === "FAILED" && at.retryAt !== null && at.retryAt > now) {
      return { status: "WAITING", availableAt: at.retryAt };
    }
    const attempt = at.attempt + 1;
    steps.set(step.name, { ...at, attempt, status: "RUNNING", retryAt: null });
    begun.push({ name: step.name, kind: step.kind, attempt });
    return null;
  }
  return { status: "COMPLETED" };
}

function afterFailure(
  workflow: WorkflowData,
  name: string,
  at: StepState,
  error: SpineError,
  now: number,
  random: number,
): StepState {
  if (error.code === "WORKER_LOST") return { ...at, status: "FAILED", retryAt: now };
  const failures = at.failures + 1;
  const step = workflow.steps.find((candidate) => candidate.name === name);
  const delay = retryDelay(step?.retry ?? null, error, failures, random);
  return { ...at, status: "FAILED", failures, retryAt: delay === null ? null : now + delay };
}

function locate(error: SpineError, workflow: WorkflowData, end: Ended): SpineError {
  return error.withContext({ workflow: workflow.name, step: end.step, attempt: end.attempt });
}
