import { AsyncLocalStorage } from "node:async_hooks";
import { hostname } from "node:os";
import { within } from "../clock.ts";
import type { ExecutionContext } from "../context.ts";
import { SpineError, textOf } from "../errors.ts";
import type { Hint } from "../history/hints.ts";
import type { Fence, StepBegin, Transition } from "../history/history-store.ts";
import { isTerminal, type RunDetail } from "../history/records.ts";
import type { RunFilter } from "../history/run-query.ts";
import { newId } from "../ids.ts";
import type { Registry } from "../registry.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { ActiveRuns } from "./active-runs.ts";
import { AdoptedRuns } from "./adopted-runs.ts";
import { Ownership } from "./ownership.ts";
import { redrive } from "./redrive.ts";
import type { RedriveOptions } from "./rejects.ts";
import { RunChildren } from "./run-children.ts";
import { type ClaimedWork, RunClaims } from "./run-claims.ts";
import { type Controlled, RunControls } from "./run-controls.ts";
import { type Engine, executeRun, type OwnedRun } from "./run-execution.ts";
import { RunResults } from "./run-results.ts";
import { RunStarts } from "./run-starts.ts";
import { RunWatch } from "./run-watch.ts";
import type {
  BulkOptions,
  BulkResult,
  Control,
  RerunOptions,
  RunHandle,
  RunItem,
  Runner,
  RunOptions,
} from "./runner.ts";
import { sayGone } from "./say-gone.ts";
import { Slots } from "./slots.ts";
import type { NewRunPlan } from "./start-run.ts";
import { StrandedRuns } from "./stranded-runs.ts";
import { UnattendedRuns } from "./unattended-runs.ts";
import { WorkLoop } from "./work-loop.ts";

export interface DurableRunnerOptions extends Omit<Engine, "recorded"> {
  /** Another process says that schedules have changed. */
  readonly schedulesChanged: () => void;
  readonly workflows: Registry<WorkflowData>;
  /** How many runs this process works on at a time. */
  readonly concurrency: number;
  /** How many processes may be lost at work on one run before it is kept away from the others. */
  readonly maxCrashes: number;
}

/** How long a stop lets runs that are let go of record what they have done. */
const LET_GO_MS = 10_000;
/** How long a stop looks once more for runs that were started in transactions. */
const LOOK_MS = 2_000;

/** The own engine: runs workflows in this process and records each step before the next one begins. */
export class DurableRunner implements Runner {
  /** Runs are executed in this context, not in that of their starter, who may be in a transaction. */
  readonly #outside = AsyncLocalStorage.snapshot();
  readonly #options: DurableRunnerOptions;
  readonly #engine: Engine;
  readonly #worker: string;
  readonly #active = new ActiveRuns();
  readonly #watch: RunWatch;
  readonly #results: RunResults;
  readonly #ownership: Ownership;
  readonly #stranded: StrandedRuns;
  readonly #unattended: UnattendedRuns;
  readonly #slots: Slots;
  readonly #loop: WorkLoop;
  readonly #claims: RunClaims;
  readonly #starts: RunStarts;
  readonly #controls: RunControls;
  readonly #children: RunChildren;
  readonly #adopted: AdoptedRuns;
  #working = false;
  /** Aborted when this process stops: nothing waits for a database that is away any more. */
  readonly #stopped = new AbortController();
  #stopping: Promise<void> | undefined;
  #listening: Promise<void> | undefined;

  constructor(options: DurableRunnerOptions) {
    this.#options = options;
    const { clock, logger, stores, concurrency } = options;
    const { history, hints } = stores;
    this.#engine = { ...options, recorded: (execution, transition) => this.#recorded(execution, transition) };
    this.#slots = new Slots(concurrency, () => this.#active.size + this.#starts.placed);
    const released = (runId: string) => this.#changed(runId);
    const { signal } = this.#stopped;
    const common = { history, clock, logger, signal };
    this.#worker = `${hostname()}-${process.pid}-${newId().slice(-12)}`;
    this.#stranded = new StrandedRuns({ ...common, released });
    const isAttended = (runId: string, token: number) =>
      this.#active.has(runId, token) || this.#claims.refuses(runId) || this.#starts.begins(runId);
    this.#unattended = new UnattendedRuns({ ...common, worker: this.#worker, isAttended });
    this.#watch = new RunWatch({ history, hints, clock, listen: () => void this.#listen() });
    this.#results = new RunResults({ history, active: this.#active, watch: this.#watch });
    const pollMs = () => hints.pollMs;
    this.#ownership = new Ownership({ ...common, active: this.#active, pollMs });
    this.#loop = new WorkLoop({ take: () => this.#claims.take(), pollMs, clock, logger });
    this.#starts = new RunStarts({
      ...common,
      results: this.#results,
      place: () => (this.#working && this.#slots.free > 0 ? this.#worker : null),
      placeLeft: () => {
        if (this.#claims.starved) this.#loop.wake();
      },
      stored: (workflow, plan) => this.#stored(workflow, plan),
      queued: () => this.#queued(),
      wake: () => this.#loop.wake(),
      unanswered: () => {
        this.#unattended.suspect();
        this.#loop.wake();
      },
    });
    this.#controls = new RunControls({
      history,
      workflows: options.workflows,
      get: (runId) => this.get(runId),
      controlling: (runId, control) => this.#controlling(runId, control),
      sent: (runId) => this.#sent(runId),
    });
    this.#children = new RunChildren({
      history,
      workflows: options.workflows,
      clock,
      retry: (runId) => this.control(runId, "retry"),
      cancel: (runId) => this.control(runId, "cancel"),
    });
    this.#claims = new RunClaims({
      ...common,
      workflows: options.workflows,
      worker: this.#worker,
      maxCrashes: options.maxCrashes,
      onFailure: options.onFailure,
      slots: this.#slots,
      stranded: this.#stranded,
      unattended: this.#unattended,
      children: this.#children,
      events: options.events,
      changed: (runId) => this.#changed(runId),
      execute: (work, { begun, steps }) => {
        if (begun) this.#tellBegun(work.execution, steps);
        this.#execute(work);
      },
    });
    const told = () => this.#queued();
    this.#adopted = new AdoptedRuns({ history, workflows: options.workflows, logger, told });
  }

  async start(): Promise<void> {
    if (this.#working) return;
    await this.#listen();
    await this.#history.beat(this.#worker, "alive");
    this.#working = true;
    this.#ownership.start();
    this.#loop.start();
    this.#adopted.start();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { logger, stores } = this.#options;
    const { hints } = stores;
    const stopped = new SpineError(
      "STOPPED",
      "This process is stopping; the run goes on elsewhere or later.",
    );
    // Whoever waits is told first, whatever comes of the rest.
    this.#watch.close(stopped);
    try {
      await within(LOOK_MS, this.#starts.stopLooking());
      this.#stopped.abort(stopped);
      if (this.#working) {
        // From here on nothing begins at once; what is on its way is at work before it is let go of.
        this.#working = false;
        await within(LET_GO_MS, this.#letGoOfAll(stopped));
        await sayGone(this.#history, this.#worker, logger);
        hints.tell({ work: true });
      }
    } finally {
      await hints.close();
    }
  }

  async #letGoOfAll(stopped: SpineError): Promise<void> {
    await this.#starts.settled();
    await this.#adopted.stop();
    await this.#loop.stop();
    await this.#ownership.stop();
    await this.#active.abortAll(stopped);
  }

  /** Hears what other processes tell, from the first time that this one works or waits for a run. */
  #listen(): Promise<void> {
    this.#listening ??= this.#options.stores.hints
      .listen((hint) => this.#hear(hint))
      .catch((error: unknown) => {
        const message = "Other processes cannot be heard; what they do is found by looking.";
        this.#options.logger.warn(message, { error: textOf(error) });
      });
    return this.#listening;
  }

  /** Looks for work soon: something may have made room for it. */
  wake(): void {
    this.#loop.wake();
  }

  /** Runs were stored that wait for whoever has a place free, here or in another process. */
  queued(): void {
    this.#queued();
  }

  run(workflow: WorkflowData, params: unknown, options: RunOptions = {}): Promise<RunHandle> {
    return this.#starts.run(workflow, params, options);
  }

  runMany(workflow: WorkflowData, items: readonly RunItem[]): Promise<readonly RunHandle[]> {
    return this.#starts.runMany(workflow, items);
  }

  /** A run is stored: it is at work here from now on, or waits for somebody. */
  #stored(workflow: WorkflowData, { commit, state }: NewRunPlan): void {
    const { events } = this.#options;
    const { runId, worker, partition, parentRunId, domain, params } = commit.run;
    const status = worker === null ? "PENDING" : "RUNNING";
    events.emit("run.changed", { runId, workflow: workflow.name, status, error: null });
    // The process has stopped meanwhile: leaving, it gives back what it owns.
    if (worker === null || !this.#working) return;
    const stored = JSON.parse(params) as unknown;
    const name = workflow.name;
    const execution = { runId, workflow: name, domain, params: stored, partition, parentRunId, queue: null };
    this.#tellBegun(execution, commit.begun);
    const fence = { worker, token: 1 };
    const begun = commit.begun.length > 0;
    this.#execute({ workflow, execution, fence, state, lost: begun ? null : [], checkpoints: new Map() });
  }

  /** First attempts were begun by the write that made the run this process's. */
  #tellBegun({ runId, workflow }: ExecutionContext, begun: readonly StepBegin[]): void {
    for (const { name, kind, attempt } of begun) {
      this.#options.events.emit("step.started", { runId, workflow, step: name, kind, attempt });
    }
  }

  /** There is something for whoever has a place free, here or in another process. */
  #queued(): void {
    this.#loop.wake();
    this.#options.stores.hints.tell({ work: true });
  }

  get(runId: string): Promise<RunDetail> {
    return this.#results.get(runId);
  }

  control(runId: string, control: Control): Promise<void> {
    return this.#controls.control(runId, control);
  }

  controlAll(filter: RunFilter, control: Control, options: BulkOptions): Promise<BulkResult> {
    return this.#controls.controlAll(filter, control, options);
  }

  signal(runId: string, name: string, payload?: unknown, id?: string): Promise<void> {
    return this.#controls.signal(runId, name, payload, id);
  }

  async rerun(runId: string, options: RerunOptions = {}): Promise<RunHandle> {
    const detail = await this.get(runId);
    const workflow = this.#options.workflows.get(detail.run.workflow);
    return await this.#starts.rerun(workflow, detail, options);
  }

  /** Starts a run of the rows that a step of another run refused. */
  async redrive(runId: string, options: RedriveOptions): Promise<RunHandle> {
    const detail = await this.get(runId);
    const workflow = this.#options.workflows.get(detail.run.workflow);
    return await redrive({ ...this.#options, starts: this.#starts }, workflow, detail, options);
  }

  async attach(runId: string): Promise<RunHandle> {
    // What stands in it may be encoded with a key that this process does not have.
    const [found] = await this.#history.glance([runId]);
    if (!found) await this.get(runId);
    return this.#results.handle(runId, true);
  }

  /** Runs that are this process's in the history, and that it does not work on. */
  unattended(): Promise<readonly string[]> {
    return this.#claims.unattended();
  }

  /** True while it looks for runs to work on. */
  get working(): boolean {
    return this.#working;
  }

  get #history() {
    return this.#options.stores.history;
  }

  /** A control of a run, and of those that its steps wait for: what follows once it is durable. */
  #controlling(runId: string, control: Control): Controlled {
    // What is at work by then may be the run that was claimed anew, under a fence that holds.
    const execution = control === "cancel" || control === "pause" ? this.#active.of(runId) : undefined;
    const isPause = control === "pause";
    return (status, workflow) => {
      const stopped = new SpineError(
        isPause ? "RUN_PAUSED" : "RUN_CANCELLED",
        isPause ? "The run was paused." : "The run was cancelled.",
      );
      this.#active.abort(runId, execution, stopped);
      // Its children may be at work here as well, or it was claimed in between.
      this.#ownership.check();
      this.#watch.touch(runId);
      this.#options.stores.hints.tell({ changed: [runId], taken: [runId] });
      this.#options.events.emit("run.changed", { runId, workflow, status, error: null });
      if (status === "PENDING") this.#queued();
    };
  }

  /** A message for a run is durable: it is at work here, or elsewhere, or may be claimed now. */
  #sent(runId: string): void {
    const execution = this.#active.of(runId);
    this.#watch.touch(runId);
    if (execution) {
      execution.message();
      this.#options.stores.hints.tell({ changed: [runId] });
      return;
    }
    this.#options.stores.hints.tell({ changed: [runId], taken: [runId] });
    this.#queued();
  }

  #recorded({ runId, parentRunId }: ExecutionContext, { run, children }: Transition): void {
    this.#changed(runId);
    if (children) this.#queued();
    // The end of a child is a message to its parent.
    if (parentRunId !== null && run && isTerminal(run.status)) this.#sent(parentRunId);
  }

  /** A write of a run that is at work here is durable. */
  #changed(runId: string): void {
    this.#watch.touch(runId);
    this.#options.stores.hints.tell({ changed: [runId] });
  }

  /** Another process says that something happened. */
  #hear(hint: Hint): void {
    if (hint.work) this.#loop.wake();
    if (hint.schedules) this.#options.schedulesChanged();
    this.#watch.hear(hint);
    if (hint.taken?.some((runId) => this.#active.of(runId))) this.#ownership.check();
  }

  #execute(run: ClaimedWork): void {
    const controller = new AbortController();
    const { runId } = run.execution;
    let isEnding = false;
    const ending = () => {
      if (isEnding) return;
      isEnding = true;
      this.#slots.end(true);
      // The next run is claimed while the end of this one is on its way: on SQLite in the same commit.
      if (this.#claims.starved) this.#loop.wake();
    };
    let message = () => {};
    const execution: OwnedRun = {
      ...run,
      signal: controller.signal,
      ending,
      onRest: (atRest) => {
        this.#slots.rest(atRest);
        if (atRest) this.#loop.wake();
      },
      reachable: (call) => {
        message = call;
      },
      prepareChild: (step, pipeline, params, known) =>
        this.#children.prepare({ runId, step }, pipeline, params, known),
      cancelChildren: (runIds) => this.#children.cancel(runIds),
    };
    const done = this.#outside(() => executeRun(this.#engine, execution)).then(
      () => null,
      (error: unknown) => this.#letGo(runId, run.fence, controller.signal, error),
    );
    const { state } = run;
    const { queue } = run.execution;
    const { token } = run.fence;
    this.#active.add({ runId, controller, token, state, done, message: () => message() }, () => {
      if (isEnding) this.#slots.end(false);
      // Its place in the queue may be what others wait for.
      if (queue !== null) this.#queued();
      // A look for work is a query: only when there may be some for the slot that is free now, or a time to wait for.
      else if (this.#claims.starved || this.#stranded.size > 0 || state.status !== "COMPLETED")
        this.#loop.wake();
    });
  }

  /** Whoever has the run by now goes on with it; one that could not be recorded has to be given back first. */
  #letGo(runId: string, fence: Fence, signal: AbortSignal, error: unknown): SpineError | null {
    if (signal.aborted || (SpineError.is(error) && error.code === "FENCED")) return null;
    return this.#stranded.add(runId, fence, error);
  }
}
