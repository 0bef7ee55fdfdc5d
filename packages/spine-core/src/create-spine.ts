import { alertingOf } from "./alerting/start-alerting.ts";
import { alertSettings } from "./alerts/alert-options.ts";
import { systemClock, within } from "./clock.ts";
import type { DatasetRef, DatasetStore } from "./data/dataset.ts";
import type { Database } from "./database/database.ts";
import { diagnose } from "./diagnose.ts";
import { SpineError } from "./errors.ts";
import { Events } from "./events.ts";
import { EncodedHistory } from "./history/encoded-history.ts";
import { jsonLogger } from "./logger.ts";
import { type BackfillOptions, planBackfill } from "./partitions/backfill.ts";
import { backfillOf } from "./partitions/backfill-flow.ts";
import { lineageOf } from "./partitions/lineage.ts";
import { partitionsOf } from "./partitions/partitions.ts";
import { RunnableWorkflows } from "./partitions/runnable-workflows.ts";
import { WorkManifest } from "./partitions/work-manifest.ts";
import { checkApproval, checkRunId, checkSignalOptions, checkWorkflow } from "./runner/check-start.ts";
import { cursorsOf } from "./runner/cursors.ts";
import { DurableRunner } from "./runner/durable-runner.ts";
import { KnownWorkflows } from "./runner/known-workflows.ts";
import { queuesOf } from "./runner/queues.ts";
import { rejectsOf } from "./runner/rejects.ts";
import { Retention } from "./runner/retention.ts";
import type { Control, RunHandle, RunItem, RunOptions } from "./runner/runner.ts";
import { calendarsOf } from "./scheduler/calendars.ts";
import { checkDeclarations, declareSchedules } from "./scheduler/declared-schedules.ts";
import { EncodedSchedules } from "./scheduler/encoded-schedules.ts";
import { Scheduler } from "./scheduler/scheduler.ts";
import { schedulesOf } from "./scheduler/schedules.ts";
import { environmentSecrets } from "./secret.ts";
import type { Run, Spine, SpineOptions } from "./spine.ts";
import { addWorkflow, checkSpineOptions, declarationsOf, registriesOf } from "./spine-options.ts";
import type { Final } from "./workflow/builder-options.ts";
import type { Approval } from "./workflow/composite-steps.ts";
import { everyStep } from "./workflow/step-paths.ts";
import type { Workflow, WorkflowData } from "./workflow/workflow.ts";

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
    retention: options.retention ?? null,
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
