import { expect, test } from "vitest";
import { silentLogger } from "../logger.ts";
import { TestClock } from "../testing/test-clock.ts";
import { WorkLoop } from "./work-loop.ts";

const POLL_MS = 1_000;
const NOTHING = { more: false, nextAt: null };

/** Lets everything happen that waits for no time. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("it looks on as long as there may be more, and then waits for the poll", async () => {
  const clock = new TestClock();
  let looks = 0;
  const take = async () => {
    looks += 1;
    return { more: looks < 6, nextAt: null };
  };
  const loop = new WorkLoop({ take, pollMs: () => POLL_MS, clock, logger: silentLogger });
  loop.start();
  await settle();
  expect(looks).toBe(6);
  clock.advance(POLL_MS);
  await settle();
  expect(looks).toBe(7);
  await loop.stop();
});

test("woken while it looks, it looks again: one wake-up may stand for many things, and none waits for the poll", async () => {
  const clock = new TestClock();
  const answers: ((answer: typeof NOTHING) => void)[] = [];
  const take = () => new Promise<typeof NOTHING>((resolve) => answers.push(resolve));
  const loop = new WorkLoop({ take, pollMs: () => POLL_MS, clock, logger: silentLogger });
  loop.start();
  for (let n = 0; n < 3; n++) loop.wake();
  answers[0]?.(NOTHING);
  await settle();
  expect(answers).toHaveLength(2);
  answers[1]?.(NOTHING);
  await loop.stop();
});
