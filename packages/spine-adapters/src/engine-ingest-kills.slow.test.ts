// kill -9 of real processes in the middle of an ingest, at random times: the partition that it replaces is as before or whole, what is
// in it in the end is what an undisturbed run leaves, and no page that stood is asked for again.
import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createSpine, type Row, type Spine, silentLogger } from "spine-core";
import { seeded, stagingTables } from "spine-core/testing";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { bundleProcess } from "../../../tools/bundle-process.ts";
import { ingestedTrades, ingestFlow, PAGES, pagesIn } from "./testing/ingest-flow.ts";
import { PLACES } from "./testing/places.ts";
import { temporaryDirectory } from "./testing/sqlite-harness.ts";

const KILLS = { SQLite: 6, Postgres: 4 } as const;
const SOON = { timeout: 20_000, interval: 2 };
const DAY = "2026-01-05";

let folder = "";
let script = "";
beforeAll(async () => {
  folder = temporaryDirectory();
  script = await bundleProcess(join(import.meta.dirname, "testing/ingest-process.ts"), folder);
  return () => rmSync(folder, { recursive: true, force: true });
});

describe.each(PLACES)("%s", (name, open) => {
  const kills = KILLS[name as keyof typeof KILLS];

  test(`${kills} processes that work on it are killed, whenever`, async () => {
    const place = await open();
    onTestFinished(() => place.remove());
    const book = join(folder, `${name}.txt`);
    writeFileSync(book, "");
    const flow = ingestFlow(book);
    const start = (worker: boolean) =>
      createSpine({
        database: place.database(),
        workflows: [flow],
        logger: silentLogger,
        worker,
        maxCrashes: 99,
      });
    const contentOf = async ({ database: { kysely } }: Spine, table: string, day = DAY) => {
      const rows: Row[] = await kysely
        .selectFrom(table)
        .select(["id", "shares"])
        .where("day", "=", day)
        .orderBy("id")
        .execute();
      return rows.map(({ id, shares }) => `${String(id)} ${String(shares)}`).join();
    };

    // What was there before, and what is to be there: the same by an undisturbed run of another day.
    const first = await start(true);
    await (await first.run(flow, { day: DAY, version: 1 })).result();
    const undisturbed = await (await first.run(flow, { day: "2026-01-06", version: 2 })).result();
    const before = await contentOf(first, ingestedTrades.name);
    const whole = await contentOf(first, ingestedTrades.name, "2026-01-06");
    await first.stop();
    writeFileSync(book, "");

    const observer = await start(false);
    onTestFinished(() => observer.stop());
    const { id } = await observer.run(flow, { day: DAY, version: 2 });
    const random = seeded(name.length);
    let isReplaced = false;
    for (let kill = 0; kill < kills; kill += 1) {
      const asked = pagesIn(book).length;
      const child = fork(script, [id, book, ...place.address], { execArgv: ["--no-warnings"] });
      const died = once(child, "exit");
      // So many pages later, and at any time in what it does then.
      const pages = 1 + Math.floor(random() * (PAGES / kills));
      await expect
        .poll(() => pagesIn(book).length >= asked + pages || child.exitCode !== null, SOON)
        .toBe(true);
      await delay(random() * 6);
      child.kill("SIGKILL");
      await died;
      const content = await contentOf(observer, ingestedTrades.name);
      expect([before, whole], `after kill ${kill}`).toContain(content);
      if (isReplaced) expect(content).toBe(whole);
      isReplaced = content === whole;
    }

    const last = await start(true);
    onTestFinished(() => last.stop());
    const { outputs } = await (await last.attach(id)).result();
    expect(await contentOf(last, ingestedTrades.name)).toBe(whole);
    expect(await contentOf(last, "ingested_trades_captures")).toBe(before);
    const { rows, rejected, quality } = undisturbed.outputs.trades;
    expect(outputs.trades).toMatchObject({ rows, rejected, quality });
    // A page is asked for once the one before it stands: only the last one of a process may be asked for again, by the next.
    const asked = pagesIn(book);
    const steps = asked.slice(1).map((page, index) => page - (asked[index] ?? 0));
    expect(new Set(steps)).toEqual(new Set([0, 1]));
    expect(steps.filter((step) => step === 0).length).toBeLessThanOrEqual(kills);
    expect(new Set(asked).size).toBe(PAGES);
    expect(await stagingTables(last.database)).toBe(0);
  });
});
