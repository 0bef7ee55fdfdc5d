import { memory } from "spine-adapters/databases";
import { type AlertNotification, createSpine, silentLogger } from "spine-core";
import { TestClock } from "spine-core/testing";
import { expect, test, vi } from "vitest";
import { finraAlerts, finraWeeks } from "./alert-policy.ts";
import { finra } from "./plugin.ts";
import { publishedOn } from "./publication.ts";
import { TIERS } from "./tiers.ts";

test("weeks are due on the day on which FINRA publishes them", () => {
  const weeks = finraWeeks("2025-01-06");
  for (const monday of ["2025-01-06", "2025-04-28", "2025-11-24", "2026-01-05"]) {
    for (const tier of TIERS) {
      const day = publishedOn(monday, tier);
      const delay = weeks.delayMs({ week_start: monday, tier });
      const plain = new Date(Date.parse(monday) + 7 * 86_400_000 + delay).toISOString().slice(0, 10);
      expect(plain <= day, `${monday} ${tier}`).toBe(true);
    }
  }
});

test("a host spreads the policy into its own: a week that is late is one message for all tiers", async () => {
  const got: AlertNotification[] = [];
  const channel = {
    name: "chat",
    send: async (notification: AlertNotification) => void got.push(notification),
  };
  const policy = finraAlerts({ chat: ["chat"], from: "2025-12-01" });
  const clock = new TestClock("2025-12-24T12:00:00.000Z");
  await using spine = await createSpine({
    database: memory(),
    plugins: [finra({ queryApi: [] })],
    logger: silentLogger,
    clock,
    alerts: { channels: [channel], routes: [...policy.routes, { channels: [] }], expect: [...policy.expect] },
  });
  const due = spine.partitions
    .expected(finraWeeks("2025-12-01"), { from: "2025-12-01" })
    .find(({ key }) => key === "tier=T1/week_start=2025-12-01");
  expect(due?.dueAt.slice(0, 10)).toBe(publishedOn("2025-12-01", "T1"));
  await vi.waitFor(
    () => {
      clock.advance(1_000);
      expect(got).toMatchObject([
        { firing: 1, title: "finra_otc_trade_activity: tier=T1/week_start=2025-12-01 is late" },
      ]);
    },
    { timeout: 20_000, interval: 10 },
  );
});
