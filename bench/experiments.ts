import type { Experiment } from "./harness/run-experiment.ts";
import type { Durability, System } from "./harness/system.ts";
import { SYSTEMS } from "./systems/catalog.ts";

/** Polls for results: a run takes a second, so latency takes a few of them only. */
const POLLS = /^openworkflow/;
/** Commits one by one: nothing that has many in flight is compared with it. */
const SERIAL = /^floor-serial/;
/** Keep no results of steps: with little time they are measured where nothing of the kind is asked for. */
const JOBS = /^pg-boss|^graphile/;
/** What runs one at a time are compared with when there is little time. */
const COMPARED = /^spine|^floor-serial|^dbos$/;
const FLOORS = /^spine|^floor-serial/;
/** Take minutes for 10,000 runs. */
const SLOW = /^openworkflow|^dbos/;

/** All that is measured, with the sizes and rounds of a quick or a full run. */
export function experiments(quick: boolean): readonly Experiment[] {
  return [
    {
      ...throughput("w2", 50, "full", quick ? 2_000 : 4_000, quick ? 2 : 5),
      systems: quick ? without(SERIAL, JOBS) : SYSTEMS,
    },
    {
      ...throughput("w2-one", 1, "full", quick ? 300 : 1_000, quick ? 2 : 5),
      // What is asked of one at a time is asked of Postgres.
      systems: quick
        ? SYSTEMS.filter(({ name, database }) => COMPARED.test(name) && database === "postgres")
        : without(POLLS),
    },
    ...(quick ? [] : [throughput("w2-process", 50, "process", 4_000, 3)]),
    {
      id: "w2-commits",
      title: "database commits per step on SQLite, 50 in flight (counted)",
      workload: "commits",
      durability: "full",
      systems: SYSTEMS.filter(({ kind, database }) => database === "sqlite" && (kind === "spine" || !quick)),
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
      systems: quick ? SYSTEMS.filter(({ name }) => FLOORS.test(name)) : SYSTEMS,
      rounds: quick ? 2 : 3,
      sizes: ({ name }) => ({ runs: POLLS.test(name) ? 2 : quick ? 150 : 1_000 }),
    },
    {
      id: "schedules",
      title:
        "1,000 schedules in one process: how late ticks begin, ms, and statements a second while none is due",
      workload: "schedules",
      durability: "full",
      systems: SYSTEMS.filter(({ kind }) => kind === "spine"),
      // About a minute each, most of it waiting.
      onRequest: quick,
      rounds: 1,
      sizes: () => ({ schedules: 1_000, seconds: 20, idleSeconds: 10 }),
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
    {
      id: "w3",
      title:
        "W3: a burst of runs of one step, stored by one process, drained by two others (25 at a time each)",
      workload: "burst",
      durability: "full",
      // Without OpenWorkflow on SQLite, which came to a standstill here with two processes on one file.
      systems: SYSTEMS.filter(({ queue }) => queue !== undefined),
      rounds: quick ? 1 : 3,
      // Peers that take long drain fewer.
      sizes: ({ name }) => ({
        runs: SLOW.test(name) ? (quick ? 500 : 3_000) : 10_000,
        workers: 2,
        inFlight: 25,
      }),
    },
    spineOnly("w4", "recovery", "W4: 200 runs in flight, kill -9, restart: ms until all have completed", {
      rounds: quick ? 1 : 5,
      sizes: { runs: 200, live: 0 },
    }),
    spineOnly(
      "takeover",
      "recovery",
      "takeover: the same while another process is at work, default settings, ms",
      {
        rounds: quick ? 1 : 5,
        sizes: { runs: 200, live: 1 },
      },
    ),
    spineOnly(
      "queued",
      "queued",
      "queued runs between two idle processes: start to step, start to result, ms",
      {
        rounds: quick ? 1 : 3,
        sizes: { runs: quick ? 100 : 300 },
      },
    ),
    // What a fan-out costs is measured with `children` too.
    ...(quick
      ? []
      : [
          spineOnly(
            "w9",
            "fan-out",
            "W9: 1,000 runs at once, worked on by another process (100 at a time), all results",
            {
              rounds: 3,
              sizes: { runs: 1_000, inFlight: 100 },
            },
          ),
        ]),
    spineOnly(
      "children",
      "children",
      "a map of 1,000 runs, 100 at a time, beside one run of 1,000 plain steps",
      { rounds: quick ? 1 : 3, sizes: { children: 1_000, inFlight: 100 } },
    ),
    spineOnly("memory", "memory", "resident MB with 10,000 queued and 1,000 waiting runs", {
      rounds: 1,
      sizes: { runs: 10_000 },
    }),
    // Takes half a minute on each database: not in a quick run.
    ...(quick
      ? []
      : [
          spineOnly("waiting", "waiting", "10,000 runs that wait: resident MB, and how late they go on, ms", {
            rounds: 1,
            sizes: { runs: 10_000 },
          }),
        ]),
    {
      ...spineOnly("idle", "idle", "statements per second of an idle process", {
        rounds: 1,
        sizes: { seconds: quick ? 10 : 30 },
      }),
      systems: SYSTEMS.filter(({ name }) => name === "spine-postgres"),
    },
    // A part of its own, which takes a minute: `--only data`.
    data("data-parse", "parsing", "a pipe file of 100 MB into batches, beside bare parsers, MB/s", {
      mib: 96,
      rounds: quick ? 2 : 5,
    }),
    data(
      "data-checkpoints",
      "checkpoints",
      "100 MB into a dataset, a commit for each page, beside the same in one transaction",
      { mib: 96, rounds: quick ? 2 : 5 },
    ),
    data(
      "data-memory",
      "data-memory",
      "a large file into a dataset, and `unique` over it: resident MiB above the idle process",
      {
        mib: quick ? 256 : 2_048,
      },
    ),
    {
      id: "data-load",
      title: "W7: a file into a table: read, zod, three checks, load; beside raw COPY, a bare loop, Kysely",
      workload: "load",
      durability: "full",
      onRequest: true,
      systems: SYSTEMS.filter(({ kind }) => kind === "spine"),
      rounds: 1,
      sizes: () => ({ rows: quick ? 200_000 : 1_000_000, rounds: quick ? 2 : 5 }),
    },
    {
      id: "http",
      title: "a request through the Node adapter beside bare node:http, CPU µs; 1,000 pollers beside ten, ms",
      workload: "http",
      durability: "full",
      onRequest: true,
      // Nothing of it is asked of the database that a measurement has.
      systems: SYSTEMS.filter(({ name }) => name === "spine-sqlite"),
      rounds: 1,
      sizes: () => ({ rounds: quick ? 3 : 5, requests: 1_500, pollers: 1_000 }),
    },
    // How lists grow is told by many runs only: a quick run has none.
    ...(quick ? [] : [queries("w5-small", 10_000)]),
    queries("w5", quick ? 10_000 : 1_000_000),
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
    title: `W2: ${runs} runs of 5 steps (peers: a quarter), ${inFlight} in flight, ${level}`,
    workload: "throughput",
    durability,
    systems: SYSTEMS,
    rounds,
    // Peers take several times as long for a run, so fewer runs are enough for the same precision.
    sizes: ({ kind }) => ({ runs: kind === "peer" ? runs / 4 : runs, inFlight }),
  };
}

/** Between processes of Spine. */
function spineOnly(
  id: string,
  workload: string,
  title: string,
  { rounds, sizes }: { readonly rounds: number; readonly sizes: Readonly<Record<string, number>> },
): Experiment {
  const systems = SYSTEMS.filter(({ kind }) => kind === "spine");
  return { id, title, workload, durability: "full", systems, rounds, sizes: () => sizes };
}

/** Rounds are those of readers that take turns in one measurement. */
function data(
  id: string,
  workload: string,
  title: string,
  sizes: Readonly<Record<string, number>>,
): Experiment {
  const systems = SYSTEMS.filter(({ name }) => name === "spine-sqlite");
  return { id, title, workload, durability: "full", onRequest: true, systems, rounds: 1, sizes: () => sizes };
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

function without(...names: readonly RegExp[]): readonly System[] {
  return SYSTEMS.filter(({ name }) => !names.some((one) => one.test(name)));
}
