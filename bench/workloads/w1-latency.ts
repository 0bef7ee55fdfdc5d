import type { Measurement } from "../harness/measurement.ts";
import { type Figures, percentile } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import { WARM_IN_FLIGHT, warmUp } from "../harness/warm-up.ts";

/** W1, latency: runs of one trivial step, one after another, from the start to the durable result. */
export async function measureLatency(
  system: System,
  { database, durability, sizes }: Measurement,
): Promise<Figures> {
  const { runs = 0 } = sizes;
  const session = await system.open({ database, durability, steps: 1, inFlight: WARM_IN_FLIGHT });
  try {
    const before = await warmUp(1, (id) => session.run(id));
    const times: number[] = [];
    for (let id = 0; id < runs; id += 1) {
      const start = performance.now();
      await session.run(before + id);
      times.push(performance.now() - start);
    }
    return { p50: percentile(times, 50), p99: percentile(times, 99), runs };
  } finally {
    await session.close();
  }
}
