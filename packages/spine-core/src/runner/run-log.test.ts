import { expect, test } from "vitest";
import { MOST_LOGS } from "../history/run-logs.ts";
import { silentLogger } from "../logger.ts";
import { TestClock } from "../testing/test-clock.ts";
import { RunLog } from "./run-log.ts";

function runLog() {
  const clock = new TestClock();
  const log = new RunLog({ level: "INFO", clock, onNews: () => {} });
  return { clock, log, logger: log.logger(silentLogger, "fetch", 2) };
}

test("what is logged is kept until it is taken; below its level it is not kept", () => {
  const { log, logger, clock } = runLog();
  logger.debug("no");
  logger.info("one", { rows: 3 });
  logger.error("two");
  expect(log.take()).toEqual([
    {
      kind: "log",
      step: "fetch",
      attempt: 2,
      level: "INFO",
      message: "one",
      fields: '{"rows":3}',
      at: clock.now(),
    },
    { kind: "log", step: "fetch", attempt: 2, level: "ERROR", message: "two", fields: null, at: clock.now() },
  ]);
  expect(log.take()).toEqual([]);
});

test("a flood is cut off, and says so; nothing that is logged can break the write", () => {
  const { log, logger } = runLog();
  for (let count = 0; count < MOST_LOGS + 50; count += 1) logger.info(`m${count}`);
  const entries = log.take();
  expect(entries).toHaveLength(MOST_LOGS);
  expect(entries.at(-1)).toMatchObject({ level: "WARN", message: expect.stringContaining("51 more") });
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  logger.info("half \ud800 and \0", { text: "\0 \ud800" });
  logger.info("cycle", cycle);
  logger.info("long", { text: "x".repeat(20_000) });
  const [odd, circular, long] = log.take();
  expect(odd?.message).toBe("half � and �");
  expect(JSON.parse(odd?.fields ?? "")).toEqual({ text: "� �" });
  expect(circular?.fields).toContain("cannot hold");
  expect(long?.fields).toContain("left out");
});
