// 1,000 runs of one pipeline fail in a minute: people get one message, one update, and one that says that it is over. On a clock that is
// moved by hand.
import { createSpine, silentLogger } from "spine-core";
import { expect, test } from "vitest";
import { AlertClock } from "./testing/alert-clock.ts";
import { failingFlow, MINUTE, recordingChannel } from "./testing/alert-flow.ts";
import { PLACES } from "./testing/places.ts";

const workflow = failingFlow("demo.storm");

test.each(PLACES)(
  "%s: 1,000 failing runs in a minute are one message, one update, and one that says it is over",
  async (_name, open) => {
    const place = await open();
    const clock = new AlertClock();
    const chat = recordingChannel("chat");
    const spine = await createSpine({
      database: clock.watched(place.database()),
      workflows: [workflow],
      logger: silentLogger,
      clock,
      alerts: { channels: [chat.channel] },
    });
    for (let second = 0; second < 60; second += 1) {
      const items = Array.from({ length: second < 40 ? 17 : 16 }, () => ({ params: {} }));
      const runs = await spine.runMany(workflow, items);
      await Promise.all(runs.map((run) => run.result().catch(() => {})));
      clock.advance(1_000);
    }
    const told = () => chat.told(workflow.name);
    await clock.pass(MINUTE, () => told().length === 1);
    await clock.pass(6 * MINUTE, () => told().length === 2);
    await (await spine.run(workflow, { ok: true })).result();
    await clock.pass(6 * MINUTE, () => told().length === 3);
    await clock.pass(20 * MINUTE);
    expect(told().map(({ reason }) => reason)).toEqual(["FIRST", "REPEATED", "RESOLVED"]);
    // One is shown, and all others are counted.
    expect(told().reduce((sum, { suppressed }) => sum + suppressed, 1)).toBe(1_000);
    expect(told()[1]?.alerts[0]).toMatchObject({ raised: 1_000, severity: "ERROR", status: "FIRING" });
    expect(told()[2]).toMatchObject({ status: "RESOLVED", firing: 0, resolved: 1 });
    expect(new Set(told().map(({ group }) => group)).size).toBe(1);
    expect(new Set(told().map(({ key }) => key)).size).toBe(3);
    expect(await spine.alerts.groups()).toEqual([]);
    await spine.stop();
    place.remove();
  },
  180_000,
);
