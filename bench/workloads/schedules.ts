import { setTimeout as delay } from "node:timers/promises";
import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import type { Measurement } from "../harness/measurement.ts";
import { statementsOf } from "../harness/server-statistics.ts";
import { type Figures, percentile } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import { spineDatabase } from "../systems/spine.ts";

const flow = defineWorkflow({ name: "bench.tick" }).step("note", () => null);
/** Between two ticks of a schedule; those of all are spread over its seconds. */
const EVERY_S = 10;
/** After the last schedule was made, and before the first tick. */
const SETTLE_MS = 2_000;

/**
 * `schedules` schedules of one process: how late their ticks begin (from when one is due until it is recorded, by the database's clock), and
 * how many statements a second it takes to wait for them.
 */
export async function measureSchedules(system: System, measurement: Measurement): Promise<Figures> {
  const { schedules = 1_000, seconds = 20, idleSeconds = 10 } = measurement.sizes;
  const spine = await createSpine({
    database: spineDatabase(system.database, measurement),
    workflows: [flow],
    logger: silentLogger,
  });
  try {
    const making = performance.now();
    const names = Array.from({ length: schedules }, (_, index) => `s${index}`);
    // They are made long before their first tick, whenever that will be.
    const far = Date.now() + 3_600_000;
    for (const [index, name] of names.entries()) {
      const startAt = new Date(far + (index % EVERY_S) * 1_000);
      await spine.schedules.create({ name, workflow: flow, every: `${EVERY_S}s`, overlap: "allow", startAt });
    }
    const makeMs = (performance.now() - making) / schedules;
    await delay(SETTLE_MS);
    const statements = await statementsOf(system, measurement.database);
    await delay(idleSeconds * 1_000);
    const idle = statements ? (await statements()) / idleSeconds : undefined;

    const first = Math.ceil(Date.now() / 1_000) * 1_000 + 15_000 + schedules * makeMs * 3;
    for (const [index, name] of names.entries()) {
      const startAt = new Date(first + (index % EVERY_S) * 1_000);
      await spine.schedules.update(name, { startAt, endAt: new Date(first + seconds * 1_000) });
    }
    await delay(first + (seconds + 5) * 1_000 - Date.now());
    const late: number[] = [];
    for (const name of names) {
      for (const tick of await spine.schedules.ticks(name))
        late.push(Date.parse(tick.recordedAt) - Date.parse(tick.scheduledAt));
    }
    return {
      schedules,
      ticks: late.length,
      makeMs,
      lateP50: percentile(late, 50),
      lateP99: percentile(late, 99),
      lateMax: Math.max(...late),
      ...(idle === undefined ? {} : { idleStatementsPerSecond: idle }),
    };
  } finally {
    await spine.stop();
  }
}
