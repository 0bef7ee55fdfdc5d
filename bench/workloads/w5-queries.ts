import { createSpine, type RunQuery, type Spine, silentLogger } from "spine-core";
import type { Measurement } from "../harness/measurement.ts";
import { rowsReadOf } from "../harness/server-statistics.ts";
import { type Figures, median, percentile } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import { spineDatabase } from "../systems/spine.ts";
import { deskOf, SEEDED_DOMAINS, SEEDED_WORKFLOWS, seedRuns, weekOf } from "./seed-runs.ts";

const WARM_UP = 200;
/** Times that each figure is measured: what counts is the median of its percentiles. */
const REPEATS = 5;
/** Queries whose rows are counted. */
const COUNTED = 20;
const DAY_MS = 86_400_000;

type Ask = (index: number) => RunQuery;

const workflow = (index: number) => SEEDED_WORKFLOWS[index % SEEDED_WORKFLOWS.length] ?? "";
const domain = (index: number) => SEEDED_DOMAINS[index % SEEDED_DOMAINS.length] ?? "";
const daysAgo = (days: number) => Date.now() - days * DAY_MS;

/** Pages of 50, as a user interface asks for them; where it can, each call asks for another place. */
const LISTS: Readonly<Record<string, Ask>> = {
  newest: () => ({}),
  byStatus: () => ({ status: ["FAILED"] }),
  byStatuses: () => ({ status: ["FAILED", "COMPLETED"] }),
  byWorkflow: (index) => ({ workflow: workflow(index) }),
  byWorkflowAndStatus: (index) => ({ workflow: workflow(index), status: ["FAILED"] }),
  byDomain: (index) => ({ domain: domain(index) }),
  byPartition: (index) => ({ partition: { week: weekOf(index * 7) } }),
  byTag: (index) => ({ tag: deskOf(index) }),
  byTagAndStatus: (index) => ({ tag: deskOf(index), status: ["FAILED"] }),
  byTime: (index) => ({ since: daysAgo(80 - (index % 70)), until: daysAgo(75 - (index % 70)) }),
  byWorkflowAndTime: (index) => ({ workflow: workflow(index), until: daysAgo(5 + (index % 70)) }),
};

/** What reads more than it returns, by its nature: measured apart, without a goal. */
const LOOKS: Readonly<Record<string, (spine: Spine, index: number) => Promise<unknown>>> = {
  search: (spine) => spine.history.list({ status: ["FAILED"], search: "timed out" }),
  count: (spine, index) => spine.statistics.count({ workflow: workflow(index) }),
  totals: (spine) => spine.statistics.totals({ since: daysAgo(91), cap: 1_000 }),
};

/** W5, queries on a history of `runs` runs, beside a get by primary key in the same process. */
export async function measureQueries(system: System, measurement: Measurement): Promise<Figures> {
  const { runs = 0, queries = 0 } = measurement.sizes;
  const seeding = performance.now();
  const ids = await seedRuns(system, measurement, runs);
  const figures: Record<string, number> = { runs, seedSeconds: (performance.now() - seeding) / 1_000 };

  const spine = await openSpine(system, measurement);
  const asks = new Map<string, (index: number) => Promise<unknown>>([
    ["get", (index) => spine.history.get(ids[(index * 7_919) % ids.length] ?? "")],
    ...Object.entries(LISTS).map(
      ([name, query]) => [name, (index: number) => spine.history.list(query(index))] as const,
    ),
  ]);
  Object.assign(figures, await timesOf(asks, queries));
  const looks = Object.entries(LOOKS).map(
    ([name, ask]) => [name, (index: number) => ask(spine, index)] as const,
  );
  Object.assign(figures, await timesOf(new Map(looks), Math.ceil(queries / 25)));
  await spine.stop();
  const listed = Object.keys(LISTS).map((name) => figures[`${name}P99`] ?? Number.NaN);
  figures.worstP99 = Math.max(...listed);
  figures.worstVsGet = figures.worstP99 / (figures.getP99 ?? Number.NaN);

  for (const [name, query] of Object.entries(LISTS)) {
    const read = await rowsReadOf(system, measurement.database, ["workflow_runs", "run_tags"], async () => {
      const counting = await openSpine(system, measurement);
      let returned = 0;
      for (let index = 0; index < COUNTED; index += 1) {
        returned += (await counting.history.list(query(index))).items.length;
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

/** They take turns, so that whatever else the machine does hits all of them alike. */
async function timesOf(
  asks: ReadonlyMap<string, (index: number) => Promise<unknown>>,
  count: number,
): Promise<Figures> {
  const percentiles = new Map<string, number[]>();
  for (let repeat = 0; repeat <= REPEATS; repeat += 1) {
    const times = new Map([...asks.keys()].map((name) => [name, [] as number[]]));
    for (let index = 0; index < (repeat === 0 ? Math.min(WARM_UP, count) : count); index += 1) {
      for (const [name, ask] of asks) {
        const start = performance.now();
        await ask(repeat * count + index);
        times.get(name)?.push(performance.now() - start);
      }
    }
    if (repeat === 0) continue;
    for (const [name, all] of times) {
      for (const percent of [50, 99]) {
        const figure = `${name}P${percent}`;
        percentiles.set(figure, [...(percentiles.get(figure) ?? []), percentile(all, percent)]);
      }
    }
  }
  return Object.fromEntries([...percentiles].map(([name, values]) => [name, median(values)]));
}
