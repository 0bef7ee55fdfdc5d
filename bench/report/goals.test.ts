import { expect, test } from "vitest";
import { experiments } from "../experiments.ts";
import type { Result } from "../harness/run-experiment.ts";
import type { Figures } from "../harness/statistics.ts";
import { measured, missed, summarize } from "./goals.ts";

test("a ratio is the median of those of the rounds in which the systems took turns", () => {
  const rounds = (system: string, rates: readonly number[]): Result => ({
    ...result("w2", system, {}),
    rounds: rates.map((runsPerSecond) => ({ runsPerSecond })),
  });
  const results = [
    rounds("spine-postgres", [1_000, 300, 900]),
    rounds("dbos", [100, 50, 90]),
    rounds("openworkflow-postgres", [125, 20, 50]),
    rounds("floor-minimal-postgres", [2_000, 900, 3_000]),
  ];
  expect(summarize(results)).toMatchObject({ w2_pg_vs_best_peer: 8, w2_pg_vs_minimal: 1 / 3 });
});

test("the summary is ratios, null for what was not measured", () => {
  const results = [
    result("w2", "spine-sqlite", { runsPerSecond: 3_000, loopDelayP99: 30 }),
    result("w2", "openworkflow-sqlite", { runsPerSecond: 200 }),
    result("w2", "floor-same-rows-sqlite", { runsPerSecond: 6_000 }),
    result("w8", "spine-sqlite", { ratio: 1.1 }),
  ];
  const summary = summarize(results);
  expect(summary).toMatchObject({
    w2_sqlite_vs_openworkflow: 15,
    w2_sqlite_vs_same_rows: 0.5,
    w2_pg_vs_best_peer: null,
    w8_ratio: 1.1,
  });
  expect(missed(summary)).toEqual(["w2_sqlite_vs_same_rows", "loop_delay_p99_ms"]);
  expect(measured(summary)).toBe(4);
  expect(measured(summarize([]))).toBe(0);
});

test("the best peer is the fastest one that records each step", () => {
  const rate = (system: string, runsPerSecond: number) => result("w2", system, { runsPerSecond });
  const results = [rate("spine-postgres", 2_000), rate("dbos", 200), rate("openworkflow-postgres", 250)];
  expect(summarize([...results, rate("graphile-worker", 1_000)]).w2_pg_vs_best_peer).toBe(8);
});

function result(experimentId: string, name: string, figures: Figures): Result {
  const experiment = experiments(false).find(({ id }) => id === experimentId);
  const system = experiment?.systems.find((one) => one.name === name);
  if (!experiment || !system) throw new Error(`no ${experimentId} of ${name}`);
  return { experiment, system, figures, rounds: [figures], error: null };
}
