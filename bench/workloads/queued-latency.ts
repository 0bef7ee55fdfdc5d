import { setTimeout as delay } from "node:timers/promises";
import { builtProcess } from "../harness/built-process.ts";
import { forkWorker } from "../harness/fork-worker.ts";
import type { Measurement } from "../harness/measurement.ts";
import { statementsOf } from "../harness/server-statistics.ts";
import { type Figures, percentile } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import type { SpineProcess } from "./spine-process.ts";

const SOURCE = new URL("spine-process.ts", import.meta.url);
const WARM_UP = 30;
/** When all wait, and how long a process that comes then has to settle; ms after runs began to be stored that wait for 24 seconds and more. */
const WAITING_MS = 18_000;
const SETTLED_MS = 3_000;

/** Two processes of Spine on one database: one that only starts runs, one that works. */
async function pair(system: System, measurement: Measurement, inFlight: number) {
  const worker = await openProcess(system, measurement, { inFlight, worker: true });
  const starter = await openProcess(system, measurement, { inFlight, worker: false });
  return { worker, starter };
}

async function openProcess(
  { database: kind }: System,
  { database, durability }: Measurement,
  options: Pick<SpineProcess, "inFlight" | "worker">,
) {
  const opened = await forkWorker(await builtProcess(SOURCE), {
    kind,
    database,
    durability,
    ...options,
  } satisfies SpineProcess);
  await opened.ask({ command: "open" });
  return opened;
}

/** Latency of queued runs while all is idle: from the start in one process to the step, and to the result, of another, ms. */
export async function measureQueued(system: System, measurement: Measurement): Promise<Figures> {
  const { runs = 100 } = measurement.sizes;
  const { worker, starter } = await pair(system, measurement, 10);
  try {
    await starter.ask({ command: "timeEach", count: WARM_UP });
    const { starts, results } = (await starter.ask({ command: "timeEach", count: runs })) as {
      starts: number[];
      results: number[];
    };
    return {
      startP50: percentile(starts, 50),
      startP99: percentile(starts, 99),
      resultP50: percentile(results, 50),
      resultP99: percentile(results, 99),
    };
  } finally {
    await starter.kill();
    await worker.kill();
  }
}

/** Statements per second of a process that works and has nothing to do (Postgres). */
export async function measureIdle(system: System, measurement: Measurement): Promise<Figures> {
  const { seconds = 10 } = measurement.sizes;
  const worker = await openProcess(system, measurement, { inFlight: 10, worker: true });
  try {
    await delay(2_000);
    const statements = await statementsOf(system, measurement.database);
    await delay(seconds * 1_000);
    return { statementsPerSecond: statements ? (await statements()) / seconds : 0 };
  } finally {
    await worker.kill();
  }
}

/** W9, fan-out: `runs` runs started at once by a process that does not work, until it has all results; ms. */
export async function measureFanOut(system: System, measurement: Measurement): Promise<Figures> {
  const { runs = 1_000, inFlight = 100 } = measurement.sizes;
  const { worker, starter } = await pair(system, measurement, inFlight);
  try {
    await starter.ask({ command: "fanOut", count: inFlight });
    const ms = (await starter.ask({ command: "fanOut", count: runs })) as number;
    return { ms, runsPerSecond: (runs / ms) * 1_000 };
  } finally {
    await starter.kill();
    await worker.kill();
  }
}

/** Resident memory of a process that works, with `runs` runs queued for later and a tenth as many that it has let wait. */
export async function measureMemory(system: System, measurement: Measurement): Promise<Figures> {
  const { runs = 10_000 } = measurement.sizes;
  const { worker, starter } = await pair(system, measurement, 50);
  try {
    await starter.ask({ command: "queueAndWait", count: runs });
    return { rssMb: (await worker.ask({ command: "memory" })) as number };
  } finally {
    await starter.kill();
    await worker.kill();
  }
}

/**
 * `runs` runs that wait for a time: resident memory of a process that looks after them while they do, and how late they go on. The
 * process that had them wait has worked hard just before, and the runtime gives back what that took only when somebody needs it: its
 * memory (`afterWorkRssMb`) says what 10,000 runs in a few seconds take, not what waiting takes, which is that of a process that comes then.
 */
export async function measureWaiting(system: System, measurement: Measurement): Promise<Figures> {
  const { runs = 10_000 } = measurement.sizes;
  const { worker: first, starter } = await pair(system, measurement, 50);
  let worker = first;
  try {
    const sleeping = starter.ask({ command: "sleep", count: runs });
    // All of them wait by then, and none is due.
    await delay(WAITING_MS);
    const afterWorkRssMb = (await worker.ask({ command: "memory" })) as number;
    await worker.kill();
    worker = await openProcess(system, measurement, { inFlight: 50, worker: true });
    await delay(SETTLED_MS);
    const rssMb = (await worker.ask({ command: "memory" })) as number;
    const late = (await sleeping) as number[];
    return {
      rssMb,
      afterWorkRssMb,
      lateP50: percentile(late, 50),
      lateP99: percentile(late, 99),
      lateMax: Math.max(...late),
    };
  } finally {
    await starter.kill();
    await worker.kill();
  }
}
