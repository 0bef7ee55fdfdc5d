// kill -9 between a failure and its message, and while the message is on its way: it is delivered, at most twice, and then under one key.
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createSpine, silentLogger } from "spine-core";
import { describe, expect, test, vi } from "vitest";
import { webhook } from "./alerts/index.ts";
import { serve } from "./sources/testing/http-server.ts";
import { AlertClock } from "./testing/alert-clock.ts";
import { PLACES } from "./testing/places.ts";

const PATIENCE = { timeout: 30_000, interval: 20 };
const PROCESS = join(import.meta.dirname, "testing/alert-process.ts");

describe.each(PLACES)("%s", (_name, open) => {
  test.each([
    ["before anybody is told", "before", 1],
    ["while the message is on its way", "during", 2],
  ] as const)(
    "killed %s: it is delivered, under one key",
    async (_title, dies, times) => {
      const place = await open();
      let answers = false;
      const { url, got } = await serve(() => (answers ? { body: "" } : undefined));
      const child = fork(PROCESS, [dies, url, ...place.address], {
        execArgv: ["--conditions=spine-source", "--no-warnings"],
      });
      const exited = once(child, "exit");
      if (dies === "during") {
        await vi.waitFor(() => expect(got).toHaveLength(1), { timeout: 60_000, interval: 20 });
        child.kill("SIGKILL");
      }
      expect(await exited).toEqual([null, "SIGKILL"]);
      expect(got).toHaveLength(times - 1);

      answers = true;
      // Later than any lease, and by its own clock, so that nobody has to wait for that.
      const clock = new AlertClock(Date.now() + 120_000);
      const spine = await createSpine({
        database: clock.watched(place.database()),
        logger: silentLogger,
        clock,
        alerts: { channels: [webhook({ url, secret: "a-secret-of-the-webhook", allowPrivate: true })] },
      });
      // The other side takes real time to answer: a clock that is moved meanwhile would say that it is late.
      await vi.waitFor(() => expect(spine.alerts.groups()).resolves.toHaveLength(1), PATIENCE);
      clock.advance(31_000);
      const sent = () => spine.alerts.deliveries({ status: "SENT" });
      await vi.waitFor(async () => {
        // Not while the message is on its way: past its lease it would be sent again.
        if (got.length < times) clock.advance(100);
        expect(await sent()).toHaveLength(1);
      }, PATIENCE);
      // Nothing else comes for as long as it only goes on firing.
      await clock.pass(600_000);
      expect(got).toHaveLength(times);
      expect(new Set(got.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
      // The other side can tell a duplicate also by the count of attempts, which only grows.
      const attempts = got.map(({ text }) => Number((JSON.parse(text) as { attempt: unknown }).attempt));
      expect(attempts).toEqual([...new Set(attempts)].sort((a, b) => a - b));
      expect(await spine.alerts.list()).toMatchObject([{ workflow: "demo.killed", severity: "ERROR" }]);
      await spine.stop();
      place.remove();
    },
    120_000,
  );
});
