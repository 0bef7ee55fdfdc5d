import { describe, expect, test } from "vitest";
import type { ProgressAttachment } from "../history/attachment.ts";
import { silentLogger } from "../logger.ts";
import { redaction } from "../redaction.ts";
import { TestClock } from "../testing/test-clock.ts";
import { RunTelemetry, type TelemetryAttachment } from "./run-telemetry.ts";

const NOTHING = { rows: null, done: null, total: null, unit: null, message: null };
const done = (count: number) => ({ ...NOTHING, done: count });

function telemetry(flush?: (take: () => readonly TelemetryAttachment[]) => Promise<void>) {
  const clock = new TestClock();
  const flushed: string[] = [];
  const heard: ProgressAttachment[] = [];
  let looks = 0;
  const told = new RunTelemetry({
    level: "INFO",
    clock,
    listener: () => (progress) => heard.push(progress),
    flush:
      flush ??
      (async (take) => {
        looks += 1;
        const taken = take();
        if (taken.length > 0) flushed.push(shown(taken));
      }),
  });
  const attempt = (step: string, number = 1) => {
    const controller = new AbortController();
    const of = { step, attempt: number, signal: controller.signal, redaction: null };
    return Object.assign(told.progress.of(of), { abort: () => controller.abort() });
  };
  const logger = told.log.logger(silentLogger, "fetch", 1);
  return { clock, told, attempt, logger, flushed, heard, looks: () => looks };
}

function shown(taken: readonly TelemetryAttachment[]): string {
  return taken
    .map((one) => (one.kind === "log" ? one.message : `${one.step}#${one.attempt} ${one.done}`))
    .join(", ");
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("what no other write takes along", () => {
  test("is written after a second by one timer for all: messages, and of each attempt its newest word", async () => {
    const { clock, attempt, logger, flushed, heard } = telemetry();
    const [one, two] = [attempt("one"), attempt("two", 3)];
    one.say(done(1));
    clock.advance(600);
    logger.info("hello");
    two.say(done(7));
    one.say(done(2));
    clock.advance(399);
    expect(flushed).toEqual([]);
    clock.advance(1);
    expect(flushed).toEqual(["hello, one#1 2, two#3 7"]);
    await settled();
    clock.advance(10_000);
    expect(flushed).toHaveLength(1);
    one.say(done(3));
    clock.advance(1_000);
    expect(flushed[1]).toBe("one#1 3");
    expect(heard.map((each) => each.done)).toEqual([1, 7, 2, 3]);
  });

  test("is kept when that fails", async () => {
    let fails = true;
    const flushed: string[] = [];
    const { clock, attempt, logger } = telemetry(async (take) => {
      const taken = take();
      if (fails) throw new Error("away");
      flushed.push(shown(taken));
    });
    const one = attempt("one");
    logger.info("first");
    one.say(done(1));
    clock.advance(1_000);
    await settled();
    fails = false;
    logger.info("second");
    clock.advance(1_000);
    expect(flushed).toEqual(["first, second, one#1 1"]);
  });

  test("waits for one write at a time, and comes behind it", async () => {
    const open = Promise.withResolvers<void>();
    const flushed: string[] = [];
    let asked = 0;
    const { clock, attempt } = telemetry(async (take) => {
      asked += 1;
      await open.promise;
      flushed.push(shown(take()));
    });
    const one = attempt("one");
    for (let count = 0; count < 5; count += 1) {
      one.say(done(count));
      clock.advance(1_000);
    }
    expect(asked).toBe(1);
    open.resolve();
    await settled();
    one.say(done(9));
    clock.advance(1_000);
    await settled();
    expect(flushed).toEqual(["one#1 4", "one#1 9"]);
  });
});

test("an attempt that is over, or aborted, within that second costs no write, nor does what its code still says", async () => {
  const { clock, told, attempt, flushed, heard } = telemetry();
  const [ended, aborted] = [attempt("one"), attempt("two")];
  ended.say(done(1));
  aborted.say(done(1));
  ended.end();
  aborted.abort();
  ended.say(done(2));
  aborted.say(done(2));
  // The next attempt of the same step is another one.
  attempt("one", 2).say(done(5));
  ended.end();
  clock.advance(1_000);
  expect(flushed).toEqual(["one#2 5"]);
  expect(heard.map((each) => each.done)).toEqual([1, 1, 5]);
  const again = attempt("three");
  again.say(done(1));
  again.end();
  clock.advance(1_000);
  await told.close();
  expect(flushed).toHaveLength(1);
});

test("rides on another write once a second, not on each", () => {
  const { clock, told, attempt, logger, looks } = telemetry();
  const one = attempt("one");
  one.say(done(1));
  logger.info("hello");
  expect(shown(told.take())).toBe("hello");
  clock.advance(1_000);
  expect(looks()).toBe(1);
  clock.advance(300);
  one.say(done(2));
  expect(told.take()).toEqual([]);
  clock.advance(700);
  expect(shown(told.take())).toBe("one#1 2");
  // Nothing is left for the timer.
  clock.advance(5_000);
  expect(looks()).toBe(1);
});

test("texts are made fit: without secrets, storable, and not longer than they may be", () => {
  const { told } = telemetry();
  const { signal } = new AbortController();
  const secrets = redaction([{ reference: "env:KEY", value: "hunter22" }]);
  const progress = told.progress.of({ step: "one", attempt: 1, signal, redaction: secrets });
  const said = (message: string) => {
    progress.say({ ...NOTHING, message, unit: "of hunter22" });
    return told.progress.take()[0];
  };
  const fit = said("at hunter22 \0 \ud800");
  expect(fit?.message).toBe("at [redacted] \ufffd \ufffd");
  expect(fit?.unit).toBe("of [redacted]");
  const long = said(`${"x".repeat(996)}hunter22 and more`)?.message ?? "";
  expect(long).toHaveLength(1_001);
  expect(long.slice(990)).toBe("xxxxxx[red…");
});
