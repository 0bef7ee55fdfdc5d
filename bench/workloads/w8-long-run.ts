import type { Measurement } from "../harness/measurement.ts";
import { type Figures, median } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import { onEachStep } from "../systems/bench-workflow.ts";

/** The share of the steps that are compared: the first tenth, after a warm-up, and the last. */
const SHARE = 0.1;

/** W8, one long run: whether a step at its end takes longer than one at its start. */
export async function measureLongRun(
  system: System,
  { database, durability, sizes }: Measurement,
): Promise<Figures> {
  const { steps = 0 } = sizes;
  const warmUp = await system.open({ database, durability, steps: Math.ceil(steps * SHARE), inFlight: 1 });
  await warmUp.run(0);
  await warmUp.close();

  const session = await system.open({ database, durability, steps, inFlight: 1 });
  try {
    const begun: number[] = [];
    onEachStep(() => begun.push(performance.now()));
    const start = performance.now();
    await session.run(1);
    const seconds = (performance.now() - start) / 1_000;
    const times = begun.slice(1).map((time, index) => time - (begun[index] ?? time));
    const part = Math.ceil(steps * SHARE);
    const [first, last] = [median(times.slice(0, part)), median(times.slice(-part))];
    return { ratio: last / first, firstMs: first, lastMs: last, seconds, steps };
  } finally {
    await session.close();
  }
}
