import type { Clock } from "../clock.ts";
import type { ExecutionContext } from "../context.ts";
import type { Database, StateStores } from "../database/database.ts";
import { SpineError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Fence, Transition } from "../history/history-store.ts";
import type { Metrics } from "../history/records.ts";
import { deepFreeze, type JsonValue } from "../json.ts";
import { type Logger, type LogLevel, redactingLogger } from "../logger.ts";
import { redaction } from "../redaction.ts";
import type { Registry } from "../registry.ts";
import { type ResolvedParams, resolveSecrets, type SecretResolver } from "../secret.ts";
import type { Source } from "../sources/source.ts";
import type { Step } from "../workflow/step.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { Ended } from "./durable.ts";
import { executeStep, untilAborted } from "./execute-step.ts";
import { HistoryDurable } from "./history-durable.ts";
import { interpret } from "./interpret.ts";
import { RunLog } from "./run-log.ts";
import type { RunState } from "./run-state.ts";
import type { RunHandle } from "./runner.ts";
import { StepCheckpoints } from "./step-checkpoints.ts";
import { createStepContext } from "./step-context.ts";
import type { StepScope } from "./step-scope.ts";

/** What every run of a process works with. */
export interface Engine {
  readonly database: Database;
  readonly stores: StateStores;
  readonly sources: Registry<Source>;
  readonly events: Events;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly secrets: SecretResolver;
  /** From which level on what steps log is recorded with their run. */
  readonly logLevel: LogLevel;
  /** Is told after each write of a run that is durable. */
  readonly changed: (runId: string) => void;
}

/** A run that this process owns. */
export interface OwnedRun {
  readonly workflow: WorkflowData;
  readonly execution: ExecutionContext;
  readonly fence: Fence;
  readonly state: RunState;
  /** Attempts of an owner that is gone; null for a run that starts here. */
  readonly lost: readonly Ended[] | null;
  /** What earlier attempts recorded inside their steps: step → key → value. */
  readonly checkpoints: Map<string, Map<string, JsonValue>>;
  readonly signal: AbortSignal;
  /** Called when the end of the run is about to be written. */
  readonly ending: () => void;
  startChild(step: string, pipeline: string, params: unknown): Promise<RunHandle>;
}

/** Works on a run until it ends or waits; rejects when it has to be let go of. */
export async function executeRun(engine: Engine, run: OwnedRun): Promise<void> {
  const { workflow, execution, fence } = run;
  const log: RunLog = new RunLog({
    level: engine.logLevel,
    clock: engine.clock,
    flush: (entries) => durable.attach(entries),
  });
  const durable: HistoryDurable = new HistoryDurable({
    log,
    runId: execution.runId,
    fence,
    history: engine.stores.history,
    database: engine.database,
    clock: engine.clock,
    logger: engine.logger,
    signal: run.signal,
    onEnding: run.ending,
    onRecorded: (transition) => {
      announce(engine.events, execution, transition);
      engine.changed(execution.runId);
    },
  });
  try {
    await interpret(workflow, run.state, run.lost, durable, (step, attempt, outputs) =>
      executeAttempt(engine, run, durable, log, step, attempt, outputs),
    );
  } finally {
    await log.close();
  }
}

async function executeAttempt(
  engine: Engine,
  run: OwnedRun,
  durable: HistoryDurable,
  log: RunLog,
  step: Step,
  attempt: number,
  outputs: RunState["outputs"],
): ReturnType<typeof executeStep> {
  const { signal, stopTimer } = limited(step, run.signal, engine.clock);
  try {
    // The lookup is a part of the attempt: its time counts, and a resolver that does not answer ends with it.
    const resolving = resolveSecrets(run.execution.params, engine.secrets);
    const resolved = resolving instanceof Promise ? await untilAborted(resolving, signal) : resolving;
    const { scope, metrics } = scopeOf(engine, run, durable, log, step, attempt, outputs, signal, resolved);
    const result = await executeStep(step, scope, metrics);
    if (!("write" in result)) {
      stopTimer();
      return result;
    }
    // The writes belong to the attempt: its time ends when they are made, or when they take too long.
    return {
      write: async (transaction) => {
        try {
          const written = await result.write(transaction);
          signal.throwIfAborted();
          return written;
        } finally {
          stopTimer();
        }
      },
    };
  } catch (error) {
    stopTimer();
    throw error;
  }
}

/** What one attempt works with, and what it recorded of itself. */
function scopeOf(
  engine: Engine,
  run: OwnedRun,
  durable: HistoryDurable,
  log: RunLog,
  step: Step,
  attempt: number,
  outputs: RunState["outputs"],
  signal: AbortSignal,
  { params, secrets }: ResolvedParams,
): { readonly scope: StepScope; readonly metrics: () => Metrics } {
  const { execution, fence } = run;
  const redacting = redaction(secrets);
  const recording = log.logger(engine.logger, step.name, attempt);
  const checkpoints = new StepCheckpoints({
    step: step.name,
    signal,
    transaction: (work) => durable.transaction(work),
    clock: engine.clock,
    recorded: () => recordedIn(run, step.name),
    redaction: redacting,
    commit: (checkpoint, options) => durable.attach([checkpoint], options),
  });
  const { context, metrics } = createStepContext({
    execution: { ...execution, params: deepFreeze(params) },
    step: step.name,
    attempt,
    outputs,
    signal,
    logger: redacting ? redactingLogger(recording, redacting) : recording,
    sources: engine.sources,
    datasets: engine.stores.datasets,
    checkpoints,
  });
  const scope: StepScope = {
    context,
    writer: { runId: execution.runId, step: step.name, token: fence.token },
    database: engine.database,
    datasets: engine.stores.datasets,
    partitions: engine.stores.partitions,
    clock: engine.clock,
    redaction: redacting,
    progress: (rows, bytes, totalBytes) =>
      engine.events.emit("step.progress", {
        ...fact(execution),
        step: step.name,
        rows,
        bytes: bytes ?? null,
        totalBytes: totalBytes ?? null,
      }),
    startChild: (pipeline, params) => run.startChild(step.name, pipeline, params),
  };
  return { scope, metrics };
}

const NO_TIMER = () => {};

/** The signal of an attempt. One with a timeout costs as much as all the rest of an attempt: only where there is one. */
function limited({ name, timeoutMs }: Step, signal: AbortSignal, clock: Clock) {
  if (timeoutMs === null) return { signal, stopTimer: NO_TIMER };
  const timeout = new AbortController();
  const stopTimer = clock.after(timeoutMs, () => timeout.abort(stepTimeout(name, timeoutMs)));
  return { signal: AbortSignal.any([signal, timeout.signal]), stopTimer };
}

function recordedIn({ checkpoints }: OwnedRun, step: string): Map<string, JsonValue> {
  const recorded = checkpoints.get(step) ?? new Map<string, JsonValue>();
  checkpoints.set(step, recorded);
  return recorded;
}

function stepTimeout(step: string, ms: number): SpineError {
  return new SpineError("STEP_TIMEOUT", `Step "${step}" took longer than its timeout of ${ms} ms.`, {
    context: { step },
  });
}

function fact(execution: ExecutionContext): { readonly runId: string; readonly workflow: string } {
  return { runId: execution.runId, workflow: execution.workflow };
}

/** Tells this process what has just become durable. */
function announce(events: Events, execution: ExecutionContext, transition: Transition): void {
  for (const end of transition.ended) {
    events.emit("step.ended", {
      ...fact(execution),
      step: end.name,
      attempt: end.attempt,
      rows: end.rows,
      error: end.error,
      retryAt: end.retryAt,
    });
  }
  for (const begin of transition.begun) {
    events.emit("step.started", {
      ...fact(execution),
      step: begin.name,
      kind: begin.kind,
      attempt: begin.attempt,
    });
  }
  if (transition.run) {
    const { status, error } = transition.run;
    events.emit("run.changed", { ...fact(execution), status, error: error ?? null });
  }
}
