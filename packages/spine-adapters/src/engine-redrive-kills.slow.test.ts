// kill -9 of a real process that drives rejects again, from the first write of their slice to the end of the run: each row is loaded once.
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createSpine, silentLogger } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { PLACES } from "./testing/places.ts";
import { redriveFlow, redriveOptions } from "./testing/redrive-flow.ts";

const PROCESS = join(import.meta.dirname, "testing/redrive-process.ts");
/** Moments at which one dies, after another. Each finishes what those before it have left. */
const MOMENTS = { SQLite: [1, 6, 8, 12, 17], Postgres: [6, 8, 14] } as const;

describe.each(PLACES)("%s", (name, open) => {
  test("whenever it is killed, the rows that were refused are loaded once, and their rejects are REDRIVEN", async () => {
    const place = await open();
    onTestFinished(() => place.remove());
    const start = () =>
      createSpine({ database: place.database(), workflows: [redriveFlow], logger: silentLogger });
    const moments = MOMENTS[name as keyof typeof MOMENTS];
    const refusing = new Map<number, string>();
    const first = await start();
    for (const moment of moments) {
      const run = await first.run(redriveFlow, { day: `d${moment}` });
      await run.result();
      refusing.set(moment, run.id);
    }
    await first.stop();

    for (const [moment, runId] of refusing) {
      const child = fork(PROCESS, [runId, String(moment), ...place.address], {
        execArgv: ["--conditions=spine-source", "--no-warnings"],
      });
      expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    }

    const next = await start();
    onTestFinished(() => next.stop());
    for (const [moment, runId] of refusing) {
      const day = `d${moment}`;
      const again = await next.rejects.redrive(runId, { ...redriveOptions, key: `again ${moment}` });
      await again.result();
      const rows = await next.database.kysely
        .selectFrom("parts")
        .select(["id", "qty"])
        .where("day", "=", day)
        .orderBy("id")
        .execute();
      expect(
        rows.map(({ id, qty }) => `${id} ${qty}`),
        day,
      ).toEqual(["r0 0", "r1 1", "r2 2", "r3 3"]);
      const rejects = await next.rejects.list({ runId });
      expect(
        rejects.map(({ state, redrivenBy }) => [state, redrivenBy]),
        day,
      ).toEqual([
        ["REDRIVEN", again.id],
        ["REDRIVEN", again.id],
      ]);
      expect(await next.partitions.get("parts", { day }), day).toMatchObject({ rows: 4, runId: again.id });
    }
  });
});
