// Keys beyond those that fit into memory: what a quality step takes stays flat, however many there are.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  createSpine,
  defineWorkflow,
  type QualityCheck,
  type Source,
  silentLogger,
  unique,
} from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { PLACES } from "./testing/places.ts";

const MIB = 1024 * 1024;
const ROWS = 200_000;

/** Rows whose keys are all distinct, made as they are read. */
const many: Source<object, { readonly id: string; readonly n: number }> = {
  name: "many",
  async *stream(_request, { cursor } = {}) {
    for (let from = Number(cursor ?? 0); from < ROWS; from += 5_000) {
      const rows = Array.from({ length: 5_000 }, (_, at) => ({
        id: `a key that takes its place in memory ${from + at}`,
        n: from + at,
      }));
      yield { rows, cursor: from + 5_000 };
    }
  },
};

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
/** Bytes on the heap that are in use. */
const inUse = () => {
  collect();
  return process.memoryUsage().heapUsed;
};
let kept = Number.NaN;
/** Measures what the checks before it keep once they have seen all rows. */
const keeps: QualityCheck<object> = {
  name: "keeps",
  category: "BUSINESS_RULE",
  blocking: true,
  memory: "constant",
  start: () => {
    const before = inUse();
    return {
      add: () => {},
      inspect: () => {
        kept = inUse() - before;
        return null;
      },
      finish: () => ({ status: "PASS", message: "measured" }),
    };
  },
};

describe.each(PLACES)("on %s", (_name, open) => {
  test(`memory stays flat over ${ROWS} distinct keys, and each is counted`, async () => {
    const place = await open();
    onTestFinished(() => place.remove());
    const spine = await createSpine({ database: place.database(), logger: silentLogger });
    onTestFinished(() => spine.stop());
    const flow = defineWorkflow({ name: "demo.many_keys" })
      .fetch("rows", { from: many, request: () => ({}) })
      .quality("check", { on: "rows", checks: [unique(["id"]), unique(["id", "n"]), keeps] });
    const idle = process.memoryUsage.rss();
    let peak = 0;
    const look = () => {
      peak = Math.max(peak, process.memoryUsage.rss());
    };
    const timer = setInterval(look, 5);
    onTestFinished(() => clearInterval(timer));
    const { outputs } = await (await spine.run(flow, {})).result();
    look();
    expect(outputs.check.results.map(({ status, rowsTested }) => [status, rowsTested])).toEqual([
      ["PASS", ROWS],
      ["PASS", ROWS],
      ["PASS", ROWS],
    ]);
    // Two sets of all keys would be 40 MiB at least.
    expect(kept).toBeLessThan(12 * MIB);
    expect(peak - idle).toBeLessThan(256 * MIB);
  }, 120_000);
});
