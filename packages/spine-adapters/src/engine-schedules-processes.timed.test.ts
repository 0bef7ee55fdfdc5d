// Processes that take the ticks of the same schedules, without a leader: one is stopped past several ticks and goes on as if nothing
// had been, two are killed in the middle of settling one, and
// the clocks of others (on Postgres, whose processes may be on many machines) are an hour ahead. Each tick has one run, and none is missing.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createSpine, type ScheduleTick, silentLogger } from "spine-core";
import { expect, test } from "vitest";
import { PLACES } from "./testing/places.ts";
import { tickFlow } from "./testing/schedule-flow.ts";

const PROCESS = join(import.meta.dirname, "testing/schedule-process.ts");
const SECONDS = 6;
const SCHEDULES = 6;

test.each(PLACES.map(([name, open]) => [name, name === "Postgres" ? 8 : 3, open] as const))(
  "%s: %i processes, one of them stopped and two killed: no tick runs twice, and none is missed",
  async (_name, processes, open) => {
    const place = await open();
    const spine = await createSpine({
      database: place.database(),
      workflows: [tickFlow],
      logger: silentLogger,
      worker: false,
    });
    const start = (dies = "") =>
      fork(PROCESS, [dies, ...place.address], { execArgv: ["--conditions=spine-source", "--no-warnings"] });
    const children: readonly ChildProcess[] = [
      "before",
      "after",
      "",
      ...Array<string>(processes - 3).fill("ahead"),
    ].map(start);
    try {
      await Promise.all(children.map((child) => once(child, "message")));
      const [before, after, stopped] = children;
      const killed = Promise.all(
        [before, after].map(async (child) => await once(child as ChildProcess, "exit")),
      );
      const first = Math.ceil(Date.now() / 1_000) * 1_000 + 2_000;
      const last = first + (SECONDS - 1) * 1_000;
      const times = { startAt: new Date(first), endAt: new Date(last) };
      const names = Array.from({ length: SCHEDULES }, (_, index) => `every-${index}`);
      for (const name of names) {
        const how = name.endsWith("1") ? { jitter: 300 } : {};
        const params = { at: "{scheduled_at}" };
        await spine.schedules.create({
          name,
          workflow: tickFlow,
          every: "1s",
          overlap: "allow",
          params,
          ...times,
          ...how,
        });
      }
      await delay(first + 1_500 - Date.now());
      stopped?.kill("SIGSTOP");
      await delay(3_500);
      stopped?.kill("SIGCONT");
      expect(await killed).toEqual([
        [null, "SIGKILL"],
        [null, "SIGKILL"],
      ]);
      const all = Array.from({ length: SECONDS }, (_, second) =>
        new Date(first + second * 1_000).toISOString(),
      );
      for (const name of names) {
        const ticks = () => spine.schedules.ticks(name);
        // A machine that is busy may have made it after the first of them.
        const { createdAt } = await spine.schedules.get(name);
        const expected = all.filter((time) => time > createdAt);
        expect(expected.length).toBeGreaterThan(2);
        await expect.poll(async () => (await ticks()).length, { timeout: 60_000 }).toBe(expected.length);
        const found: readonly ScheduleTick[] = (await ticks()).toReversed();
        expect(found.map(({ scheduledAt }) => scheduledAt)).toEqual(expected);
        expect(found.map(({ status, reason }) => [status, reason])).toEqual(
          Array(expected.length).fill(["STARTED", null]),
        );
        const ended = async () => {
          const { items } = await spine.history.list({ tag: `schedule:${name}`, limit: 100 });
          return items
            .filter(({ status }) => status === "COMPLETED")
            .map(({ runId }) => runId)
            .toSorted();
        };
        await expect
          .poll(ended, { timeout: 60_000 })
          .toEqual(found.map(({ runId }) => runId ?? "").toSorted());
        expect((await spine.history.list({ tag: `schedule:${name}`, limit: 100 })).items).toHaveLength(
          expected.length,
        );
        expect(await spine.schedules.get(name)).toMatchObject({ status: "ENDED" });
      }
      for (const { runId, scheduledAt } of await spine.schedules.ticks("every-0"))
        expect((await spine.get(runId ?? "")).run.params).toEqual({ at: scheduledAt });
    } finally {
      for (const child of children) child.kill("SIGKILL");
      await spine.stop();
      place.remove();
    }
  },
  240_000,
);
