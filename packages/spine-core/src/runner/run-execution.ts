import { type FailureSeverity, withFailureAlert } from "../alerts/failure-alert.ts";
import type { Clock } from "../clock.ts";
import type { ExecutionContext } from "../context.ts";
import type { Database, StateStores } from "../database/database.ts";
import { SpineError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { ProgressAttachment } from "../history/attachment.ts";
import type { ProgressPoint } from "../history/check-progress.ts";
import type { Fence, StepEnd, Transition } from "../history/history-store.ts";
import type { Metrics } from "../history/records.ts";
import { deepFreeze, type JsonValue } from "../json.ts";
import { type Logger, type LogLevel, redactingLogger } from "../logger.ts";
import { redaction } from "../redaction.ts";
import type { Registry } from "../registry.ts";
import { type ResolvedParams, resolveSecrets, type SecretResolver } from "../secret.ts";
import type { Source } from "../sources/source.ts";
import type { Step, StepData } from "../workflow/step.ts";
import type { StepContext } from "../workflow/step-context.ts";
import { isUndo, undoneBy } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { codeOf } from "./advance.ts";
import { type AttemptLimits, limitsOf } from "./attempt-limits.ts";
import type { Ended } from "./durable.ts";
import { executeStep, untilAborted } from "./execute-step.ts";
import { HistoryDurable } from "./history-durable.ts";
import { interpret } from "./interpret.ts";
import type { AttemptProgress } from "./run-progress.ts";
import type { RunState } from "./run-state.ts";
import { RunTelemetry } from "./run-telemetry.ts";
import { StepCheckpoints } from "./step-checkpoints.ts";
import { createStepContext } from "./step-context.ts";
import type { PreparedChild, StepScope } from "./step-scope.ts";
import { type StepView, viewOf, viewOfRun } from "./step-view.ts";
import { databaseNamed } from "./steps/load-elsewhere.ts";

/** What every run of a process works with. */
export interface Engine {
  readonly database: Database;
  /** Others that loads may name. */
  readonly databases: Readonly<Record<string, Database>>;
  readonly stores: StateStores;
  readonly sources: Registry<Source>;
  readonly events: Events;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly secrets: SecretResolver;
  /** From which level on what steps log is recorded with their run. */
  readonly logLevel: LogLevel;
  /** How severe it is when a run fails; false: no alert is raised. */
  readonly onFailure: FailureSeverity | false;
  /** Is told after each write of a run that is durable. */
  readonly recorded: (execution: ExecutionContext, transition: Transition) => void;
}

/** A run that this process owns. */
export interface OwnedRun {
  readonly workflow: WorkflowData;
  readonly execution: ExecutionContext;
  readonly fence: Fence;
  readonly state: RunState;
  /** Attempts of an owner that is gone; null for a run whose first ones were begun by the write that made it this process's. */
  readonly lost: readonly Ended[] | null;
  /** What earlier attempts recorded inside their steps: step → key → value. */
  readonly checkpoints: Map<string, Map<string, JsonValue>>;
  readonly signal: AbortSignal;
  /** Called when the end of the run is about to be written. */
  readonly ending: () => void;
  /** Called when no code of it is under way any more, and when there is some again. */
  readonly onRest: (atRest: boolean) => void;
  /** Is given what tells the run that there may be a message for it. */
  readonly reachable: (message: () => void) => void;
  /** @param known the child of an earlier attempt. */
  prepareChild(
    step: string,
    pipeline: string,
    params: unknown,
    known: string | undefined,
  ): Promise<PreparedChild>;
  cancelChildren(runIds: readonly string[]): Promise<void>;
}

/** Works on a run until it ends or waits; rejects when it has to be let go of. */
export async function executeRun(engine: Engine, run: OwnedRun): Promise<void> {
  const { workflow, execution, fence } = run;
  const telemetry: RunTelemetry = new RunTelemetry({
    level: engine.logLevel,
    clock: engine.clock,
    listener: () => progressListener(engine.events, execution),
    flush: (take) => durable.flush(take),
  });
  const durable: HistoryDurable = new HistoryDurable({
    telemetry,
    runId: execution.runId,
    fence,
    alerting: (transition) => withFailureAlert(transition, execution, engine.onFailure),
    history: engine.stores.history,
    database: engine.database,
    clock: engine.clock,
    logger: engine.logger,
    signal: run.signal,
    onEnding: run.ending,
    onRest: run.onRest,
    cancelChildren: (runIds) => run.cancelChildren(runIds),
    onRecorded: (transition) => {
      announce(engine.events, execution, transition);
      engine.recorded(execution, transition);
    },
  });
  run.reachable(() => durable.message());
  const executing: Executing = { engine, run, durable, telemetry, whole: viewOfRun(run.state) };
  try {
    await interpret(workflow, run.state, run.lost, durable, (path, attempt, signal) =>
      executeAttempt(executing, { path, attempt, signal }),
    );
  } finally {
    await telemetry.close();
  }
}

/** What the attempts of one run have in common. */
interface Executing {
  readonly engine: Engine;
  readonly run: OwnedRun;
  readonly durable: HistoryDurable;
  readonly telemetry: RunTelemetry;
  readonly whole: StepView;
}

interface Attempt {
  readonly path: string;
  readonly attempt: number;
  /** Aborted when the run is let go of, or the step around it ends without it. */
  readonly signal: AbortSignal;
}

async function executeAttempt(executing: Executing, attempt: Attempt): ReturnType<typeof executeStep> {
  const { engine, run } = executing;
  const { path } = attempt;
  const view = viewOf(run.workflow, run.state, path, executing.whole);
  const step = stepOf(run.workflow, path, view);
  const limits = limitsOf(step, path, attempt.signal, engine.clock);
  const { signal } = limits;
  let over = limits.stop;
  try {
    // The lookup is a part of the attempt: its time counts, and a resolver that does not answer ends with it.
    const resolving = resolveSecrets(run.execution.params, engine.secrets);
    const resolved = resolving instanceof Promise ? await untilAborted(resolving, signal) : resolving;
    const { scope, metrics, progress } = scopeOf(executing, attempt, limits, view, resolved);
    over = () => {
      limits.stop();
      progress.end();
    };
    const result = await executeStep(step, scope, metrics);
    if (!("write" in result)) {
      over();
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
          limits.stop();
          // Not its end: a transaction that the database refuses is made once more.
          progress.forget();
        }
      },
    };
  } catch (error) {
    over();
    throw error;
  }
}

/** The step whose code an attempt runs; for an undo, what takes its step back, as a step of its own. */
function stepOf(workflow: WorkflowData, path: string, { output }: StepView): Step {
  const step = codeOf(workflow, path);
  if (!step) throw new SpineError("INTERNAL", `There is no step "${path}" in "${workflow.name}".`);
  const { undo } = step;
  if (!isUndo(path) || !undo) return step;
  const run = async (context: StepContext) => {
    await undo({ ...context, output });
    return null;
  };
  const { name, retry, timeoutMs, heartbeatTimeoutMs } = step;
  const data: StepData = {
    name,
    retry,
    timeoutMs,
    heartbeatTimeoutMs,
    onError: "stop",
    when: null,
    undo: null,
  };
  return { ...data, kind: "lambda", run };
}

/** What one attempt works with, and what it recorded of itself. */
function scopeOf(
  { engine, run, durable, telemetry }: Executing,
  { path, attempt }: Attempt,
  { signal, heard }: AttemptLimits,
  view: StepView,
  { params, secrets }: ResolvedParams,
): { readonly scope: StepScope; readonly metrics: () => Metrics; readonly progress: AttemptProgress } {
  const { execution, fence } = run;
  const redacting = redaction(secrets);
  const recording = telemetry.log.logger(engine.logger, path, attempt);
  const progress = telemetry.progress.of({ step: path, attempt, signal, redaction: redacting });
  const said = (point: ProgressPoint) => {
    heard();
    progress.say(point);
  };
  const checkpoints = new StepCheckpoints({
    step: path,
    generation: run.state.steps.get(isUndo(path) ? undoneBy(path) : path)?.generation ?? 0,
    signal,
    transaction: (work) => durable.transaction(work),
    clock: engine.clock,
    recorded: () => recordedIn(run, path),
    redaction: redacting,
    commit: (checkpoint, options) => durable.attach([checkpoint], options),
  });
  const { context, metrics, advanced } = createStepContext({
    execution: { ...execution, params: deepFreeze(params) },
    step: path,
    attempt,
    view,
    signal,
    logger: redacting ? redactingLogger(recording, redacting) : recording,
    sources: engine.sources,
    datasets: engine.stores.datasets,
    checkpoints,
    said,
    heard,
  });
  const scope: StepScope = {
    context,
    writer: { runId: execution.runId, step: path, token: fence.token },
    database: engine.database,
    databaseOf: (name) => databaseNamed(engine.databases, name),
    datasets: engine.stores.datasets,
    partitions: engine.stores.partitions,
    rejects: engine.stores.rejects,
    quality: engine.stores.quality,
    cursors: engine.stores.cursors,
    path,
    advanced,
    budgets: engine.stores.budgets,
    recorded: () => recordedIn(run, path),
    clock: engine.clock,
    redaction: redacting,
    progress: (rows, of = UNCOUNTED) => said({ rows, ...of, message: null }),
    prepareChild: (pipeline, params) =>
      run.prepareChild(path, pipeline, params, run.state.steps.get(path)?.plan?.child),
  };
  return { scope, metrics, progress };
}

const UNCOUNTED = { done: null, total: null, unit: null } as const;

function recordedIn({ checkpoints }: OwnedRun, step: string): Map<string, JsonValue> {
  const recorded = checkpoints.get(step) ?? new Map<string, JsonValue>();
  checkpoints.set(step, recorded);
  return recorded;
}

function fact(execution: ExecutionContext): { readonly runId: string; readonly workflow: string } {
  return { runId: execution.runId, workflow: execution.workflow };
}

/** Tells this process how far a step has come, if anybody listens. */
function progressListener(events: Events, execution: ExecutionContext) {
  if (!events.isHeard("step.progress")) return null;
  return ({ kind: _kind, at, ...progress }: ProgressAttachment) => {
    events.emit("step.progress", { ...fact(execution), ...progress, at: new Date(at).toISOString() });
  };
}

/** Tells this process what has just become durable. */
function announce(events: Events, execution: ExecutionContext, transition: Transition): void {
  const { ended, begun } = transition;
  const atOnce = (end: StepEnd) =>
    begun.some(({ name, attempt }) => name === end.name && attempt === end.attempt);
  const tell = ({ name, attempt, status, rows, error, retryAt }: StepEnd) =>
    events.emit("step.ended", { ...fact(execution), step: name, attempt, status, rows, error, retryAt });
  for (const end of ended) if (!atOnce(end)) tell(end);
  for (const { name, attempt } of transition.skipped ?? []) {
    const nothing = { rows: null, error: null, retryAt: null };
    events.emit("step.ended", { ...fact(execution), step: name, attempt, status: "SKIPPED", ...nothing });
  }
  for (const { name, kind, attempt } of begun) {
    events.emit("step.started", { ...fact(execution), step: name, kind, attempt });
  }
  for (const end of ended) if (atOnce(end)) tell(end);
  if (transition.run) {
    const { status, error } = transition.run;
    events.emit("run.changed", { ...fact(execution), status, error: error ?? null });
  }
}
