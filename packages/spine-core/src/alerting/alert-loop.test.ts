import { expect, test, vi } from "vitest";
import { alertSettings } from "../alerts/alert-options.ts";
import type { AlertsDue } from "../alerts/notification-store.ts";
import { silentLogger } from "../logger.ts";
import { TestClock } from "../testing/test-clock.ts";
import { AlertLoop } from "./alert-loop.ts";

test("a group that becomes due while another look ends is looked at at once, not at the next poll", async () => {
  const clock = new TestClock();
  const now = clock.now();
  const due: AlertsDue = { now, raised: false, groups: 1, groupsAt: null, deliveries: new Map() };
  const answers: readonly AlertsDue[] = [
    { ...due, raised: true },
    { ...due, groupsAt: now },
  ];
  let asked = 0;
  let looks = 0;
  const store = {
    due: async () => answers[asked++] ?? (looks < 2 ? { ...due, groupsAt: now } : due),
    groups: async () => [],
    completions: async () => [],
    transaction: async () => {
      looks += 1;
      return false;
    },
  };
  const loop = new AlertLoop({
    store: store as never,
    settings: alertSettings({}, []),
    outbox: { take: async () => {}, nextAt: () => null, stop: async () => {} } as never,
    expectations: { nextAt: null, raised: () => {} } as never,
    clock,
    logger: silentLogger,
  });
  loop.start();
  await vi.waitFor(() => expect(looks).toBe(2));
  await loop.stop();
});
