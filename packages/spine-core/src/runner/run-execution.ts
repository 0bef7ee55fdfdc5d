import type { Clock } from "../clock.ts";
import type { ExecutionContext } from "../context.ts";
import type { Database, StateStores } from "../database/database.ts";
import { SpineError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Fence, StepEnd, Transition } from "../history/history-store.ts";
import type { Metrics } from "../history/records.ts";
import { deepFreeze, type JsonValue } from "../json.ts";
import { type Logger, type LogLevel, redactingLogger } from "../logger.ts";
import { redaction } from "../redaction.ts";
import type { Registry } from "../registry.ts";
import { type ResolvedParams, resolveSecrets, type SecretResolver } from "../secret.ts";
import type { Source } from "../sources/source.ts";
import type { Step, StepContext } from "../workflow/step.ts";
import { isUndo, undoneBy } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { codeOf } from "./advance.ts";
import type { Ended } from "./durable.ts";
import { executeStep, untilAborted } from "./execute-step.ts";
import { HistoryDurable } from "./history-durable.ts";
import { interpret } from "./interpret.ts";
import { RunLog } from "./run-log.ts";
import type { RunState } from "./run-state.ts";
import { StepCheckpoints } from "./step-checkpoints.ts";
import { createStepContext } from "./step-context.ts";
import type { PreparedChild, StepScope } from "./step-scope.ts";
import { type StepView, viewOf, viewOfRun } from "./step-view.ts";

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
    onRest: run.onRest,
    cancelChildren: (runIds) => run.cancelChildren(runIds),
    onRecorded: (transition) => {
      announce(engine.events, execution, transition);
      engine.recorded(execution, transition);
    },
  });
  run.reachable(() => durable.message());
  const executing: Executing = { engine, run, durable, log, whole: viewOfRun(run.state) };
  try {
    await interpret(workflow, run.state, run.lost, durable, (path, attempt, signal) =>
      executeAttempt(executing, { path, attempt, signal }),
    );
  } finally {
    await log.close();
  }
}

/** What the attempts of one run have in common. */
interface Executing {
  readonly engine: Engine;
  readonly run: OwnedRun;
  readonly durable: HistoryDurable;
  readonly log: RunLog;
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
  const { signal, stopTimer } = limited(step, path, attempt.signal, engine.clock);
  try {
    // The lookup is a part of the attempt: its time counts, and a resolver that does not answer ends with it.
    const resolving = resolveSecrets(run.execution.params, engine.secrets);
    const resolved = resolving instanceof Promise ? await untilAborted(resolving, signal) : resolving;
    const { scope, metrics } = scopeOf(executing, { ...attempt, signal }, view, resolved);
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

/** The step whose code an attempt runs; for an undo, what takes its step back, as a step of its own. */
function stepOf(workflow: WorkflowData, path: string, { output }: StepView): Step {
  const step = codeOf(workflow, path);
  if (!step) throw new SpineError("INTERNAL", `There is no step "${path}" in "${workflow.name}".`);
  const { undo } = step;
  if (!isUndo(path) || !undo) return step;
  const { name, retry, timeoutMs } = step;
  const run = async (context: StepContext) => {
    await undo({ ...context, output });
    return null;
  };
  return { name, retry, timeoutMs, onError: "stop", when: null, undo: null, kind: "lambda", run };
}

/** What one attempt works with, and what it recorded of itself. */
function scopeOf(
  { engine, run, durable, log }: Executing,
  { path, attempt, signal }: Attempt,
  view: StepView,
  { params, secrets }: ResolvedParams,
): { readonly scope: StepScope; readonly metrics: () => Metrics } {
  const { execution, fence } = run;
  const redacting = redaction(secrets);
  const recording = log.logger(engine.logger, path, attempt);
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
  const { context, metrics } = createStepContext({
    execution: { ...execution, params: deepFreeze(params) },
    step: path,
    attempt,
    view,
    signal,
    logger: redacting ? redactingLogger(recording, redacting) : recording,
    sources: engine.sources,
    datasets: engine.stores.datasets,
    checkpoints,
  });
  const scope: StepScope = {
    context,
    writer: { runId: execution.runId, step: path, token: fence.token },
    database: engine.database,
    datasets: engine.stores.datasets,
    partitions: engine.stores.partitions,
    cursors: engine.stores.cursors,
    path,
    budgets: engine.stores.budgets,
    recorded: () => recordedIn(run, path),
    clock: engine.clock,
    redaction: redacting,
    progress: (rows, bytes, totalBytes) =>
      engine.events.emit("step.progress", {
        ...fact(execution),
        step: path,
        rows,
        bytes: bytes ?? null,
        totalBytes: totalBytes ?? null,
      }),
    prepareChild: (pipeline, params) =>
      run.prepareChild(path, pipeline, params, run.state.steps.get(path)?.plan?.child),
  };
  return { scope, metrics };
}

const NO_TIMER = () => {};

/** The signal of an attempt. One with a timeout costs as much as all the rest of an attempt: only where there is one. */
function limited({ timeoutMs }: Step, path: string, signal: AbortSignal, clock: Clock) {
  if (timeoutMs === null) return { signal, stopTimer: NO_TIMER };
  const timeout = new AbortController();
  const stopTimer = clock.after(timeoutMs, () => timeout.abort(stepTimeout(path, timeoutMs)));
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
