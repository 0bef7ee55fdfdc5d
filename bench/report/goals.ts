import type { Result } from "../harness/run-experiment.ts";
import { median } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";

/** What the figures come to; null where they were not measured. */
export interface Summary {
  readonly w2_pg_vs_best_peer: number | null;
  readonly w2_pg_vs_same_rows: number | null;
  readonly w2_pg_vs_minimal: number | null;
  readonly w2_sqlite_vs_openworkflow: number | null;
  readonly w2_sqlite_vs_same_rows: number | null;
  readonly w2_sqlite_vs_minimal: number | null;
  readonly w2_one_pg_vs_serial: number | null;
  readonly w2_one_pg_vs_dbos: number | null;
  readonly w1_vs_floor: number | null;
  readonly w1_pg_vs_floor: number | null;
  readonly round_trips_per_step: number | null;
  readonly round_trips_per_step_one: number | null;
  readonly commits_per_step: number | null;
  readonly commits_per_step_one: number | null;
  readonly cpu_pg_vs_same_rows: number | null;
  readonly cpu_sqlite_vs_same_rows: number | null;
  readonly loop_delay_p99_ms: number | null;
  readonly w8_ratio: number | null;
  readonly w3_vs_best_peer: number | null;
  readonly w3_vs_same_rows: number | null;
  readonly w4_restart_ms: number | null;
  readonly finished_ran_again: number | null;
  readonly takeover_s: number | null;
  readonly queued_start_p50_ms: number | null;
  readonly queued_result_p50_ms: number | null;
  readonly queued_result_vs_floor: number | null;
  readonly idle_statements_per_s: number | null;
  readonly waiting_rss_mb: number | null;
  readonly children_vs_steps: number | null;
  readonly sleeping_rss_mb: number | null;
  readonly woken_late_ms: number | null;
  readonly w5_rows_read: number | null;
  readonly w5_vs_get: number | null;
  readonly w5_vs_small: number | null;
  readonly parse_vs_bare: number | null;
  readonly checkpoint_overhead: number | null;
  readonly peak_rss_mib: number | null;
  readonly w7_pg_vs_raw_copy: number | null;
  readonly w7_pg_fused_vs_raw_copy: number | null;
  readonly w7_pg_vs_kysely: number | null;
  readonly w7_sqlite_vs_loop: number | null;
  readonly http_cpu_vs_bare: number | null;
  readonly http_pollers_p99_vs_ten: number | null;
}

type Goal = { readonly least: number } | { readonly most: number } | { readonly below: number };

/** The figures that have a goal; the others are only told. */
export type GoalName = Exclude<keyof Summary, "cpu_sqlite_vs_same_rows">;

/** What Spine has to reach, all of it in one run. */
export const GOALS: Readonly<Record<GoalName, Goal>> = {
  w2_pg_vs_best_peer: { least: 8 },
  w2_pg_vs_same_rows: { least: 0.65 },
  w2_pg_vs_minimal: { least: 0.35 },
  w2_sqlite_vs_openworkflow: { least: 10 },
  w2_sqlite_vs_same_rows: { least: 0.65 },
  w2_sqlite_vs_minimal: { least: 0.35 },
  w2_one_pg_vs_serial: { least: 0.8 },
  w2_one_pg_vs_dbos: { least: 4 },
  w1_vs_floor: { most: 1.5 },
  w1_pg_vs_floor: { most: 1.5 },
  round_trips_per_step: { most: 1 },
  // A run that is alone shares with nobody: its start is a write besides those of its five steps. The slack is for
  // the look for work once a second, which is no part of any run.
  round_trips_per_step_one: { most: 1.25 },
  commits_per_step: { most: 1 },
  commits_per_step_one: { most: 1.2 },
  cpu_pg_vs_same_rows: { most: 2 },
  loop_delay_p99_ms: { most: 25 },
  w8_ratio: { most: 1.2 },
  w3_vs_best_peer: { least: 8 },
  w3_vs_same_rows: { least: 0.65 },
  w4_restart_ms: { most: 300 },
  finished_ran_again: { most: 0 },
  takeover_s: { below: 2 },
  queued_start_p50_ms: { most: 10 },
  queued_result_p50_ms: { most: 20 },
  queued_result_vs_floor: { most: 5 },
  idle_statements_per_s: { below: 1 },
  waiting_rss_mb: { most: 150 },
  children_vs_steps: { most: 3 },
  sleeping_rss_mb: { most: 150 },
  woken_late_ms: { most: 1_000 },
  w5_rows_read: { most: 5 },
  w5_vs_get: { most: 5 },
  w5_vs_small: { most: 1.5 },
  parse_vs_bare: { least: 0.8 },
  checkpoint_overhead: { most: 0.1 },
  peak_rss_mib: { most: 256 },
  w7_pg_vs_raw_copy: { least: 0.55 },
  w7_pg_fused_vs_raw_copy: { least: 0.35 },
  w7_pg_vs_kysely: { least: 4 },
  w7_sqlite_vs_loop: { least: 0.6 },
  http_cpu_vs_bare: { most: 2 },
  http_pollers_p99_vs_ten: { most: 5 },
};

/** Peers that record each step, and so make the same promise. */
const DURABLE_STEPS = ["dbos", "openworkflow-postgres"];

/**
 * The ratios. Where two systems took turns, a ratio is the median of those of the single rounds: what the machine did in a
 * round, it did to both.
 */
export function summarize(results: readonly Result[]): Summary {
  const find = (experiment: string, system: string) =>
    results.find((result) => result.experiment.id === experiment && result.system.name === system);
  const figure = (experiment: string, system: string, name: string): number | null =>
    find(experiment, system)?.figures[name] ?? null;
  const ofSpine = (experiment: string, name: string) =>
    worst(ENGINES.map((one) => figure(experiment, one, name)));
  const beside = (experiment: string, name: string, system: string, others: readonly string[]) =>
    paired(
      find(experiment, system),
      others.flatMap((other) => find(experiment, other) ?? []),
      name,
    );
  const rate = (system: string, others: readonly string[], experiment = "w2") =>
    beside(experiment, "runsPerSecond", system, others);
  const drain = (kind: System["database"], others: readonly string[]) =>
    beside("w3", "drainPerSecond", `spine-${kind}`, others);
  const cpu = (kind: System["database"]) =>
    beside("w2", "cpuMsPerRun", `spine-${kind}`, [`floor-same-rows-${kind}`]);
  const latency = (kind: System["database"]) =>
    beside("w1", "p50", `spine-${kind}`, [`floor-serial-${kind}`]);
  const rowsRead = results
    .filter(({ experiment }) => experiment.id === "w5")
    .flatMap(({ figures }) => Object.entries(figures).filter(([name]) => name.endsWith("RowsRead")))
    .map(([, value]) => value);
  const takeover = ofSpine("takeover", "ms");
  const [pg, lite] = ["spine-postgres", "spine-sqlite"];
  return {
    w2_pg_vs_best_peer: rate(pg, DURABLE_STEPS),
    w2_pg_vs_same_rows: rate(pg, ["floor-same-rows-postgres"]),
    w2_pg_vs_minimal: rate(pg, ["floor-minimal-postgres"]),
    w2_sqlite_vs_openworkflow: rate(lite, ["openworkflow-sqlite"]),
    w2_sqlite_vs_same_rows: rate(lite, ["floor-same-rows-sqlite"]),
    w2_sqlite_vs_minimal: rate(lite, ["floor-minimal-sqlite"]),
    w2_one_pg_vs_serial: rate(pg, ["floor-serial-postgres"], "w2-one"),
    w2_one_pg_vs_dbos: rate(pg, ["dbos"], "w2-one"),
    w1_vs_floor: latency("sqlite"),
    w1_pg_vs_floor: latency("postgres"),
    round_trips_per_step: figure("w2", "spine-postgres", "roundTripsPerStep"),
    round_trips_per_step_one: figure("w2-one", "spine-postgres", "roundTripsPerStep"),
    commits_per_step: figure("w2-commits", "spine-sqlite", "commitsPerStep"),
    commits_per_step_one: figure("w2-commits-one", "spine-sqlite", "commitsPerStep"),
    cpu_pg_vs_same_rows: cpu("postgres"),
    cpu_sqlite_vs_same_rows: cpu("sqlite"),
    loop_delay_p99_ms: figure("w2", "spine-sqlite", "loopDelayP99"),
    w8_ratio: ofSpine("w8", "ratio"),
    w3_vs_best_peer: drain("postgres", DURABLE_STEPS),
    w3_vs_same_rows: least([
      drain("postgres", ["floor-same-rows-postgres"]),
      drain("sqlite", ["floor-same-rows-sqlite"]),
    ]),
    w4_restart_ms: ofSpine("w4", "ms"),
    finished_ran_again: worst([ofSpine("w4", "ranAgain"), ofSpine("takeover", "ranAgain")]),
    takeover_s: takeover === null ? null : takeover / 1_000,
    queued_start_p50_ms: ofSpine("queued", "startP50"),
    queued_result_p50_ms: ofSpine("queued", "resultP50"),
    queued_result_vs_floor: worst(
      ENGINES.map((name) =>
        ratio(
          figure("queued", name, "resultP50"),
          figure("w1", name.replace("spine", "floor-serial"), "p50"),
        ),
      ),
    ),
    idle_statements_per_s: figure("idle", "spine-postgres", "statementsPerSecond"),
    waiting_rss_mb: ofSpine("memory", "rssMb"),
    children_vs_steps: ofSpine("children", "ratio"),
    sleeping_rss_mb: ofSpine("waiting", "rssMb"),
    woken_late_ms: ofSpine("waiting", "lateP99"),
    w5_rows_read: worst(rowsRead),
    w5_vs_get: ofSpine("w5", "worstVsGet"),
    w5_vs_small: worst(ENGINES.flatMap((name) => grown(find("w5", name), find("w5-small", name)))),
    parse_vs_bare: figure("data-parse", lite, "vsBare"),
    checkpoint_overhead: figure("data-checkpoints", lite, "overhead"),
    peak_rss_mib: figure("data-memory", lite, "peakMib"),
    w7_pg_vs_raw_copy: figure("data-load", pg, "vs-raw-copy"),
    w7_pg_fused_vs_raw_copy: figure("data-load", pg, "fused-vs-raw-copy"),
    w7_pg_vs_kysely: figure("data-load", pg, "vs-kysely"),
    w7_sqlite_vs_loop: figure("data-load", lite, "vs-loop"),
    http_cpu_vs_bare: figure("http", lite, "cpuVsBare"),
    http_pollers_p99_vs_ten: figure("http", lite, "pollersVsTen"),
  };
}

/** A figure divided by the largest of others, in each round in which all were measured; the median. */
function paired(result: Result | undefined, others: readonly Result[], name: string): number | null {
  const rounds = result?.rounds.flatMap((figures, round) => {
    const beside = worst(others.map((other) => other.rounds[round]?.[name] ?? null));
    return ratio(figures[name] ?? null, beside) ?? [];
  });
  return rounds === undefined || rounds.length === 0 ? null : median(rounds);
}

/** How many times each list of many runs takes what it takes of few. */
function grown(large: Result | undefined, small: Result | undefined): readonly (number | null)[] {
  const lists = Object.keys(large?.figures ?? {}).filter((name) => /^(newest|by\w+)P99$/.test(name));
  return lists.map((name) => ratio(large?.figures[name] ?? null, small?.figures[name] ?? null));
}

const ENGINES = ["spine-sqlite", "spine-postgres"];

/** The goals that were measured and are not met. */
export function missed(summary: Summary): readonly GoalName[] {
  return (Object.keys(GOALS) as GoalName[]).filter((name) => {
    const value = summary[name];
    const goal = GOALS[name];
    return value !== null && !isMet(value, goal);
  });
}

function isMet(value: number, goal: Goal): boolean {
  if ("least" in goal) return value >= goal.least;
  return "most" in goal ? value <= goal.most : value < goal.below;
}

/** How many of the goals were measured: the others are neither met nor missed. */
export function measured(summary: Summary): number {
  return (Object.keys(GOALS) as GoalName[]).filter((name) => summary[name] !== null).length;
}

function ratio(value: number | null, of: number | null): number | null {
  return value === null || of === null ? null : value / of;
}

/** The smallest of those that were measured. */
function least(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** The largest of those that were measured: the fastest peer, the slowest query. */
function worst(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
