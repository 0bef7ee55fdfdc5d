import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { ownCpu, serverCpu } from "../harness/cpu.ts";
import { eachInFlight } from "../harness/each-in-flight.ts";
import type { Measurement } from "../harness/measurement.ts";
import { statementsOf } from "../harness/server-statistics.ts";
import type { Figures } from "../harness/statistics.ts";
import type { Session, System } from "../harness/system.ts";

const STEPS = 5;
/** Warm-up runs for each measured one. */
const WARM_UP = 0.1;

/** W2, throughput: `runs` runs of five steps that do nothing, `inFlight` at a time, in one process. */
export async function measureThroughput(system: System, measurement: Measurement): Promise<Figures> {
  const { database, durability, sizes, postmaster } = measurement;
  const { runs = 0, inFlight = 1 } = sizes;
  const session = await system.open({ database, durability, inFlight, steps: STEPS });
  try {
    const warmUp = Math.max(inFlight, Math.ceil(runs * WARM_UP));
    await work(session, 0, warmUp, inFlight);

    const loop = monitorEventLoopDelay({ resolution: 1 });
    const statements = await statementsOf(system, database);
    const before = { own: ownCpu(), server: postmaster === null ? 0 : serverCpu(postmaster) };
    loop.enable();
    const start = performance.now();
    await work(session, warmUp, runs, inFlight);
    const seconds = (performance.now() - start) / 1_000;
    loop.disable();
    const nodeCpu = ownCpu() - before.own;
    const databaseCpu = postmaster === null ? 0 : serverCpu(postmaster) - before.server;
    return {
      runsPerSecond: runs / seconds,
      seconds,
      cpuMsPerRun: ((nodeCpu + databaseCpu) / runs) * 1_000,
      nodeCpuMsPerRun: (nodeCpu / runs) * 1_000,
      loopDelayP99: loop.percentile(99) / 1e6,
      loopDelayMax: loop.max / 1e6,
      rssMb: process.resourceUsage().maxRSS / 1_024,
      ...(statements ? { roundTripsPerStep: (await statements()) / (runs * STEPS) } : {}),
    };
  } finally {
    await session.close();
  }
}

/** Does the runs, and waits until the database has them all as completed. */
async function work(session: Session, before: number, runs: number, inFlight: number): Promise<void> {
  await eachInFlight(runs, inFlight, (index) => (session.drive ?? session.run).call(session, before + index));
  while ((await session.completed()) < before + runs) await delay(1);
}
