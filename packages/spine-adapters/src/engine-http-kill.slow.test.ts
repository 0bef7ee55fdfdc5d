// kill -9 in page 37 of 100 of a real process that reads a real server: the next one goes on at page 37.

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { serve } from "./sources/testing/http-server.ts";
import { hundredPagesFlow } from "./testing/http-fetch-workflow.ts";
import { PLACES } from "./testing/places.ts";
import { startAt, stepsOf } from "./testing/start-spine.ts";

const PROCESS = join(import.meta.dirname, "testing/http-fetch-process.ts");
const PAGES = 100;
const PAGE_ROWS = 20;
const KILLED_IN = 37;

test.each(PLACES)(
  "%s: no row lost, none doubled, and no page before it asked for again",
  async (_name, open) => {
    const place = await open();
    onTestFinished(() => place.remove());
    const ids = Array.from({ length: PAGES * PAGE_ROWS }, (_none, index) => `row ${index}`);
    const reached = Promise.withResolvers<void>();
    const asked: number[] = [];
    const server = await serve(({ url }) => {
      const offset = Number(url.searchParams.get("offset"));
      const page = offset / PAGE_ROWS + 1;
      asked.push(page);
      if (page === KILLED_IN && asked.filter((one) => one === page).length === 1) {
        reached.resolve();
        return undefined;
      }
      const rows = ids.slice(offset, offset + PAGE_ROWS).map((id) => ({ id }));
      return { headers: { "record-total": String(ids.length) }, body: rows };
    });
    const child = fork(PROCESS, ["key", server.url, ...place.address], {
      execArgv: ["--conditions=spine-source", "--no-warnings"],
    });
    const gone = once(child, "exit");
    await Promise.race([reached.promise, gone]);
    child.kill("SIGKILL");
    expect(await gone).toEqual([null, "SIGKILL"]);

    const spine = await startAt(place, [hundredPagesFlow]);
    const run = await spine.run(hundredPagesFlow, { url: server.url }, { key: "key" });
    const { outputs } = await run.result();
    expect(outputs.load.inserted).toBe(ids.length);
    const loaded = await spine.database.kysely.selectFrom("fetched_rows").select("id").execute();
    expect(loaded.map(({ id }) => String(id)).sort()).toEqual([...ids].sort());
    const expected = Array.from({ length: PAGES }, (_none, index) => index + 1);
    expect(asked).toEqual([...expected.slice(0, KILLED_IN), ...expected.slice(KILLED_IN - 1)]);
    expect(await stepsOf(spine, run.id)).toEqual([
      "fetch 1 FAILED",
      "fetch 2 COMPLETED",
      "rows 1 COMPLETED",
      "load 1 COMPLETED",
    ]);
  },
);
