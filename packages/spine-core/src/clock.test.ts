import { expect, test } from "vitest";
import { systemClock } from "./clock.ts";

test("calls back after its time, unless it was stopped", async () => {
  let stopped = true;
  systemClock.after(1, () => {
    stopped = false;
  })();
  const start = performance.now();
  await new Promise<void>((resolve) => void systemClock.after(20, resolve));
  expect(performance.now() - start).toBeGreaterThan(18);
  expect(stopped).toBe(true);
});
