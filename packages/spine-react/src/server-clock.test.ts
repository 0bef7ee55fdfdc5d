import { afterEach, expect, test, vi } from "vitest";
import { heardServerTime, serverNow } from "./server-clock.ts";

afterEach(() => {
  heardServerTime(new Date().toUTCString());
  vi.useRealTimers();
});

test("a clock that is ahead or behind is set right by what a server says; one that is close, and no word, change nothing", () => {
  vi.useFakeTimers({ now: Date.parse("2026-03-06T12:10:00Z") });
  heardServerTime("Fri, 06 Mar 2026 12:00:00 GMT");
  expect(new Date(serverNow()).toISOString()).toBe("2026-03-06T12:00:00.000Z");
  vi.advanceTimersByTime(5_000);
  expect(new Date(serverNow()).toISOString()).toBe("2026-03-06T12:00:05.000Z");
  heardServerTime(null);
  heardServerTime("no time");
  expect(new Date(serverNow()).toISOString()).toBe("2026-03-06T12:00:05.000Z");
  heardServerTime("Fri, 06 Mar 2026 13:00:00 GMT");
  expect(new Date(serverNow()).toISOString()).toBe("2026-03-06T13:00:00.000Z");
  heardServerTime("Fri, 06 Mar 2026 12:10:04 GMT");
  expect(serverNow()).toBe(Date.now());
});
