import { AsyncLocalStorage } from "node:async_hooks";
import { hostname } from "node:os";
import { SpineError } from "../errors.ts";
import type { ClaimedRun, Fence } from "../history/history-store.ts";
import { type CheckpointRecord, isTerminal, type RunDetail, type RunRecord } from "../history/records.ts";
import { newId } from "../ids.ts";
import type { Registry } from "../registry.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { ActiveRuns } from "./active-runs.ts";
import { inTransactionOfCaller, PendingStarts } from "./pending-starts.ts";
import { type Engine, executeRun, type OwnedRun } from "./run-execution.ts";
import { restore } from "./run-state.ts";
import type { RunHandle, Runner, RunOptions } from "./runner.ts";
import { planRun } from "./start-run.ts";
import { WorkLoop } from "./work-loop.ts";
import { workflowChanged } from "./workflow-changed.ts";

export interface DurableRunnerOptions extends Engine {
  readonly workflows: Registry<WorkflowData>;
  /** How many runs this process works on at a time. */
  readonly concurrency: number;
}

/** How often other processes are asked for work when nothing here gave reason to, in milliseconds. */
const POLL_MS = 1_000;
/** How often a run of another process is looked at while its result is waited for, in milliseconds. */
const RESULT_POLL_MS = 200;

/** The own engine: runs workflows in this process and records each step before the next one begins. */
export class DurableRunner implements Runner {
  /** Runs are executed in this context, not in that of their starter, who may be in a transaction. */
  readonly #outside = AsyncLocalStorage.snapshot();
  readonly #options: DurableRunnerOptions;
  readonly #worker: string;
  readonly #active = new ActiveRuns();
  /** The last look for work ended for want of slots: there may be more of it. */
  #starved = false;
  /** Runs that could not be recorded: still ours in the history, and to be given back to the queue. */
  readonly #stranded = new Map<string, Fence>();
  /** Runs whose step waits for a child: they hold no slot, or parents could keep their own children out. */
  #waiting = 0;
  readonly #loop: WorkLoop;
  readonly #pendingStarts: PendingStarts;
  #working = false;
  #stopping: Promise<void> | undefined;

  constructor(options: DurableRunnerOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#loop = new WorkLoop({ take: () => this.#claim(), pollMs: POLL_MS, clock, logger });
    this.#pendingStarts = new PendingStarts({
      find: (runIds) => this.#history.present(runIds),
      onFound: () => {
        this.#loop.wake();
        this.#options.stores.hints.tell({ work: true });
      },
      clock,
      logger,
    });
    this.#worker = `${hostname()}-${process.pid}-${newId().slice(-12)}`;
  }

  async start(): Promise<void> {
    if (this.#working) return;
    await this.#history.beat(this.#worker, "alive");
    this.#working = true;
    this.#loop.start();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#pendingStarts.stop();
    if (!this.#working) return;
    this.#working = false;
    await this.#loop.stop();
    await this.#active.abortAll(
      new SpineError("STOPPED", "This process is stopping; the run goes on elsewhere or later."),
    );
    await this.#history.beat(this.#worker, "gone");
  }

  async run(workflow: WorkflowData, params: unknown, options: RunOptions = {}): Promise<RunHandle> {
    const { transaction } = options;
    const inline = transaction === undefined && this.#working && this.#free > 0;
    const { commit, state } = await planRun(
      workflow,
      params,
      options,
      inline ? this.#worker : null,
      this.#options.clock,
    );
    const { runId, paramsHash } = commit.run;
    const [outcome] =
      transaction === undefined
        ? await this.#history.commit([commit])
        : await this.#history.createIn(transaction, [commit]);
    if (outcome?.result === "duplicate") {
      if (outcome.paramsHash === paramsHash) {
        // It may have been waiting for somebody who knows its workflow: this process does by now.
        this.#loop.wake();
        const found = this.#handle(outcome.runId, true);
        return transaction === undefined ? found : inTransactionOfCaller(found);
      }
      throw new SpineError(
        "KEY_REUSED",
        `The key "${options.key}" of "${workflow.name}" belongs to run ${outcome.runId}, which has other parameters. Use another key, or the same parameters.`,
        { context: { runId: outcome.runId } },
      );
    }
    if (transaction !== undefined) {
      // Nobody is told of it yet, and nobody looks for it in the caller's transaction.
      this.#outside(() => this.#pendingStarts.add(runId));
      return inTransactionOfCaller(this.#handle(runId, false));
    }
    const { events } = this.#options;
    events.emit("run.changed", {
      runId,
      workflow: workflow.name,
      status: inline ? "RUNNING" : "PENDING",
      error: null,
    });
    if (inline) {
      for (const begin of commit.begun) {
        events.emit("step.started", {
          runId,
          workflow: workflow.name,
          step: begin.name,
          kind: begin.kind,
          attempt: 1,
        });
      }
      const { partition, parentRunId, domain } = commit.run;
      const stored = JSON.parse(commit.run.params) as unknown;
      this.#execute({
        workflow,
        execution: { runId, workflow: workflow.name, domain, params: stored, partition, parentRunId },
        fence: { worker: this.#worker, token: 1 },
        state,
        lost: null,
        checkpoints: new Map(),
      });
    } else {
      this.#loop.wake();
    }
    return this.#handle(runId, false);
  }

  async get(runId: string): Promise<RunDetail> {
    const detail = await this.#history.get(runId);
    if (detail) return detail;
    throw new SpineError(
      "RUN_NOT_FOUND",
      `There is no run ${runId}. It may have been removed by retention.`,
      {
        context: { runId },
      },
    );
  }

  async cancel(runId: string): Promise<void> {
    await this.#control(runId, ["PENDING", "RUNNING", "WAITING", "PAUSED"], "CANCELLED");
    this.#active.abort(runId, new SpineError("RUN_CANCELLED", "The run was cancelled."));
  }

  async retry(runId: string): Promise<RunHandle> {
    await this.#control(runId, ["FAILED", "CANCELLED"], "PENDING");
    this.#loop.wake();
    return this.#handle(runId, true);
  }

  async attach(runId: string): Promise<RunHandle> {
    await this.get(runId);
    return this.#handle(runId, true);
  }

  get #history() {
    return this.#options.stores.history;
  }

  get #free(): number {
    return this.#options.concurrency - this.#active.size + this.#waiting;
  }

  async #control(
    runId: string,
    from: readonly RunRecord["status"][],
    status: "CANCELLED" | "PENDING",
  ): Promise<void> {
    const change =
      status === "PENDING" ? { status, error: null, availableAt: this.#options.clock.now() } : { status };
    const reason = status === "PENDING" ? "retry" : "cancel";
    const [outcome] = await this.#history.commit([{ kind: "control", runId, from, change, reason }]);
    if (outcome?.result === "missing") await this.get(runId);
    if (outcome?.result === "conflict") {
      throw new SpineError(
        "RUN_CONFLICT",
        `Cannot ${reason} run ${runId}: it is ${outcome.status}, not ${from.join(" or ")}.`,
        {
          context: { runId },
        },
      );
    }
    const { run } = await this.get(runId);
    this.#options.events.emit("run.changed", { runId, workflow: run.workflow, status, error: null });
  }

  async #claim(): Promise<{ readonly more: boolean; readonly nextAt: number | null }> {
    await this.#release();
    const limit = this.#free;
    this.#starved = limit <= 0;
    if (limit <= 0) return { more: false, nextAt: null };
    const workflows = this.#options.workflows.names();
    const { runs, nextAt } = await this.#history.claim({ worker: this.#worker, workflows, limit });
    for (const run of runs) this.#takeUp(run);
    this.#starved = runs.length === limit;
    return { more: this.#starved, nextAt };
  }

  #takeUp(claimed: ClaimedRun): void {
    const { run, fence } = claimed;
    const workflow = this.#options.workflows.get(run.workflow);
    const { state, lost } = restore(claimed);
    const { runId, domain, params, partition, parentRunId } = run;
    const execution = { runId, workflow: workflow.name, domain, params, partition, parentRunId };
    if (run.fingerprint !== workflow.fingerprint) {
      this.#refuseChanged(claimed, workflow).catch((error: unknown) => this.#strand(runId, fence, error));
      return;
    }
    this.#options.events.emit("run.changed", {
      runId,
      workflow: workflow.name,
      status: "RUNNING",
      error: null,
    });
    this.#execute({ workflow, execution, fence, state, lost, checkpoints: byStep(claimed.checkpoints) });
  }

  async #refuseChanged(claimed: ClaimedRun, workflow: WorkflowData): Promise<void> {
    const { runId } = claimed.run;
    const transition = workflowChanged(claimed, workflow);
    await this.#history.commit([{ kind: "advance", runId, fence: claimed.fence, transition }]);
    const error = transition.run?.error ?? null;
    this.#options.events.emit("run.changed", { runId, workflow: workflow.name, status: "FAILED", error });
  }

  #execute(run: Omit<OwnedRun, "signal" | "startChild">): void {
    const controller = new AbortController();
    const { runId } = run.execution;
    const startChild: OwnedRun["startChild"] = (step, pipeline, params) =>
      this.#startChild(runId, step, pipeline, params);
    const execution = { ...run, signal: controller.signal, startChild };
    const done = this.#outside(() => executeRun(this.#options, execution)).then(
      () => null,
      (error: unknown) => this.#letGo(runId, run.fence, controller.signal, error),
    );
    const { state } = run;
    this.#active.add(runId, { controller, state, done }, () => {
      // A look for work is a query: only when there may be some for the slot that is free now, or a time to wait for.
      if (this.#starved || this.#stranded.size > 0 || state.status !== "COMPLETED") this.#loop.wake();
    });
  }

  /** Whoever has the run by now goes on with it; one that could not be recorded has to be given back first. */
  #letGo(runId: string, fence: Fence, signal: AbortSignal, error: unknown): SpineError | null {
    if (signal.aborted || (SpineError.is(error) && error.code === "FENCED")) return null;
    return this.#strand(runId, fence, error);
  }

  #strand(runId: string, fence: Fence, error: unknown): SpineError {
    this.#stranded.set(runId, fence);
    const known = SpineError.from(error, "RECORD_FAILED");
    const message = "A run cannot be recorded; it goes on from its last record once the database takes it.";
    this.#options.logger.error(message, { runId, error: known.message });
    return known.withContext({ runId });
  }

  /** Gives stranded runs back to the queue, as soon as the database can be written again. */
  async #release(): Promise<void> {
    for (const [runId, fence] of this.#stranded) {
      const run = { status: "PENDING" as const, availableAt: this.#options.clock.now() };
      const transition = { ended: [], begun: [], run, attachments: [] };
      await this.#history.commit([{ kind: "advance", runId, fence, transition }]);
      this.#stranded.delete(runId);
    }
  }

  async #startChild(
    parentRunId: string,
    step: string,
    pipeline: string,
    params: unknown,
  ): Promise<RunHandle> {
    const workflow = this.#options.workflows.get(pipeline);
    const key = `${parentRunId}/${step}`;
    const child = await this.run(workflow, params, { key, parentRunId, triggeredBy: "pipeline" });
    // An earlier attempt's child that failed is what this attempt is to do again.
    if (child.existing) {
      const { status } = (await this.get(child.id)).run;
      if (status === "FAILED" || status === "CANCELLED") await this.retry(child.id);
    }
    return { ...child, result: () => this.#withoutSlot(child.result()) };
  }

  async #withoutSlot<T>(work: Promise<T>): Promise<T> {
    this.#waiting += 1;
    this.#loop.wake();
    try {
      return await work;
    } finally {
      this.#waiting -= 1;
    }
  }

  #handle(id: string, existing: boolean): RunHandle {
    return { id, existing, result: () => this.#result(id) };
  }

  async #result(runId: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const active = this.#active.of(runId);
      const failure = await active?.done;
      if (failure) throw failure;
      // What was recorded is still here: no need to read it back.
      if (active?.state.status === "COMPLETED") return { ...active.state.outputs };
      // Watched from before it is read, so that what happens in between is not missed.
      const { touched, stop } = this.#watch(runId);
      try {
        const { run, steps } = await this.get(runId);
        if (isTerminal(run.status)) return outputsOf(run, steps);
        await touched;
      } finally {
        stop();
      }
    }
  }

  /** Something happens to the run in this process, or it is time to ask what others did with it. */
  #watch(runId: string): { readonly touched: Promise<void>; readonly stop: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stopTimer = this.#options.clock.after(RESULT_POLL_MS, resolve);
    const stopWatching = this.#active.watch(runId, resolve);
    const stop = () => {
      stopTimer();
      stopWatching();
    };
    return { touched: promise, stop };
  }
}

function byStep(records: readonly CheckpointRecord[]): OwnedRun["checkpoints"] {
  const steps: OwnedRun["checkpoints"] = new Map();
  for (const { step, key, value } of records) steps.set(step, (steps.get(step) ?? new Map()).set(key, value));
  return steps;
}

function outputsOf(run: RunRecord, steps: RunDetail["steps"]): Readonly<Record<string, unknown>> {
  if (run.status === "COMPLETED") {
    const finished = steps.filter((step) => step.status === "COMPLETED");
    return Object.fromEntries(finished.map((step) => [step.name, step.output]));
  }
  if (run.error)
    throw SpineError.fromJSON(run.error).withContext({ runId: run.runId, workflow: run.workflow });
  throw new SpineError("RUN_CANCELLED", `Run ${run.runId} of "${run.workflow}" was cancelled.`, {
    context: { runId: run.runId },
  });
}
