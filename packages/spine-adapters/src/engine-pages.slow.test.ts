// kill -9 of a real process in the middle of pages, and deaths at every write of a fetch that follows others.
import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createSpine, defineWorkflow, type Page, type Source, silentLogger } from "spine-core";
import { type CrashPoint, mortal, withCrashPoints } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { bookedSource, PAGE_ROWS, PAGES, pagedFlow, pagesIn } from "./testing/paged-fetch.ts";
import { PLACES } from "./testing/places.ts";
import { temporaryDirectory } from "./testing/sqlite-harness.ts";
import { startAt } from "./testing/start-spine.ts";

const PROCESS = join(import.meta.dirname, "testing/paged-fetch-process.ts");

describe.each(PLACES)("%s", (name, open) => {
  test("kill -9 in page 37 of 100: 0 rows lost, 0 doubled, 0 pages read again before it", async () => {
    const place = await open();
    const books = temporaryDirectory();
    onTestFinished(() => {
      place.remove();
      rmSync(books, { recursive: true, force: true });
    });
    const first = join(books, "first");
    const child = fork(PROCESS, [first, "37", ...place.address], {
      execArgv: ["--conditions=spine-source", "--no-warnings"],
    });
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    expect(pagesIn(first)).toEqual(Array.from({ length: 37 }, (_, index) => index + 1));
    const second = join(books, "second");
    const flow = pagedFlow(bookedSource(second));
    const spine = await startAt(place, [flow]);
    const run = await spine.run(flow, {}, { key: "paged" });
    const { outputs } = await run.result();
    expect(pagesIn(second)).toEqual(Array.from({ length: PAGES - 36 }, (_, index) => 37 + index));
    const ids: number[] = [];
    for await (const rows of spine.read(outputs.fetch)) ids.push(...rows.map(({ id }) => id));
    expect(ids).toHaveLength(PAGES * PAGE_ROWS);
    expect(new Set(ids).size).toBe(PAGES * PAGE_ROWS);
    expect(outputs.fetch.incremental).toMatchObject({ mark: PAGES * 1_000 + PAGE_ROWS - 1, duplicates: 0 });
  });

  test("whatever write a run dies at, it and the next one deliver each row once", async () => {
    const moments: readonly CrashPoint[] = ["open", "append", "seal"].flatMap((effect) => [
      `before dataset.${effect}` as CrashPoint,
      `after dataset.${effect}` as CrashPoint,
    ]);
    const all: readonly CrashPoint[] = [...moments, "before advance", "after advance"];
    // A death takes a second on Postgres: until it is known.
    const chosen = name === "SQLite" ? all : (["after dataset.append", "after dataset.seal"] as const);
    let deaths = 0;
    for (const at of chosen) {
      for (let nth = 1; ; nth += name === "SQLite" ? 1 : 3) {
        const died = await dieAt(at, nth);
        if (!died) break;
        deaths += 1;
      }
    }
    expect(deaths).toBeGreaterThan(name === "SQLite" ? 14 : 2);
  });

  /** A run that dies at the n-th such moment, who finishes it, and a run after that. False when nobody died. */
  async function dieAt(at: CrashPoint, nth: number): Promise<boolean> {
    const place = await open();
    onTestFinished(() => place.remove());
    const orders = Array.from({ length: 9 }, (_, index) => ({ id: index + 1, at: ((index * 4) % 9) + 1 }));
    const source: Source<object, { id: number; at: number }> = {
      name: "orders",
      async *stream(_, { cursor } = {}): AsyncGenerator<Page<{ id: number; at: number }>> {
        for (let from = Number(cursor ?? 0); from < orders.length; from += 2) {
          yield { rows: orders.slice(from, from + 2), cursor: from + 2 };
        }
      },
    };
    const flow = defineWorkflow({ name: "demo.orders" })
      .fetch("fetch", { from: source, incremental: { field: "at", key: ["id"] }, request: () => ({}) })
      .step("after", () => null);
    const life = mortal(place.database());
    let reached = 0;
    const dying = withCrashPoints(life.database, (point) => {
      if (point === at) reached += 1;
      if (point === at && reached === nth) return life.die();
    });
    const first = await createSpine({ database: dying, workflows: [flow], logger: silentLogger });
    const whole = first.run(flow, {}, { key: "one" }).then((run) => run.result());
    whole.catch(() => {});
    await Promise.race([whole, life.dead]);
    const died = reached >= nth;
    if (!died) await first.stop();
    const spine = await startAt(place, [flow]);
    const ids: number[] = [];
    for (const key of ["one", "two"]) {
      if (key === "two") orders.push({ id: 10, at: 9 }, { id: 11, at: 12 });
      const { outputs } = await (await spine.run(flow, {}, { key })).result();
      for await (const rows of spine.read(outputs.fetch)) ids.push(...rows.map(({ id }) => id));
    }
    expect(
      ids.sort((a, b) => a - b),
      `${at} ${nth}`,
    ).toEqual(orders.map(({ id }) => id));
    expect(await spine.cursors.get({ workflow: "demo.orders", step: "fetch" }), `${at} ${nth}`).toMatchObject(
      {
        mark: 12,
      },
    );
    await spine.stop();
    return died;
  }
});
