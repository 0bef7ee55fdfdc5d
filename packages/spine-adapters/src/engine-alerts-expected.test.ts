// A dead man says nothing: alerts about runs and data that did not come. On a clock that is moved by hand.
import {
  createSpine,
  daily,
  definePartitions,
  defineTable,
  defineWorkflow,
  type Spine,
  silentLogger,
} from "spine-core";
import { arraySource } from "spine-core/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { memory } from "./databases/sqlite.ts";
import { AlertClock } from "./testing/alert-clock.ts";
import { failingFlow, MINUTE, recordingChannel } from "./testing/alert-flow.ts";
import { PLACES } from "./testing/places.ts";

const HOUR = 60 * MINUTE;
const prices = defineTable({
  name: "expected_prices",
  columns: { day: "text", symbol: "text" },
  key: ["day", "symbol"],
  partition: ["day"],
});
const loadDay = defineWorkflow({
  name: "demo.load_day",
  params: z.object({ day: z.string() }),
  partition: ({ params }) => ({ day: params.day }),
})
  .fetch("fetch", { from: arraySource([{ symbol: "A" }]), request: () => ({}) })
  .transform("rows", {
    from: "fetch",
    row: (row, { params }) => ({ day: params.day, symbol: String(row.symbol) }),
    schema: z.object({ day: z.string(), symbol: z.string() }),
  })
  .load("load", { from: "rows", into: prices, disposition: "replace-partition" });
const nightly = failingFlow("demo.nightly");

describe.each(PLACES)("what is expected, on %s", (_name, open) => {
  const clock = new AlertClock("2026-01-05T09:00:00.000Z");
  const chat = recordingChannel("chat");
  let spine: Spine;
  let start: () => Promise<Spine>;
  let remove = () => {};
  beforeAll(async () => {
    const place = await open();
    remove = () => place.remove();
    const days = definePartitions({
      table: prices,
      workflow: loadDay,
      dimensions: { day: daily({ from: "2026-01-04" }) },
      delay: "2h",
    });
    start = () =>
      createSpine({
        database: clock.watched(place.database()),
        workflows: [loadDay, nightly],
        logger: silentLogger,
        clock,
        alerts: {
          channels: [chat.channel],
          expect: [
            { workflow: nightly, within: "26h" },
            { partitions: days, grace: "1h", severity: "CRITICAL" },
          ],
        },
      });
    spine = await start();
  }, 60_000);
  afterAll(async () => {
    await spine?.stop();
    remove();
  });

  test("data that is late is told once, however many look, and its load ends that", async () => {
    // The 4th was due at 02:00 of the 5th.
    const other = await start();
    const told = () => chat.told(loadDay.name);
    await clock.pass(MINUTE, () => told().length === 1);
    expect(told()[0]).toMatchObject({
      severity: "CRITICAL",
      firing: 1,
      suppressed: 0,
      title: "expected_prices: day=2026-01-04 is late",
      alerts: [{ labels: { alert: "data-late", table: "expected_prices", partition: "day=2026-01-04" } }],
    });
    await clock.pass(30 * MINUTE);
    expect(await spine.alerts.list({ severity: "CRITICAL" })).toHaveLength(1);
    await other.stop();
    clock.advance(1);
    await (await spine.run(loadDay, { day: "2026-01-04" })).result();
    await clock.pass(10 * MINUTE, () => told().length === 2);
    expect(told()[1]).toMatchObject({ reason: "RESOLVED" });
    // The 5th is due at 02:00 of the 6th, and late an hour after that.
    clock.advance(Date.parse("2026-01-06T02:50:00Z") - clock.now());
    await clock.pass(MINUTE);
    expect(told()).toHaveLength(2);
    clock.advance(15 * MINUTE);
    await clock.pass(2 * MINUTE, () => told().length === 3);
    expect(told()[2]?.title).toContain("day=2026-01-05 is late");
  });

  test("a run that did not come is told, also where none ever came, and the next one that completes ends that", async () => {
    const told = () => chat.told(nightly.name);
    // Expected since the first start, whenever the process that looks was started.
    await spine.stop();
    spine = await start();
    clock.advance(Date.parse("2026-01-06T11:00:00Z") - clock.now());
    await clock.pass(MINUTE);
    clock.advance(10 * MINUTE);
    await clock.pass(MINUTE, () => told().length === 1);
    expect(told()[0]).toMatchObject({
      reason: "FIRST",
      severity: "ERROR",
      alerts: [{ title: "demo.nightly: no run was completed", labels: { alert: "run-missing" } }],
    });
    // One that fails is none.
    await (await spine.run(nightly, {})).result().catch(() => {});
    clock.advance(HOUR);
    await clock.pass(MINUTE);
    expect(told().at(-1)?.status).toBe("FIRING");
    clock.advance(1);
    await (await spine.run(nightly, { ok: true })).result();
    const completedAt = clock.now();
    await clock.pass(7 * MINUTE, () => told().at(-1)?.status === "RESOLVED");
    const before = told().length;
    clock.advance(completedAt + 25 * HOUR - clock.now());
    await clock.pass(MINUTE);
    expect(told()).toHaveLength(before);
    clock.advance(HOUR + 10 * MINUTE);
    await clock.pass(MINUTE, () => told().length === before + 1);
    expect(told().at(-1)).toMatchObject({ reason: "FIRST", alerts: [{ labels: { alert: "run-missing" } }] });
  });

  test("what cannot be looked at keeps nobody from being told of alerts", async () => {
    const broken = definePartitions({
      table: prices,
      workflow: loadDay,
      dimensions: {
        day: daily({
          from: "2026-01-04",
          calendar: () => {
            throw new Error("the calendar broke");
          },
        }),
      },
    });
    const pager = recordingChannel("pager");
    const said: unknown[] = [];
    const place = await open();
    onTestFinished(() => place.remove());
    const own = await createSpine({
      database: clock.watched(place.database()),
      workflows: [loadDay, nightly],
      logger: { ...silentLogger, error: (message, facts) => said.push([message, facts]) },
      clock,
      alerts: { channels: [pager.channel], expect: [{ partitions: broken }] },
    });
    onTestFinished(() => own.stop());
    await (await own.run(nightly, {})).result().catch(() => {});
    await clock.pass(MINUTE, () => pager.told(nightly.name).length === 1);
    expect(said[0]).toEqual([expect.stringContaining("`alerts.expect[0]`"), { error: "the calendar broke" }]);
  });
});

test("options of alerts that mean nothing are refused by name, before the database is opened", async () => {
  const { channel } = recordingChannel("pager");
  const wrong: readonly (readonly [object, RegExp])[] = [
    [
      { expect: [{ workflow: "demo.nightyl", within: "26h" }] },
      /`alerts.expect\[0\].workflow` is "demo.nightyl"/,
    ],
    [{ expect: [{ partitions: { table: "prices" } }] }, /`partitions` of `alerts.expect\[0\]`/],
    [
      { expect: [{ partitions: { table: "p", delayMs: () => 0 }, from: "soon" }] },
      /`from` of `alerts.expect/,
    ],
    [{ channels: 5 }, /`channels` of `alerts` is a list/],
    [{ channels: [{ name: "mute" }] }, /"mute" cannot be used. It has no `send`/],
    [{ channels: [{ ...channel, name: "" }] }, /Its name is empty/],
  ];
  for (const [alerts, text] of wrong) {
    const database = memory();
    const connect = vi.spyOn(database, "connect");
    const made = createSpine({ database, workflows: [nightly], alerts, logger: silentLogger });
    await expect(made, String(text)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(text) as string,
    });
    expect(connect).not.toHaveBeenCalled();
  }
  const others = { workflow: { name: "demo.of_others" }, within: "26h" } as const;
  const fine = await createSpine({ database: memory(), logger: silentLogger, alerts: { expect: [others] } });
  await fine.stop();
});
