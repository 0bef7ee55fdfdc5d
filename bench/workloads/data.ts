import { rmSync } from "node:fs";
import { forkWorker } from "../harness/fork-worker.ts";
import type { Measurement } from "../harness/measurement.ts";
import { writePipeFile } from "../harness/pipe-file.ts";
import { type Figures, median } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import type { DataAnswer } from "./data-process.ts";

const PROCESS = new URL("data-process.ts", import.meta.url);
const MIB = 1024 * 1024;

/** A pipe file of so many MiB, read by Spine's source, and bare by two parsers: each in its process, in turns, MB/s. */
export async function measureParsing(_system: System, measurement: Measurement): Promise<Figures> {
  const times = await inTurns(measurement, ["spine", "papaparse", "udsv"]);
  const { mib = 0 } = measurement.sizes;
  const ratios = times.map(({ spine = 0, papaparse = 0, udsv = 0 }) => ({
    papaparse: papaparse / spine,
    udsv: udsv / spine,
    // One of them is enough for the goal; both ratios are in the figures.
    bare: Math.max(papaparse, udsv) / spine,
  }));
  const speed = (name: string) =>
    median(times.map((round) => (mib * MIB) / 1_000 / (round[name] ?? Number.NaN)));
  return {
    spineMbPerS: speed("spine"),
    papaparseMbPerS: speed("papaparse"),
    udsvMbPerS: speed("udsv"),
    vsPapaparse: median(ratios.map((each) => each.papaparse)),
    vsUdsv: median(ratios.map((each) => each.udsv)),
    vsBare: median(ratios.map((each) => each.bare)),
    cpuVsPapaparse: cpuRatio(times, "papaparse"),
    cpuVsUdsv: cpuRatio(times, "udsv"),
  };
}

function cpuRatio(times: readonly Round[], other: string): number {
  return median(
    times.map((round) => (round[`${other} cpu`] ?? Number.NaN) / (round["spine cpu"] ?? Number.NaN)),
  );
}

/**
 * The same file into a dataset: a fetch step, which commits each page with its cursor, beside the same pages stored in one
 * transaction; and beside reading them only.
 */
export async function measureCheckpoints(_system: System, measurement: Measurement): Promise<Figures> {
  const times = await inTurns(measurement, ["fetched", "stored-at-once", "spine"]);
  const over = (name: string) =>
    median(times.map((round) => (round.fetched ?? Number.NaN) / (round[name] ?? Number.NaN) - 1));
  const cpu = median(
    times.map(
      (round) => (round["fetched cpu"] ?? Number.NaN) / (round["stored-at-once cpu"] ?? Number.NaN) - 1,
    ),
  );
  return { overhead: over("stored-at-once"), cpuOverhead: cpu, storingOverhead: over("spine") };
}

/**
 * How much the resident memory grows while a large file is fetched and looked through for keys that come twice, MiB above the
 * process before it, which has done nothing yet.
 */
export async function measureDataMemory(_system: System, measurement: Measurement): Promise<Figures> {
  const { mib = 0 } = measurement.sizes;
  const { answers } = await withFile(measurement, mib, async (path, rows) => {
    const worker = await forkWorker(PROCESS, { ...ofDatabase(measurement), path });
    try {
      const answer = (await worker.ask("checked")) as DataAnswer;
      check(answer, rows);
      return { answers: answer };
    } finally {
      await worker.kill();
    }
  });
  return {
    peakMib: (answers.peak - answers.idle) / MIB,
    idleMib: answers.idle / MIB,
    seconds: answers.ms / 1_000,
  };
}

type Round = Readonly<Record<string, number>>;

/** Milliseconds of each reader in each round. Every process has read the file once before. */
async function inTurns(measurement: Measurement, readers: readonly string[]): Promise<readonly Round[]> {
  const { mib = 0, rounds = 1 } = measurement.sizes;
  return await withFile(measurement, mib, async (path, rows) => {
    const workers = await Promise.all(
      readers.map(async (name) => ({
        name,
        worker: await forkWorker(PROCESS, { ...ofDatabase(measurement, name), path }),
      })),
    );
    try {
      const times: Record<string, number>[] = [];
      for (let round = 0; round <= rounds; round += 1) {
        const taken: Record<string, number> = {};
        for (const { name, worker } of workers) {
          const answer = (await worker.ask(name)) as DataAnswer;
          // uDSV hands over the fields of a batch as one list.
          if (name !== "udsv") check(answer, rows);
          taken[name] = answer.ms;
          taken[`${name} cpu`] = answer.cpuMs;
        }
        if (round > 0) times.push(taken);
      }
      return times;
    } finally {
      await Promise.all(workers.map(({ worker }) => worker.kill()));
    }
  });
}

function ofDatabase({ database, durability }: Measurement, name = "") {
  return { database: `${database}${name}`, durability };
}

async function withFile<T>(
  { database }: Measurement,
  mib: number,
  work: (path: string, rows: number) => Promise<T>,
): Promise<T> {
  const path = `${database}.psv`;
  try {
    return await work(path, writePipeFile(path, mib));
  } finally {
    rmSync(path, { force: true });
  }
}

function check({ rows }: DataAnswer, expected: number): void {
  if (rows !== expected) throw new Error(`${rows} rows were read of ${expected}.`);
}
