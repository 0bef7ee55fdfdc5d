// kill -9 of the processes that work on a backfill of 52 weeks of three tiers, twenty times at random moments: what is in the table in the
// end is what an undisturbed backfill loads, and nothing that was done is done again.
//
// On Postgres a partition takes ten times as long as on SQLite, most of it in the server: unless all is asked for (SPINE_EVERY_DEATH=1, or
// `npm run proof -- --backfills`), it is a backfill of twelve weeks there.
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type BackfillReport, createSpine, type Spine, silentLogger } from "spine-core";
import { seeded } from "spine-core/testing";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { bundleProcess } from "../../../tools/bundle-process.ts";
import { backfilledTrades, ingestTrades, paramsOf, weeksOf } from "./testing/backfill-flow.ts";
import { memory, PLACES } from "./testing/places.ts";
import { temporaryDirectory } from "./testing/sqlite-harness.ts";

interface Size {
  readonly weeks: number;
  readonly kills: number;
  /** The latest moment at which a process dies, of about 25 for each partition. */
  readonly lastMoment: number;
}

const TIERS = ["T1", "T2", "OTCE"];
const WHOLE: Size = { weeks: 52, kills: 20, lastMoment: 160 };
const FEW: Size = { weeks: 12, kills: 8, lastMoment: 100 };
const sizeOn = (name: string) =>
  name === "Postgres" && process.env.SPINE_EVERY_DEATH === undefined ? FEW : WHOLE;

let folder = "";
let script = "";
beforeAll(async () => {
  folder = temporaryDirectory();
  script = await bundleProcess(join(import.meta.dirname, "testing/backfill-process.ts"), folder);
  return () => rmSync(folder, { recursive: true, force: true });
});

const optionsOf = ({ weeks }: Size) =>
  ({ partitions: weeksOf(TIERS, weeks), select: "missing", params: paramsOf, concurrency: 4 }) as const;

/** Hash over the rows, without the ids and times of their loads. */
async function contentOf({ database }: Spine, { weeks }: Size): Promise<string> {
  const rows = await database.kysely
    .selectFrom(backfilledTrades.name)
    .select(["week_start", "tier", "symbol", "shares"])
    .orderBy("week_start")
    .orderBy("tier")
    .orderBy("symbol")
    .execute();
  expect(rows).toHaveLength(weeks * TIERS.length * 3);
  return createHash("sha256").update(JSON.stringify(rows)).digest("hex");
}

/** What an undisturbed backfill loads; where it does so makes no difference. */
async function undisturbed(size: Size): Promise<string> {
  const place = await memory();
  const database = place.database();
  const spine = await createSpine({ database, workflows: [ingestTrades], logger: silentLogger });
  await (await spine.backfill(ingestTrades, optionsOf(size))).result();
  const content = await contentOf(spine, size);
  await spine.stop();
  return content;
}

const CASES = PLACES.map(([name, open]) => [name, sizeOn(name).kills, open] as const);

test.each(CASES)(
  "%s: %i processes that work on it are killed: the table is the same, and each partition was loaded once",
  async (name, kills, open) => {
    const size = sizeOn(name);
    const partitions = size.weeks * TIERS.length;
    const expected = await undisturbed(size);
    const place = await open();
    onTestFinished(() => place.remove());
    const start = (worker: boolean) =>
      createSpine({
        database: place.database(),
        workflows: [ingestTrades],
        logger: silentLogger,
        worker,
        maxCrashes: 1_000,
      });
    const first = await start(false);
    const { id } = await first.backfill(ingestTrades, optionsOf(size));
    await first.stop();

    const random = seeded(name.length);
    for (let kill = 0; kill < kills; kill += 1) {
      const moment = 1 + Math.floor(random() * size.lastMoment);
      const child = fork(script, [id, String(moment), ...place.address], { execArgv: ["--no-warnings"] });
      expect(await once(child, "exit"), `kill ${kill} at ${moment}`).toEqual([null, "SIGKILL"]);
    }

    const spine = await start(true);
    onTestFinished(() => spine.stop());
    const { outputs } = await (await spine.attach(id)).result();
    const report = outputs.report as BackfillReport;
    expect(report.partitions.filter(({ error }) => error !== null)).toEqual([]);
    expect(report).toMatchObject({ loaded: partitions, skipped: 0, failed: 0 });
    expect(await contentOf(spine, size)).toBe(expected);

    const children: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await spine.history.list({ parentRunId: id, limit: 200, ...(cursor ? { cursor } : {}) });
      children.push(...page.items.map(({ runId }) => runId));
      cursor = page.nextCursor;
    }
    expect(children).toHaveLength(partitions);
    const loads = (await spine.partitions.list(backfilledTrades.name)).map(({ runId }) => runId);
    expect(loads.toSorted()).toEqual(children.toSorted());
    for (const runId of [id, ...children]) {
      const { steps } = await spine.get(runId);
      const done = steps.filter(({ status }) => status === "COMPLETED").map((step) => step.name);
      expect(done, runId).toHaveLength(new Set(done).size);
    }
  },
  400_000,
);
