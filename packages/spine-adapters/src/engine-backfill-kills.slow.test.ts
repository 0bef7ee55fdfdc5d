// kill -9 of the processes that work on a backfill of 52 weeks of three tiers, twenty times at random moments: what is in the table in the
// end is what an undisturbed backfill loads, and nothing that was done is done again.
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { type BackfillReport, createSpine, type Spine, silentLogger } from "spine-core";
import { seeded } from "spine-core/testing";
import { beforeAll, expect, test } from "vitest";
import { backfilledTrades, ingestTrades, paramsOf, weeksOf } from "./testing/backfill-flow.ts";
import { memory, PLACES } from "./testing/places.ts";

const PROCESS = join(import.meta.dirname, "testing/backfill-process.ts");
const KILLS = 20;
/** Of about 4,000 moments of the whole backfill. */
const LAST_MOMENT = 160;
const weeks = weeksOf(["T1", "T2", "OTCE"], 52);
const options = { partitions: weeks, select: "missing", params: paramsOf, concurrency: 4 } as const;

/** Hash over the rows, without the ids and times of their loads. */
async function contentOf({ database }: Spine): Promise<string> {
  const rows = await database.kysely
    .selectFrom(backfilledTrades.name)
    .select(["week_start", "tier", "symbol", "shares"])
    .orderBy("week_start")
    .orderBy("tier")
    .orderBy("symbol")
    .execute();
  expect(rows).toHaveLength(52 * 3 * 3);
  return createHash("sha256").update(JSON.stringify(rows)).digest("hex");
}

let undisturbed = "";
beforeAll(async () => {
  const place = await memory();
  const spine = await createSpine({
    database: place.database(),
    workflows: [ingestTrades],
    logger: silentLogger,
  });
  await (await spine.backfill(ingestTrades, options)).result();
  undisturbed = await contentOf(spine);
  await spine.stop();
});

// On SQLite, where the end of a process is noticed at once; what tells a dead worker on Postgres has tests of its own.
test.each(PLACES.filter(([name]) => name === "SQLite"))(
  `%s: ${KILLS} processes that work on it are killed: the table is the same, and each partition was loaded once`,
  async (name, open) => {
    const place = await open();
    const start = (worker: boolean) =>
      createSpine({
        database: place.database(),
        workflows: [ingestTrades],
        logger: silentLogger,
        worker,
        maxCrashes: 1_000,
      });
    const first = await start(false);
    const { id } = await first.backfill(ingestTrades, options);
    await first.stop();

    const random = seeded(name.length);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const moment = 1 + Math.floor(random() * LAST_MOMENT);
      const child = fork(PROCESS, [id, String(moment), ...place.address], {
        execArgv: ["--conditions=spine-source", "--no-warnings"],
      });
      expect(await once(child, "exit"), `kill ${kill} at ${moment}`).toEqual([null, "SIGKILL"]);
    }

    const spine = await start(true);
    const { outputs } = await (await spine.attach(id)).result();
    const report = outputs.report as BackfillReport;
    expect(report.partitions.filter(({ error }) => error !== null)).toEqual([]);
    expect(report).toMatchObject({ loaded: 156, skipped: 0, failed: 0 });
    expect(await contentOf(spine)).toBe(undisturbed);

    const children: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await spine.history.list({ parentRunId: id, limit: 200, ...(cursor ? { cursor } : {}) });
      children.push(...page.items.map(({ runId }) => runId));
      cursor = page.nextCursor;
    }
    expect(children).toHaveLength(156);
    const loads = (await spine.partitions.list(backfilledTrades.name)).map(({ runId }) => runId);
    expect(loads.toSorted()).toEqual(children.toSorted());
    for (const runId of [id, ...children]) {
      const { steps } = await spine.get(runId);
      const done = steps.filter(({ status }) => status === "COMPLETED").map((step) => step.name);
      expect(done, runId).toHaveLength(new Set(done).size);
    }
    await spine.stop();
    place.remove();
  },
  400_000,
);
