// A process with a Spine of its own, which the workloads over several processes start, tell what to do, and kill.
import { appendFileSync } from "node:fs";
import { createSpine, defineWorkflow, type Spine, silentLogger, TransientError } from "spine-core";
import { z } from "zod";
import { serveAsWorker } from "../harness/fork-worker.ts";
import type { Environment, System } from "../harness/system.ts";
import { spineDatabase } from "../systems/spine.ts";

export interface SpineProcess extends Pick<Environment, "database" | "durability" | "inFlight"> {
  readonly kind: System["database"];
  /** Takes part in the work, or only starts runs and waits for them. */
  readonly worker: boolean;
  /** The step of `heldRuns` in which this process stays for ever. */
  readonly holdsAt?: number;
  /** Where each begin of a step is written down. */
  readonly ledger?: string;
}

const options = JSON.parse(process.argv[2] ?? "{}") as SpineProcess;
const STEPS = 5;
/** How long runs that wait have to be stored, begun and let go of before the first of them is due. */
const SETTLE_MS = 24_000;
const SPREAD_MS = 10_000;

/** Runs of five steps, each written down as it begins. */
const held = Array.from({ length: STEPS }, (_, step) => step).reduce<WorkflowOf>(
  (workflow, step) =>
    workflow.step(`s${step}`, async ({ params }) => {
      if (options.ledger) appendFileSync(options.ledger, `${(params as { id: number }).id} ${step}\n`);
      if (step === options.holdsAt) await new Promise(() => {});
      return step;
    }) as unknown as WorkflowOf,
  defineWorkflow({ name: "bench.held", params: z.object({ id: z.number() }) }) as unknown as WorkflowOf,
);
interface WorkflowOf {
  step(name: string, body: (context: { readonly params: unknown }) => unknown): WorkflowOf;
}

/** Says when its step began, in milliseconds since the epoch. */
const timed = defineWorkflow({ name: "bench.timed" }).step("now", () => ({ at: now() }));
/** Waits for an hour after its first attempt. */
const waiting = defineWorkflow({ name: "bench.waiting" }).step(
  "later",
  () => {
    throw new TransientError("not yet");
  },
  { retry: { attempts: 3, delay: "1h" } },
);

/** Waits until a time that it is given, and says how much later it went on, ms. */
const sleeping = defineWorkflow({ name: "bench.sleeping", params: z.object({ until: z.number() }) })
  .wait("sleep", { until: ({ params }) => new Date(params.until) })
  .step("late", ({ params }) => now() - params.until);

function now(): number {
  return performance.timeOrigin + performance.now();
}

let spine: Spine | undefined;

/** What can be asked for, by name. */
const COMMANDS: Readonly<Record<string, (spine: Spine, count: number) => Promise<unknown>>> = {
  /** Opens Spine, and begins to work where it is a worker. */
  open: async () => null,
  /** Starts runs of `bench.held`. */
  async startHeld(on, count) {
    await on.runMany(
      "bench.held",
      Array.from({ length: count }, (_, id) => ({ params: { id } })),
    );
  },
  /** Starts so many runs one after another; how long each took to its step, and to its result. */
  async timeEach(on, count) {
    const starts: number[] = [];
    const results: number[] = [];
    for (let n = 0; n < count; n += 1) {
      // Idle in between, as a host that starts a run now and then.
      await new Promise((resolve) => setTimeout(resolve, 20));
      const before = now();
      const run = await on.run(timed, {});
      const { outputs } = await run.result();
      results.push(now() - before);
      starts.push(outputs.now.at - before);
    }
    return { starts, results };
  },
  /** Starts so many runs at once and waits for all of them; milliseconds. */
  async fanOut(on, count) {
    const before = now();
    const runs = await on.runMany(
      timed,
      Array.from({ length: count }, () => ({ params: {} })),
    );
    await Promise.all(runs.map((run) => run.result()));
    return now() - before;
  },
  /** Has runs queued for later, and a tenth as many that another process works on until they wait. */
  async queueAndWait(on, count) {
    await on.runMany(
      timed,
      Array.from({ length: count }, () => ({ params: {}, delay: "1d" })),
    );
    const runs = await on.runMany(
      waiting,
      Array.from({ length: count / 10 }, () => ({ params: {} })),
    );
    for (const { id } of runs) {
      while ((await on.get(id)).run.status !== "WAITING")
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },
  /** Has so many runs wait, whose times are spread over ten seconds; how late each went on, once all have. */
  async sleep(on, count) {
    const first = now() + SETTLE_MS;
    const until = (n: number) => first + (n / count) * SPREAD_MS;
    const runs = await on.runMany(
      sleeping,
      Array.from({ length: count }, (_, n) => ({ params: { until: until(n) } })),
    );
    const late: number[] = [];
    for (const run of runs) late.push((await run.result()).outputs.late);
    return late;
  },
  /** Resident megabytes. */
  memory: async () => process.memoryUsage().rss / 2 ** 20,
  close: (on) => on.stop(),
};

serveAsWorker(async (message) => {
  const { command, count = 0 } = message as { command: string; count?: number };
  spine ??= await createSpine({
    database: spineDatabase(options.kind, options),
    workflows: [held as never, timed, waiting, sleeping],
    concurrency: options.inFlight,
    worker: options.worker,
    logger: silentLogger,
  });
  return await COMMANDS[command]?.(spine, count);
});
