import type { Experiment } from "./harness/run-experiment.ts";
import type { Durability, System } from "./harness/system.ts";
import { SYSTEMS } from "./systems/catalog.ts";

/** Polls for results: a run takes a second, so latency takes a few of them only. */
const POLLS = /^openworkflow/;

/** All that is measured, with the sizes and rounds of a quick or a full run. */
export function experiments(quick: boolean): readonly Experiment[] {
  return [
    throughput("w2", 50, "full", quick ? 2_000 : 4_000, quick ? 3 : 5),
    { ...throughput("w2-one", 1, "full", quick ? 300 : 1_000, quick ? 3 : 5), systems: without(POLLS) },
    ...(quick ? [] : [throughput("w2-process", 50, "process", 4_000, 3)]),
    {
      id: "w2-commits",
      title: "database commits per step on SQLite, 50 in flight (counted)",
      workload: "commits",
      durability: "full",
      systems: SYSTEMS.filter(({ database }) => database === "sqlite"),
      rounds: 1,
      sizes: () => ({ runs: 200, inFlight: 50 }),
    },
    {
      id: "w2-commits-one",
      title: "database commits per step on SQLite, 1 in flight (counted)",
      workload: "commits",
      durability: "full",
      systems: SYSTEMS.filter(({ name }) => name === "spine-sqlite"),
      rounds: 1,
      sizes: () => ({ runs: 50, inFlight: 1 }),
    },
    {
      id: "w1",
      title: "W1: one run of one trivial step, start to durable result, ms",
      workload: "latency",
      durability: "full",
      systems: SYSTEMS,
      rounds: 3,
      sizes: ({ name }) => ({ runs: POLLS.test(name) ? 2 : quick ? 200 : 1_000 }),
    },
    {
      id: "w8",
      title: "W8: one run of 10,000 steps, time per step at its end / at its start",
      workload: "long-run",
      durability: "full",
      systems: SYSTEMS.filter(({ kind }) => kind === "spine"),
      rounds: quick ? 1 : 3,
      sizes: () => ({ steps: 10_000 }),
    },
    queries("w5-small", 10_000),
    queries("w5", quick ? 20_000 : 1_000_000),
  ];
}

function throughput(
  id: string,
  inFlight: number,
  durability: Durability,
  runs: number,
  rounds: number,
): Experiment {
  const level = durability === "full" ? "fsync on" : "survives the process only";
  return {
    id,
    title: `W2: ${runs} runs of 5 steps (peers: half as many), ${inFlight} in flight, ${level}`,
    workload: "throughput",
    durability,
    systems: SYSTEMS,
    rounds,
    // Peers take several times as long for a run, so fewer runs are enough for the same precision.
    sizes: ({ kind }) => ({ runs: kind === "peer" ? runs / 2 : runs, inFlight }),
  };
}

function queries(id: string, runs: number): Experiment {
  return {
    id,
    title: `W5: pages of 50 from ${runs} runs, beside a get by primary key, ms`,
    workload: "queries",
    durability: "full",
    systems: SYSTEMS.filter(({ kind }) => kind === "spine"),
    rounds: 1,
    sizes: () => ({ runs, queries: 500 }),
  };
}

function without(names: RegExp): readonly System[] {
  return SYSTEMS.filter(({ name }) => !names.test(name));
}
