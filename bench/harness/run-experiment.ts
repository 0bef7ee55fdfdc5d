import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Databases } from "./databases.ts";
import type { Measurement } from "./measurement.ts";
import { type Figures, medians } from "./statistics.ts";
import type { Durability, System } from "./system.ts";

/** One workload at one size, for several systems that take turns. */
export interface Experiment {
  /** What it is called in tables and results, e.g. `w2`. */
  readonly id: string;
  readonly title: string;
  /** True: it is left out unless it is asked for (`--only`). */
  readonly onRequest?: boolean;
  /** The workload's name in its catalogue. */
  readonly workload: string;
  readonly durability: Durability;
  readonly systems: readonly System[];
  readonly rounds: number;
  /** Sizes for a system; they differ where a peer would take minutes (which is then in the figures). */
  readonly sizes: (system: System) => Readonly<Record<string, number>>;
}

export interface Result {
  readonly experiment: Experiment;
  readonly system: System;
  /** Medians over the rounds; empty when it failed. */
  readonly figures: Figures;
  readonly rounds: readonly Figures[];
  readonly error: string | null;
}

/** A measurement that takes longer is stopped and counts as failed. */
const LIMIT_MS = 15 * 60_000;

/** Measures all systems, each in a process and a database of its own, A B C, A B C, so that drift hits all alike. */
export async function runExperiment(
  experiment: Experiment,
  databases: Databases,
  say: (text: string) => void,
): Promise<readonly Result[]> {
  const rounds = new Map<System, Figures[]>(experiment.systems.map((system) => [system, []]));
  const errors = new Map<System, string>();
  for (let round = 1; round <= experiment.rounds; round += 1) {
    for (const system of experiment.systems) {
      if (errors.has(system)) continue;
      say(`${experiment.id} round ${round}/${experiment.rounds} ${system.name}`);
      try {
        rounds.get(system)?.push(await measureOnce(experiment, system, databases));
      } catch (error) {
        errors.set(system, error instanceof Error ? error.message : String(error));
      }
    }
  }
  return experiment.systems.map((system) => {
    const measured = rounds.get(system) ?? [];
    const error = errors.get(system) ?? null;
    return { experiment, system, figures: error ? {} : medians(measured), rounds: measured, error };
  });
}

async function measureOnce(experiment: Experiment, system: System, databases: Databases): Promise<Figures> {
  const { workload, durability, sizes } = experiment;
  return await databases.with(system.database, durability, (database, postmaster) =>
    inChild({ workload, system: system.name, database, durability, sizes: sizes(system), postmaster }),
  );
}

function inChild(measurement: Measurement): Promise<Figures> {
  const child = fork(fileURLToPath(new URL("measure.ts", import.meta.url)), [JSON.stringify(measurement)], {
    execArgv: ["--conditions=spine-source"],
    // Standard output is for results alone.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  let said = "";
  child.stderr?.on("data", (text) => {
    said = `${said}${String(text)}`.slice(-4_000);
  });
  return new Promise<Figures>((resolve, reject) => {
    child.on("message", (figures) => resolve(figures as Figures));
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      reject(new Error(`${measurement.system} ended (${signal ?? code}) without a result. ${said.trim()}`));
    });
  }).finally(() => clearTimeout(timer));
}
