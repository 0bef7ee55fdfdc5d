import { setTimeout as delay } from "node:timers/promises";
import { forkWorker, type WorkerProcess } from "../harness/fork-worker.ts";
import type { Measurement } from "../harness/measurement.ts";
import type { Figures } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";

const WORKER = new URL("queue-worker.ts", import.meta.url);
/** How often is looked whether all is done; the query costs a part of what is measured. */
const LOOK_MS = 25;

/** W3, burst: `runs` runs of one step, stored by one process, then drained by `workers` others, `inFlight` each. */
export async function measureBurst(system: System, measurement: Measurement): Promise<Figures> {
  const { database, durability, sizes } = measurement;
  const { runs = 0, workers = 2, inFlight = 25 } = sizes;
  if (!system.queue) throw new Error(`${system.name} is no queue.`);
  const environment = { database, durability, inFlight, steps: 1 };
  const session = await system.queue(environment);
  const ids = Array.from({ length: runs }, (_, id) => id);
  const done = async (count: number) => {
    while ((await session.completed()) < count) await delay(LOOK_MS);
  };
  try {
    const processes: WorkerProcess[] = [];
    // One after the other: a floor does a run of its own in order to learn what it has to write.
    while (processes.length < workers) {
      processes.push(await forkWorker(WORKER, { system: system.name, ...environment }));
    }
    const before = performance.now();
    await session.enqueue(ids);
    const enqueueSeconds = (performance.now() - before) / 1_000;
    const start = performance.now();
    await Promise.all(processes.map((process) => process.ask("work")));
    await done(runs);
    const drainSeconds = (performance.now() - start) / 1_000;
    await Promise.all(processes.map((process) => process.kill()));
    return {
      enqueuePerSecond: runs / enqueueSeconds,
      drainPerSecond: runs / drainSeconds,
      drainSeconds,
    };
  } finally {
    await session.close();
  }
}
