import type { Alerts } from "./alerting/alerts.ts";
import { alertingOf } from "./alerting/start-alerting.ts";
import type { AlertChannel } from "./alerts/alert.ts";
import { type AlertOptions, alertSettings } from "./alerts/alert-options.ts";
import { type Clock, systemClock, within } from "./clock.ts";
import type { DatasetRef, DatasetStore } from "./data/dataset.ts";
import type { Database } from "./database/database.ts";
import type { Diagnosis } from "./database/diagnosis.ts";
import { diagnose } from "./diagnose.ts";
import { SpineError } from "./errors.ts";
import { Events, type SpineEvents } from "./events.ts";
import { EncodedHistory } from "./history/encoded-history.ts";
import type { HistoryStore } from "./history/history-store.ts";
import type { QualityHistory } from "./history/quality-store.ts";
import type { RunDetail } from "./history/records.ts";
import type { RunLogs } from "./history/run-logs.ts";
import type { RunFilter } from "./history/run-query.ts";
import type { RunStatistics } from "./history/run-statistics.ts";
import { jsonLogger, type Logger, type LogLevel } from "./logger.ts";
import { type BackfillItem, type BackfillOptions, planBackfill } from "./partitions/backfill.ts";
import { type BackfillReport, backfillOf } from "./partitions/backfill-flow.ts";
import type { PartitionSet } from "./partitions/define-partitions.ts";
import { type Lineage, lineageOf } from "./partitions/lineage.ts";
import { type Partitions, partitionsOf } from "./partitions/partitions.ts";
import type { Calendar } from "./partitions/period.ts";
import { RunnableWorkflows } from "./partitions/runnable-workflows.ts";
import { WorkManifest } from "./partitions/work-manifest.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import type { Plugin } from "./plugin.ts";
import type { Registry } from "./registry.ts";
import { checkApproval, checkRunId, checkSignalOptions, checkWorkflow } from "./runner/check-start.ts";
import { type Cursors, cursorsOf } from "./runner/cursors.ts";
import { DurableRunner } from "./runner/durable-runner.ts";
import { KnownWorkflows } from "./runner/known-workflows.ts";
import { type Queues, queuesOf } from "./runner/queues.ts";
import { type Rejects, rejectsOf } from "./runner/rejects.ts";
import { Retention, type RetentionPolicy } from "./runner/retention.ts";
import type {
  BulkOptions,
  BulkResult,
  Control,
  RerunOptions,
  RunHandle,
  RunItem,
  RunOptions,
} from "./runner/runner.ts";
import { calendarsOf } from "./scheduler/calendars.ts";
import { checkDeclarations, declareSchedules } from "./scheduler/declared-schedules.ts";
import { EncodedSchedules } from "./scheduler/encoded-schedules.ts";
import type { Schedule } from "./scheduler/schedule.ts";
import { Scheduler } from "./scheduler/scheduler.ts";
import { type Schedules, schedulesOf } from "./scheduler/schedules.ts";
import { environmentSecrets, type SecretResolver } from "./secret.ts";
import type { Source } from "./sources/source.ts";
import { addWorkflow, checkSpineOptions, declarationsOf, registriesOf } from "./spine-options.ts";
import type { Final } from "./workflow/builder-options.ts";
import type { Approval } from "./workflow/composite-steps.ts";
import { everyStep } from "./workflow/step-paths.ts";
import type { Workflow, WorkflowData } from "./workflow/workflow.ts";

export interface SpineOptions {
  /** Where Spine keeps its state, e.g. `sqlite("spine.db")` from `spine-adapters/databases`. */
  readonly database: Database;
  /**
   * Other databases, by the names that loads call them, e.g. `{ warehouse: postgres(url) }`. Nothing is asked of one before its first
   * load, and they are closed with the Spine.
   */
  readonly databases?: Readonly<Record<string, Database>>;
  readonly plugins?: readonly Plugin[];
  /** Workflows of the host's own. */
  readonly workflows?: readonly WorkflowData[];
  /** How many runs this process works on at a time; 10 when left out. */
  readonly concurrency?: number;
  /**
   * How many processes may end at work on one run: with the next one it is FAILED with POISONED, and kept away from the others.
   * 10 when left out.
   */
  readonly maxCrashes?: number;
  /** False for a process that only starts and reads runs, or that calls `start` later. */
  readonly worker?: boolean;
  /** When workflows run: brought into the database at the start. One of them that is no longer in here is disabled. */
  readonly schedules?: readonly Schedule[];
  /** Days of business by name, for schedules: `{ "us-market": isTradingDay }`. */
  readonly calendars?: Readonly<Record<string, Calendar>>;
  /** False for a process that works, and leaves the ticks of schedules to others. */
  readonly scheduler?: boolean;
  /** When old runs are removed, e.g. `{ runs: "90d" }`; never when left out. */
  readonly retention?: RetentionPolicy;
  /** Looks up secrets that parameters refer to; `env:NAME` from the environment when left out. */
  readonly secrets?: SecretResolver;
  /**
   * How parameters, outputs, checkpoints and signals stand in the database, e.g. `encryptPayloads({ keys, use })`; as they
   * are when left out. The same in all processes on the database.
   */
  readonly payloads?: PayloadCodec;
  /** Who is told of what, and when: routes, channels, expectations. Without it, every run that fails raises an alert, and all channels of plugins are told. */
  readonly alerts?: AlertOptions<PartitionSet>;
  readonly logger?: Logger;
  /**
   * From which level on what steps log is recorded with their run; also the level of the built-in logger, where no
   * `logger` is given. INFO when left out.
   */
  readonly logLevel?: LogLevel;
  readonly clock?: Clock;
}

/** A started run with the types of its workflow. */
export interface Run<Outputs> extends Omit<RunHandle, "result"> {
  /** Waits for the end. Rejects with the run's SpineError when it fails or is cancelled. */
  result(): Promise<{ readonly outputs: Outputs }>;
}

/** One Spine: a database, a runner, and what plugins brought. */
export interface Spine extends AsyncDisposable {
  readonly database: Database;
  readonly history: HistoryStore;
  readonly datasets: DatasetStore;
  /** What is loaded, by partition, and what is not. */
  readonly partitions: Partitions;
  /** Where rows came from, and what has to be done again when that changes. */
  readonly lineage: Lineage;
  /**
   * How far the partitions of a domain have come through the stages of its work. @throws SpineError CONFIG_INVALID
   *
   * @example
   * const weeks = spine.manifest("finra.otc", ["INGESTED", "NORMALIZED", "PUBLISHED"]);
   * console.log(await weeks.latestStage({ week: "2026-01-05" }));
   */
  manifest(domain: string, stages: readonly string[]): WorkManifest;
  /** How far incremental fetches have come. */
  readonly cursors: Cursors;
  /** The rows that steps refused: put aside, or driven again. */
  readonly rejects: Rejects<Run<Readonly<Record<string, unknown>>>>;
  /** Counts and sums over many runs. */
  readonly statistics: RunStatistics;
  /** What the steps of runs logged. */
  readonly logs: RunLogs;
  /** How many runs of a queue work at a time, and how many begin. */
  readonly queues: Queues;
  /** When workflows run by themselves. */
  readonly schedules: Schedules<Run<Readonly<Record<string, unknown>>>>;
  /** What checks found, in one run and from run to run. */
  readonly quality: QualityHistory;
  /** What was raised, who was told, and what people say to it. */
  readonly alerts: Alerts;
  readonly alertChannels: Registry<AlertChannel>;
  /** Starts a run of a workflow constant, typed. */
  run<I, P, O>(workflow: Workflow<I, P, O>, params: I, options?: RunOptions): Promise<Run<Final<O>>>;
  /** Starts a run of a registered workflow by name. */
  run(
    workflow: string,
    params: unknown,
    options?: RunOptions,
  ): Promise<Run<Readonly<Record<string, unknown>>>>;
  /**
   * Starts many runs of a workflow, each with its own parameters and options, in a few statements. They are queued, and begin
   * wherever there is room. When the parameters of one do not fit, none is stored; the error's `context.item` says which.
   *
   * @example
   * const runs = await spine.runMany(ingestWeek, weeks.map((week) => ({ params: { week }, key: week })));
   */
  runMany<I, P, O>(
    workflow: Workflow<I, P, O>,
    items: readonly (RunItem & { readonly params: I })[],
  ): Promise<readonly Run<Final<O>>[]>;
  runMany(
    workflow: string,
    items: readonly RunItem[],
  ): Promise<readonly Run<Readonly<Record<string, unknown>>>[]>;
  /**
   * Fills partitions: a run that starts a run of the workflow for each of them, as its children, and goes on after a crash. What is
   * loaded already when its turn comes is left as it is, and one that fails does not end the others: the `report` in its
   * outputs says what became of each. Pause, resume or cancel it as any other run. With `dryRun`: only what it would do.
   *
   * @throws ValidationError where parameters do not fit, or make a run of another partition.
   * @example
   * const run = await spine.backfill(ingestWeek, {
   *   partitions: weeks,
   *   select: "missing",
   *   params: ({ week_start, tier }) => ({ week: week_start, tier }),
   * });
   * const { outputs } = await run.result();
   * console.log(outputs.report.loaded, outputs.report.failed);
   */
  backfill<I, P, O>(
    workflow: Workflow<I, P, O>,
    options: BackfillOptions<NoInfer<I>> & { readonly dryRun: true },
  ): Promise<readonly BackfillItem<I>[]>;
  backfill<I, P, O>(
    workflow: Workflow<I, P, O>,
    options: BackfillOptions<NoInfer<I>> & { readonly dryRun?: false },
  ): Promise<Run<{ readonly report: BackfillReport }>>;
  /**
   * The rows of a dataset, in batches, for as long as retention keeps them; DATASET_MISSING afterwards.
   *
   * @example
   * const { outputs } = await run.result();
   * for await (const rows of spine.read(outputs.fetch)) console.log(rows.length);
   */
  read<R extends object>(
    dataset: DatasetRef<R>,
    options?: { readonly signal?: AbortSignal },
  ): AsyncIterable<readonly R[]>;
  /**
   * Asks about datasets in SQL: each is a table by the name that it is given here, for as long as `work` goes on, beside the
   * tables of Spine's own database.
   *
   * @example
   * const twice = await spine.withRows(
   *   { trades: { dataset: outputs.fetch, columns: { symbol: "text", shares: "decimal" } } },
   *   (db) => db.selectFrom("trades").select("symbol").groupBy("symbol").having((e) => e.fn.countAll(), ">", 1).execute(),
   * );
   */
  withRows: DatasetStore["withRows"];
  /** The run with its attempts. Throws RUN_NOT_FOUND. */
  get(runId: string): Promise<RunDetail>;
  /**
   * Ends a run that has not ended, and the runs that its steps wait for. A run of which something has to be undone is
   * CANCELLED once that is done. RUN_CONFLICT when it has ended.
   */
  cancel(runId: string): Promise<void>;
  /** Stops a run until `resume`, with the runs that its steps wait for. Attempts under way begin again then, at their checkpoints. */
  pause(runId: string): Promise<void>;
  resume(runId: string): Promise<void>;
  /** Goes on with a failed or cancelled run at the step that failed. */
  retry(runId: string): Promise<Run<Readonly<Record<string, unknown>>>>;
  /**
   * Starts a new run, linked to the one that it repeats (`rerunOf`): with its parameters or others, from the first step or from a later
   * one; then the steps before that one keep their results.
   */
  rerun(runId: string, options?: RerunOptions): Promise<Run<Readonly<Record<string, unknown>>>>;
  /** `cancel`, `pause`, `resume` or `retry` for all runs of a filter: if it finds as many of them as were expected. */
  controlAll(filter: RunFilter, control: Control, options: BulkOptions): Promise<BulkResult>;
  /**
   * Sends a run a message, e.g. for `.wait("go", { signal: "go" })`. It is kept until a step takes it, whether that waits already
   * or not yet, and is taken by one step. Sent again with the same `id`, it is one message.
   */
  signal(runId: string, name: string, payload?: unknown, options?: { readonly id?: string }): Promise<void>;
  /** Lets a step go on that waits for an approval. @param step its path, e.g. `review`, or `venues/XNYS/review` inside of a map. */
  approve(runId: string, step: string, options?: Omit<Approval, "approved">): Promise<void>;
  /** Refuses it: the step fails with APPROVAL_REJECTED. */
  reject(runId: string, step: string, options?: Omit<Approval, "approved">): Promise<void>;
  /** A handle on a run that was started earlier, or elsewhere. */
  attach(runId: string): Promise<Run<Readonly<Record<string, unknown>>>>;
  source(name: string): Source;
  /** The registered workflows, by name. */
  readonly workflows: Registry<WorkflowData>;
  /** Calls back when something happened in this process; returns the function that ends it. */
  on<N extends keyof SpineEvents>(name: N, listener: (event: SpineEvents[N][0]) => void): () => void;
  /**
   * Looks at what can be wrong: the database and its settings, the clocks, runs that nobody takes. What it finds is in the
   * answer, with what to do about it; a database that is away is a finding too.
   */
  diagnose(): Promise<Diagnosis>;
  /** Begins to work, where `worker: false` kept it from doing so. */
  start(): Promise<void>;
  /**
   * Lets go of runs under way, so that they go on elsewhere or at the next start, and closes the database. One that is away
   * does not keep it for longer than about 15 s: then it finds out by itself that this process is gone.
   */
  stop(): Promise<void>;
}

/**
 * Opens the database, brings its tables up to date, registers what the plugins bring, and begins to work,
 * with runs that an earlier process left unfinished first.
 *
 * @throws SpineError CONFIG_INVALID for a setting that means nothing, before the database is opened.
 * @example
 * const spine = await createSpine({ database: sqlite("spine.db"), plugins: [finra()] });
 * const run = await spine.run(ingestWeek, { tier: "OTCE", week_ending: "2025-11-14", file: "week.csv" });
 * const { outputs } = await run.result();
 */
export async function createSpine(options: SpineOptions): Promise<Spine> {
  checkSpineOptions(options);
  const { database, clock = systemClock, concurrency = 10, logLevel = "INFO", maxCrashes = 10 } = options;
  const payloads = options.payloads;
  const logger = options.logger ?? jsonLogger(logLevel);
  const { workflows, sources, alertChannels } = registriesOf(options);
  const calendars = calendarsOf([
    options.calendars,
    ...(options.plugins ?? []).map((each) => each.calendars),
  ]);
  const declared = await checkDeclarations(declarationsOf(options), calendars, workflows, clock);
  const alertConfig = alertSettings(options.alerts ?? {}, alertChannels.names(), workflows);

  const connected = await database.connect({ clock, worker: options.worker !== false });
  const stores = payloads
    ? {
        ...connected,
        history: new EncodedHistory(connected.history, payloads),
        schedules: new EncodedSchedules(connected.schedules, payloads),
      }
    : connected;
  const runnable = new RunnableWorkflows(workflows, stores.partitions);
  const events = new Events(logger);
  const alerting = alertingOf({
    settings: alertConfig,
    expect: options.alerts?.expect,
    channels: alertChannels,
    stores,
    events,
    clock,
    logger,
  });
  const runner = new DurableRunner({
    database,
    databases: options.databases ?? {},
    stores,
    sources,
    workflows: runnable,
    events,
    logger,
    clock,
    secrets: options.secrets ?? environmentSecrets(),
    logLevel,
    onFailure: alerting.onFailure,
    concurrency,
    maxCrashes,
    schedulesChanged: () => scheduler.wake(),
  });
  const settling = { database, stores, workflows: runnable, clock, calendars };
  const queued = () => runner.queued();
  const scheduler = new Scheduler({
    ...settling,
    events,
    logger,
    queued,
    pollMs: () => stores.hints.pollMs,
    control: (runId, action) => runner.control(runId, action),
  });
  let starting: Promise<void> | undefined;
  const start = () => {
    starting ??= startOnce().finally(() => {
      starting = undefined;
    });
    return starting;
  };
  const startOnce = async () => {
    if (stopping) throw stopped();
    await runner.start();
    if (options.scheduler !== false) {
      await declareSchedules({ ...settling, logger }, declared);
      scheduler.start();
    }
    retention?.start();
    alerting.start();
  };
  let retention: Retention | undefined;
  let stopping: Promise<void> | undefined;
  let isClosed = false;
  try {
    if (options.retention) retention = new Retention({ policy: options.retention, stores, clock, logger });
    for (const name of workflows.names()) await ensureTables(database, workflows.get(name));
    if (options.worker !== false) await start();
  } catch (error) {
    await closeAll(database, options.databases);
    throw error;
  }

  /** A workflow by its name, or a constant, which the process knows from now on. */
  const known = (workflow: string | WorkflowData): WorkflowData => {
    const target = typeof workflow === "string" ? workflows.get(workflow) : checkWorkflow(workflow);
    addWorkflow(workflows, target);
    return target;
  };
  // The outputs' types are those of the workflow constant; the facade is the one place that claims them.
  const typed = <O = Readonly<Record<string, unknown>>>(handle: RunHandle): Run<O> => ({
    ...handle,
    result: async () => ({ outputs: (await handle.result()) as O }),
  });
  async function run<I, P, O>(
    workflow: Workflow<I, P, O>,
    params: I,
    options?: RunOptions,
  ): Promise<Run<Final<O>>>;
  async function run(workflow: string, params: unknown, options?: RunOptions): ReturnType<Spine["attach"]>;
  async function run(
    workflow: string | WorkflowData,
    params: unknown,
    options?: RunOptions,
  ): Promise<unknown> {
    return typed(await unlessStopped(() => runner.run(known(workflow), params, options)));
  }
  async function runMany<I, P, O>(
    workflow: Workflow<I, P, O>,
    items: readonly (RunItem & { readonly params: I })[],
  ): Promise<readonly Run<Final<O>>[]>;
  async function runMany(
    workflow: string,
    items: readonly RunItem[],
  ): Promise<readonly Awaited<ReturnType<Spine["attach"]>>[]>;
  async function runMany(workflow: string | WorkflowData, items: readonly RunItem[]): Promise<unknown> {
    const handles = await unlessStopped(() => runner.runMany(known(workflow), items));
    return handles.map((handle) => typed(handle));
  }
  // What it returns depends on `dryRun`, which the overloads say.
  const backfill = async (workflow: WorkflowData, options: BackfillOptions<unknown>): Promise<unknown> => {
    const target = known(workflow);
    return await unlessStopped(async () => {
      const plan = await planBackfill({ partitions: stores.partitions, clock }, target, options);
      if (options.dryRun) return plan.items;
      const { key, tags, queue, priority } = options;
      const given = Object.entries({ key, tags, queue, priority }).filter(([, value]) => value !== undefined);
      const start: RunOptions = { ...Object.fromEntries(given), triggeredBy: "backfill" };
      return typed(await runner.run(runnable.get(backfillOf(target.name)), plan.params, start));
    });
  };
  const schedules = schedulesOf({
    ...settling,
    queued,
    run: (workflow, params, how) => runner.run(workflow, params, how),
    changed: () => {
      scheduler.wake();
      stores.hints.tell({ schedules: true });
    },
  });
  const stop = () => {
    stopping ??= stopOnce();
    return stopping;
  };
  const stopOnce = async () => {
    // What is begun is ended first: a worker that registers while the database closes would be one that died.
    await starting?.catch(() => {});
    try {
      if (retention) await within(SWEEP_MS, retention.stop());
      await within(SWEEP_MS, scheduler.stop());
      await runner.stop();
      await alerting.stop();
    } finally {
      isClosed = true;
      await closeAll(database, options.databases);
    }
  };
  /** Whoever asks a Spine that was stopped is told so, not that its database is closed; and so is who asked just before. */
  const unlessStopped = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isClosed) throw stopped();
    try {
      return await work();
    } catch (error) {
      const isOfClosed = SpineError.is(error) && error.code === "DATABASE_UNAVAILABLE" && !error.retryable;
      throw isClosed && isOfClosed ? stopped(error) : error;
    }
  };
  /** The same for each call of a part. */
  const unlessStoppedAll = <T extends object>(part: T): T => {
    const calls = Object.entries(part as Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>);
    const guarded = calls.map(([name, call]) => [
      name,
      (...given: unknown[]) => unlessStopped(() => call(...given)),
    ]);
    return Object.fromEntries(guarded) as T;
  };
  const control = (runId: string, action: Control) =>
    unlessStopped(() => runner.control(checkRunId(runId), action));
  const signal = (runId: string, name: string, payload: unknown, id?: string) =>
    unlessStopped(() => runner.signal(checkRunId(runId), name, payload, id));
  const decide = async (
    runId: string,
    step: string,
    approved: boolean,
    by: Omit<Approval, "approved"> = {},
  ) => {
    checkApproval(by);
    await signal(runId, step, { approved, ...by });
  };
  return {
    database,
    history: stores.history,
    datasets: stores.datasets,
    partitions: partitionsOf(stores.partitions, clock),
    manifest: (domain, stages) => new WorkManifest({ store: stores.manifest, domain, stages }),
    lineage: lineageOf(stores.lineage, stores.history),
    cursors: cursorsOf(stores.cursors),
    rejects: rejectsOf(stores.rejects, async (runId, how) =>
      typed(await unlessStopped(() => runner.redrive(checkRunId(runId), how))),
    ),
    statistics: stores.statistics,
    logs: stores.logs,
    queues: queuesOf(stores.queues, () => {
      runner.wake();
      stores.hints.tell({ work: true });
    }),
    schedules: unlessStoppedAll({
      ...schedules,
      trigger: async (name, how) => typed(await schedules.trigger(name, how)),
    } satisfies Spine["schedules"]),
    quality: stores.quality,
    alerts: alerting.alerts,
    alertChannels,
    workflows,
    run,
    runMany,
    backfill: backfill as Spine["backfill"],
    read: (dataset, reading) => readRows(stores.datasets, dataset, reading),
    withRows: (tables, work) => unlessStopped(() => stores.datasets.withRows(tables, work)),
    get: (runId) => unlessStopped(() => runner.get(checkRunId(runId))),
    cancel: (runId) => control(runId, "cancel"),
    pause: (runId) => control(runId, "pause"),
    resume: (runId) => control(runId, "resume"),
    retry: async (runId) => {
      await control(runId, "retry");
      return typed(await runner.attach(runId));
    },
    rerun: async (runId, how = {}) => typed(await unlessStopped(() => runner.rerun(checkRunId(runId), how))),
    controlAll: (filter, action, bulk) => unlessStopped(() => runner.controlAll(filter, action, bulk)),
    signal: async (runId, name, payload, options = {}) => {
      checkSignalOptions(options);
      await signal(runId, name, payload, options.id);
    },
    approve: (runId, step, by) => decide(runId, step, true, by),
    reject: (runId, step, by) => decide(runId, step, false, by),
    attach: async (runId) => typed(await unlessStopped(() => runner.attach(checkRunId(runId)))),
    source: (name) => sources.get(name),
    on: (name, listener) => events.on(name, listener),
    diagnose: () =>
      diagnose({
        database,
        stores,
        workflows: runnable.names(),
        pinned: new KnownWorkflows(runnable).known.pinned,
        clock,
        working: runner.working,
        unattended: () => runner.unattended(),
      }),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** How long a stop waits for the batch of old runs that is being removed. */
const SWEEP_MS = 2_000;

function stopped(cause?: unknown): SpineError {
  return new SpineError("STOPPED", "This Spine has been stopped. Create a new one to go on.", { cause });
}

/** Targets exist from the start, so that they can be queried before their first load. */
async function ensureTables(database: Database, workflow: WorkflowData): Promise<void> {
  for (const step of everyStep(workflow.steps))
    if ((step.kind === "load" && step.database == null) || step.kind === "ingest")
      await database.ensureTable(step.into);
}

/** All are closed, whatever becomes of one. */
async function closeAll(database: Database, others: Readonly<Record<string, Database>> = {}): Promise<void> {
  const closed = await Promise.allSettled([...Object.values(others), database].map((one) => one.close()));
  for (const one of closed) if (one.status === "rejected") throw one.reason;
}

async function* readRows<R extends object>(
  datasets: DatasetStore,
  { dataset }: DatasetRef<R>,
  options?: { readonly signal?: AbortSignal },
): AsyncGenerator<readonly R[]> {
  // The types are those of the step that made them.
  for await (const { rows } of datasets.read(dataset, options)) yield rows as readonly R[];
}
