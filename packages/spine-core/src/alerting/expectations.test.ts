import { expect, test } from "vitest";
import { silentLogger } from "../logger.ts";
import { Expectations } from "./expectations.ts";

const HOUR = 3_600_000;
/** Of the database; that of this process is some other. */
const NOW = Date.parse("2020-01-05T09:00:00.000Z");

test("whether a run is missing is said by the database's clock, whatever that of the process says", async () => {
  const expectations = new Expectations({
    expect: [{ workflow: "demo.nightly", within: "2h" }],
    store: { completions: async () => [NOW - HOUR], watchedSince: async () => NOW },
    partitions: { doctor: () => Promise.reject(new Error("nobody asks")) },
    logger: silentLogger,
  });
  expect((await expectations.look(NOW)).missing).toEqual([]);
  expect(expectations.nextAt).toBe(NOW + HOUR + 1);
  const { missing } = await expectations.look(NOW + HOUR + 1);
  expect(missing).toMatchObject([{ workflow: "demo.nightly", details: { within: "2h" } }]);
});
