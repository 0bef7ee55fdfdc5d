import { expect, test } from "vitest";
import { TestClock } from "./test-clock.ts";

test("calls what is due in order, each at its own time, and what that sets as well", () => {
  const clock = new TestClock(1_000);
  const calls: [string, number][] = [];
  const call = (name: string) => () => void calls.push([name, clock.now()]);
  clock.after(30, call("c"));
  clock.after(10, () => {
    call("a")();
    clock.after(5, call("b"));
    clock.after(100, call("too late"));
  });
  clock.after(30, call("d"));
  clock.after(20, call("stopped"))();
  expect(calls).toEqual([]);
  clock.advance(50);
  expect(calls).toEqual([
    ["a", 1_010],
    ["b", 1_015],
    ["c", 1_030],
    ["d", 1_030],
  ]);
  expect(clock.now()).toBe(1_050);
});

test("a timer that sets itself again comes to an end", () => {
  const clock = new TestClock();
  let calls = 0;
  const again = () => {
    calls += 1;
    clock.after(0, again);
  };
  again();
  clock.advance(10);
  expect(calls).toBe(11);
});
