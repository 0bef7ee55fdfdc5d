import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { ownCpu, serverCpu } from "../harness/cpu.ts";
import { eachInFlight } from "../harness/each-in-flight.ts";
import type { Measurement } from "../harness/measurement.ts";
import { statementsOf } from "../harness/server-statistics.ts";
import type { Figures } from "../harness/statistics.ts";
import type { Session, System } from "../harness/system.ts";
import { WARM_IN_FLIGHT, warmUp } from "../harness/warm-up.ts";

const STEPS = 5;

/** W2, throughput: `runs` runs of five steps that do nothing, `inFlight` at a time, in one process. */
export async function measureThroughput(system: System, measurement: Measurement): Promise<Figures> {
  const { database, durability, sizes, postmaster } = measurement;
  const { runs = 0, inFlight = 1 } = sizes;
  const session = await system.open({ database, durability, inFlight: WARM_IN_FLIGHT, steps: STEPS });
  try {
    const run = (session.drive ?? session.run).bind(session);
    const before = await warmUp(inFlight, run);
    await untilCompleted(session, before);

    const loop = monitorEventLoopDelay({ resolution: 1 });
    const statements = await statementsOf(system, database);
    const used = { own: ownCpu(), server: postmaster === null ? 0 : serverCpu(postmaster) };
    // Its timer wakes the process every millisecond, which a single run would feel.
    if (inFlight > 1) loop.enable();
    const start = performance.now();
    await eachInFlight(runs, inFlight, (index) => run(before + index));
    await untilCompleted(session, before + runs);
    const seconds = (performance.now() - start) / 1_000;
    loop.disable();
    const nodeCpu = ownCpu() - used.own;
    const databaseCpu = postmaster === null ? 0 : serverCpu(postmaster) - used.server;
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

/** Waits until the database has that many runs as completed. */
async function untilCompleted(session: Session, runs: number): Promise<void> {
  while ((await session.completed()) < runs) await delay(1);
}
