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
/** When memory is looked at, in milliseconds after runs began to be stored that wait for 20 seconds and more. */
const WAITING_MS = 18_000;

/** Two processes of Spine on one database: one that only starts runs, one that works. */
async function pair(system: System, { database, durability }: Measurement, inFlight: number) {
  const options: Omit<SpineProcess, "worker"> = { kind: system.database, database, durability, inFlight };
  const worker = await forkWorker(await builtProcess(SOURCE), { ...options, worker: true });
  await worker.ask({ command: "open" });
  const starter = await forkWorker(await builtProcess(SOURCE), { ...options, worker: false });
  await starter.ask({ command: "open" });
  return { worker, starter };
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
  const worker = await forkWorker(await builtProcess(SOURCE), {
    kind: system.database,
    database: measurement.database,
    durability: measurement.durability,
    inFlight: 10,
    worker: true,
  } satisfies SpineProcess);
  try {
    await worker.ask({ command: "open" });
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

/** `runs` runs that wait for a time: resident memory of the process that works on them while they do, and how late they go on. */
export async function measureWaiting(system: System, measurement: Measurement): Promise<Figures> {
  const { runs = 10_000 } = measurement.sizes;
  const { worker, starter } = await pair(system, measurement, 50);
  try {
    const sleeping = starter.ask({ command: "sleep", count: runs });
    // All of them wait by then, and none is due.
    await delay(WAITING_MS);
    const rssMb = (await worker.ask({ command: "memory" })) as number;
    const late = (await sleeping) as number[];
    return {
      rssMb,
      lateP50: percentile(late, 50),
      lateP99: percentile(late, 99),
      lateMax: Math.max(...late),
    };
  } finally {
    await starter.kill();
    await worker.kill();
  }
}
