import {
  type ErrorJson,
  type JsonValue,
  type RunStatus,
  type StepBegin,
  type StepEnd,
  type StepRecord,
  type StepSkip,
  type StepWait,
  skipOutput,
} from "spine-core";

/** An event before it has its number. */
export interface NewEvent {
  readonly type: string;
  readonly data: JsonValue;
}

/** The event of an attempt that begins. */
export function stepBegan({ name, kind, attempt }: StepBegin): NewEvent {
  return { type: "step.started", data: { step: name, kind, attempt } };
}

/** The event of an attempt that ended. */
export function stepEnded({ name, attempt, status, output, error, rows, retryAt }: StepRecord): NewEvent {
  return {
    type: `step.${status.toLowerCase()}`,
    data: {
      step: name,
      attempt,
      ...errorCode(error),
      ...(status === "SKIPPED" ? skipReason(output) : {}),
      ...(rows ? { rows: { in: rows.in, out: rows.out, rejected: rows.rejected } } : {}),
      ...(retryAt === null ? {} : { retry_at: retryAt }),
    },
  };
}

/** Why a step was skipped, where that is known. */
function skipReason(output: JsonValue | null): { readonly skip_reason?: string } {
  const reason =
    typeof output === "object" && output !== null && "skip_reason" in output && output.skip_reason;
  return typeof reason === "string" ? { skip_reason: reason } : {};
}

/** The attempt of a step that a run ends without, as one that has ended. */
export function skippedStep({ name, kind, attempt, reason }: StepSkip): StepEnd & { readonly kind: string } {
  const nothing = { error: null, rows: null, metrics: {}, retryAt: null };
  return { name, kind, attempt, status: "SKIPPED", output: skipOutput(reason), ...nothing };
}

/** The event of an attempt that only waits from now on. */
export function stepWaits({ name, attempt, until, reason }: StepWait): NewEvent {
  return {
    type: "step.waiting",
    data: {
      step: name,
      attempt,
      ...(reason === null ? {} : { waiting_for: reason }),
      ...(until === null ? {} : { until: new Date(until).toISOString() }),
    },
  };
}

/** The event of a signal that has come. */
export function signalCame(name: string): NewEvent {
  return { type: "signal.received", data: { name } };
}

/** The event of a run that has a new status: `run.completed`, `run.waiting`, `run.queued`, … */
export function runChanged(status: RunStatus, data: JsonValue = {}): NewEvent {
  return { type: status === "PENDING" ? "run.queued" : `run.${status.toLowerCase()}`, data };
}

/** The part of an event's data that names an error; nothing where there is none. */
export function errorCode(error: ErrorJson | null | undefined): { readonly error_code?: string } {
  return error ? { error_code: error.code } : {};
}
