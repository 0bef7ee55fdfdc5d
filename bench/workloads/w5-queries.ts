import { createSpine, type RunQuery, type Spine, silentLogger } from "spine-core";
import type { Measurement } from "../harness/measurement.ts";
import { rowsReadOf } from "../harness/server-statistics.ts";
import { type Figures, percentile } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import { spineDatabase } from "../systems/spine.ts";
import { SEEDED_WORKFLOWS, seedRuns, weekOf } from "./seed-runs.ts";

const WARM_UP = 50;
/** Queries whose rows are counted. */
const COUNTED = 20;

type Query = (ids: readonly string[], index: number) => RunQuery;

/** Pages of 50, as a user interface asks for them; where it can, each call asks for another place. */
const QUERIES: Readonly<Record<string, Query>> = {
  newest: () => ({}),
  byStatus: () => ({ status: ["FAILED"] }),
  byStatuses: () => ({ status: ["FAILED", "COMPLETED"] }),
  byWorkflow: (_ids, index) => ({ workflow: SEEDED_WORKFLOWS[index % SEEDED_WORKFLOWS.length] ?? "" }),
  byWorkflowAndStatus: () => ({ workflow: SEEDED_WORKFLOWS[1], status: ["FAILED"] }),
  byPartition: (_ids, index) => ({ partition: { week: weekOf(index * 7) } }),
};

/** W5, queries on a history of `runs` runs, beside a get by primary key in the same process. */
export async function measureQueries(system: System, measurement: Measurement): Promise<Figures> {
  const { runs = 0, queries = 0 } = measurement.sizes;
  const seeding = await openSpine(system, measurement);
  const ids = await seedRuns(seeding.history, runs);
  await seeding.stop();

  const figures: Record<string, number> = { runs };
  const spine = await openSpine(system, measurement);
  const somewhere = (index: number) => ids[(index * 7_919) % ids.length] ?? "";
  const get = await timesOf(queries, (index) => spine.history.get(somewhere(index)));
  figures.getP50 = percentile(get, 50);
  figures.getP99 = percentile(get, 99);
  for (const [name, query] of Object.entries(QUERIES)) {
    const times = await timesOf(queries, (index) => spine.history.list(query(ids, index)));
    figures[`${name}P50`] = percentile(times, 50);
    figures[`${name}P99`] = percentile(times, 99);
  }
  await spine.stop();
  const listed = Object.keys(QUERIES).map((name) => figures[`${name}P99`] ?? Number.NaN);
  figures.worstP99 = Math.max(...listed);
  figures.worstVsGet = figures.worstP99 / figures.getP99;

  for (const [name, query] of Object.entries(QUERIES)) {
    const read = await rowsReadOf(system, measurement.database, "workflow_runs", async () => {
      const counting = await openSpine(system, measurement);
      let returned = 0;
      for (let index = 0; index < COUNTED; index += 1) {
        returned += (await counting.history.list(query(ids, index))).items.length;
      }
      await counting.stop();
      return returned;
    });
    if (read !== undefined) figures[`${name}RowsRead`] = read;
  }
  return figures;
}

function openSpine(system: System, { database, durability }: Measurement): Promise<Spine> {
  return createSpine({
    database: spineDatabase(system.database, { database, durability }),
    worker: false,
    logger: silentLogger,
  });
}

async function timesOf(count: number, query: (index: number) => Promise<unknown>): Promise<number[]> {
  for (let index = 0; index < WARM_UP; index += 1) await query(index);
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const start = performance.now();
    await query(WARM_UP + index);
    times.push(performance.now() - start);
  }
  return times;
}
