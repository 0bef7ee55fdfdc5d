import type { ErrorJson } from "../errors.ts";
import { SpineError } from "../errors.ts";
import type { RunChange, StepBegin, StepEnd, Transition } from "../history/history-store.ts";
import type { Metrics, RunDetail, RunStatus } from "../history/records.ts";
import { decodeJson, deepFreeze, type JsonValue } from "../json.ts";
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

/**
 * The whole state of a run's interpretation; rebuilt from the history after a crash. Only `apply` changes it, in
 * place and by what is new: a run of ten thousand steps costs as much per step as a run of ten.
 */
export interface RunState {
  status: RunStatus;
  readonly steps: Map<string, StepState>;
  readonly outputs: Record<string, JsonValue>;
  /** All steps of the list before this position are finished. */
  position: number;
}

/** What follows from attempts that ended: what to record, and what is new in the state once that is recorded. */
export interface Advance {
  readonly transition: Transition;
  readonly status: RunStatus;
  readonly steps: ReadonlyMap<string, StepState>;
  readonly outputs: Readonly<Record<string, JsonValue>>;
  readonly position: number;
}

const NOT_BEGUN: StepState = { attempt: 0, status: "PENDING", failures: 0, retryAt: null };

export function newRun(): RunState {
  return { status: "RUNNING", steps: new Map(), outputs: {}, position: 0 };
}

/** What a run that has never begun begins with. */
export function firstAttempts(workflow: WorkflowData): readonly StepBegin[] {
  return advance(workflow, newRun(), [], 0, 0).transition.begun;
}

/** Makes an advance the state; call it once its transition is recorded. */
export function apply(state: RunState, advance: Advance): void {
  state.status = advance.status;
  state.position = advance.position;
  for (const [name, step] of advance.steps) state.steps.set(name, step);
  Object.assign(state.outputs, advance.outputs);
}

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
        outputs[record.name] = deepFreeze(record.output);
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
  return { state: { status: "RUNNING", steps, outputs, position: 0 }, lost };
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
  // Steps run one after another: the one under way, if any, is the first that is not finished.
  const step = workflow.steps[state.position];
  if (!step) return [];
  const at = state.steps.get(step.name);
  return at?.status === "RUNNING" ? [{ step, attempt: at.attempt }] : [];
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
  const changed = new Map<string, StepState>();
  const outputs: Record<string, JsonValue> = {};
  const stateOf = (name: string) => changed.get(name) ?? before.steps.get(name) ?? NOT_BEGUN;
  const ends: StepEnd[] = [];
  let metrics: Metrics = {};
  let failure: ErrorJson | null = null;

  for (const end of ended) {
    const at = stateOf(end.step);
    const result = "result" in end ? end.result : null;
    const error = "failure" in end ? end.failure : end.result.error;
    if (error === null && result) {
      changed.set(end.step, { ...at, status: "COMPLETED" });
      outputs[end.step] = deepFreeze(decodeJson(result.output));
      metrics = { ...metrics, ...result.metrics };
    } else if (error) {
      const next = afterFailure(workflow, end.step, at, error, now, random);
      changed.set(end.step, next);
      if (next.retryAt === null) failure = locate(error, workflow, end).toJSON();
    }
    const { retryAt } = stateOf(end.step);
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

  const next = failure
    ? { begun: [], run: { status: "FAILED" as const, error: failure }, position: before.position }
    : goOn(workflow, before.position, stateOf, now);
  for (const { name, attempt } of next.begun) {
    changed.set(name, { ...stateOf(name), attempt, status: "RUNNING", retryAt: null });
  }
  return {
    status: next.run?.status ?? "RUNNING",
    steps: changed,
    outputs,
    position: next.position,
    transition: {
      ended: ends,
      begun: next.begun,
      ...(next.run ? { run: next.run } : {}),
      ...(Object.keys(metrics).length > 0 ? { metrics } : {}),
      attachments: ended.flatMap((end) => ("result" in end ? end.result.attachments : [])),
    },
  };
}

interface Next {
  readonly begun: readonly StepBegin[];
  readonly run: RunChange | null;
  readonly position: number;
}

/** Begins the first step that is not finished, or says that the run waits, or that it is complete. */
function goOn(workflow: WorkflowData, from: number, stateOf: (name: string) => StepState, now: number): Next {
  for (let position = from; position < workflow.steps.length; position++) {
    const step = workflow.steps[position];
    if (!step) break;
    const at = stateOf(step.name);
    if (at.status === "COMPLETED") continue;
    if (at.status === "RUNNING") return { begun: [], run: null, position };
    if (at.status === "FAILED" && at.retryAt !== null && at.retryAt > now) {
      return { begun: [], run: { status: "WAITING", availableAt: at.retryAt }, position };
    }
    return { begun: [{ name: step.name, kind: step.kind, attempt: at.attempt + 1 }], run: null, position };
  }
  return { begun: [], run: { status: "COMPLETED" }, position: workflow.steps.length };
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
