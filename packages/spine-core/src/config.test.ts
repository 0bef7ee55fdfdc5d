import { expect, test } from "vitest";
import { configFromEnv } from "./config.ts";

test("has defaults, and reads what is set", () => {
  expect(configFromEnv({})).toEqual({ logLevel: "INFO", concurrency: 10 });
  expect(configFromEnv({ SPINE_LOG_LEVEL: "debug", SPINE_CONCURRENCY: "3" })).toEqual({
    logLevel: "DEBUG",
    concurrency: 3,
  });
});

test.each([
  ["SPINE_LOG_LEVEL", "LOUD"],
  ["SPINE_CONCURRENCY", "0"],
  ["SPINE_CONCURRENCY", "many"],
])("names %s when it is %s", (name, value) => {
  expect(() => configFromEnv({ [name]: value })).toThrowError(
    expect.objectContaining({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(`${name} is "${value}"`),
    }),
  );
});
