import { expect, test } from "vitest";
import { SpineError } from "../errors.ts";
import { TestClock } from "../testing/test-clock.ts";
import { inTransactionOfCaller, PendingStarts } from "./pending-starts.ts";

interface Setting {
  readonly clock: TestClock;
  readonly pending: PendingStarts;
  /** The runs that were asked for, with the time since the beginning. */
  readonly asked: (readonly [ms: number, ...runIds: string[]])[];
  readonly committed: Set<string>;
  readonly errors: string[];
  readonly found: () => number;
  /** Lets time go on, with all that is awaited meanwhile. */
  readonly pass: (ms: number) => Promise<void>;
}

function setting(find?: () => Promise<readonly string[]>): Setting {
  const clock = new TestClock();
  const begin = clock.now();
  const asked: Setting["asked"] = [];
  const committed = new Set<string>();
  const errors: string[] = [];
  let found = 0;
  const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => void errors.push(message) };
  const pending = new PendingStarts({
    find: async (runIds) => {
      asked.push([clock.now() - begin, ...runIds]);
      return find ? await find() : runIds.filter((runId) => committed.has(runId));
    },
    onFound: () => {
      found += 1;
    },
    clock,
    logger,
  });
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1) {
      clock.advance(1);
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    }
  };
  return { clock, pending, asked, committed, errors, found: () => found, pass };
}

test("a run that never comes is looked for after 10 ms, then ever more seldom, and after half a minute no more", async () => {
  const { pending, asked, pass, found } = setting();
  pending.add("a");
  await pass(40_000);
  expect(asked.map(([ms]) => ms)).toEqual([10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000]);
  expect(found()).toBe(0);
});

test("one that is there is told once, and looked for no more", async () => {
  const { pending, asked, committed, pass, found } = setting();
  pending.add("a");
  await pass(50);
  committed.add("a");
  await pass(5_000);
  expect(asked.map(([ms]) => ms)).toEqual([10, 30, 100]);
  expect(found()).toBe(1);
});

test("one query looks for all that are missing", async () => {
  const { pending, asked, committed, pass, found } = setting();
  pending.add("a");
  await pass(5);
  pending.add("b");
  committed.add("a");
  await pass(95);
  // At 10 both are looked for; "b" is due 10, 30 and 100 ms after its own start.
  expect(asked).toEqual([
    [10, "a", "b"],
    [20, "b"],
    [35, "b"],
  ]);
  expect(found()).toBe(1);
  await pass(5);
  expect(asked.at(-1)).toEqual([105, "b"]);
});

test("however many are started, looks are 10 ms apart", async () => {
  const { pending, asked, pass } = setting();
  for (let n = 0; n < 200; n += 1) {
    pending.add(`run ${n}`);
    await pass(1);
  }
  const times = asked.map(([ms]) => ms);
  for (const [index, ms] of times.entries()) {
    if (index > 0) expect(ms - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(10);
  }
  expect(times.length).toBeGreaterThan(15);
});

test("a look that fails is logged and made again", async () => {
  let failures = 2;
  const { pending, errors, pass, found, asked } = setting(async () => {
    if (failures > 0) {
      failures -= 1;
      throw new Error("away");
    }
    return ["a"];
  });
  pending.add("a");
  await pass(5_000);
  expect(errors).toHaveLength(2);
  expect(found()).toBe(1);
  expect(asked).toHaveLength(3);
});

test("a start during a look is not forgotten", async () => {
  let answer: (runIds: readonly string[]) => void = () => {};
  const { pending, asked, pass } = setting(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  pending.add("a");
  await pass(10);
  pending.add("b");
  await pass(50);
  answer(["a"]);
  await pass(1);
  expect(asked).toEqual([[10, "a"]]);
  await pass(10);
  expect(asked.at(-1)?.slice(1)).toEqual(["b"]);
});

test("stop looks a last time, and ends it", async () => {
  const { pending, asked, committed, pass, found } = setting();
  pending.add("a");
  pending.add("b");
  committed.add("b");
  await pass(3);
  await pending.stop();
  await pass(5_000);
  expect(asked).toEqual([[3, "a", "b"]]);
  expect(found()).toBe(1);
  pending.add("c");
  await pass(20);
  expect(asked).toHaveLength(2);
});

test("the result of a run that is not committed says when there will be one; other errors stay", async () => {
  const fail = (error: Error) =>
    inTransactionOfCaller({
      id: "r-1",
      existing: false,
      result: () => Promise.reject(error),
      watch: () => {
        throw new Error("nobody watches here");
      },
    }).result();
  await expect(fail(new SpineError("RUN_NOT_FOUND", "none"))).rejects.toMatchObject({
    code: "RUN_NOT_FOUND",
    message: expect.stringContaining("exists once that has been committed") as string,
  });
  const other = new SpineError("STEP_FAILED", "mine");
  await expect(fail(other)).rejects.toBe(other);
});
