import { countCommits } from "../harness/count-commits.ts";
import { eachInFlight } from "../harness/each-in-flight.ts";
import type { Measurement } from "../harness/measurement.ts";
import type { Figures } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";

const STEPS = 5;

/** Database commits per step on SQLite, at W2's shape. Counted, not timed. */
export async function measureCommits(
  system: System,
  { database, durability, sizes }: Measurement,
): Promise<Figures> {
  const { runs = 0, inFlight = 1 } = sizes;
  const commits = countCommits();
  const session = await system.open({ database, durability, steps: STEPS, inFlight });
  try {
    const before = commits();
    await eachInFlight(runs, inFlight, (id) => (session.drive ?? session.run).call(session, id));
    return { commitsPerStep: (commits() - before) / (runs * STEPS), runs };
  } finally {
    await session.close();
  }
}
