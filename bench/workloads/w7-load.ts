import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forkWorker } from "../harness/fork-worker.ts";
import type { Measurement } from "../harness/measurement.ts";
import { type Figures, median } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import type { LoadAnswer } from "./w7-process.ts";

const PROCESS = new URL("w7-process.ts", import.meta.url);

/**
 * A file into a table, the whole way (read, transform by zod, three checks, load in one transaction), beside what the database
 * can do at the most: the same file piped raw into COPY, or on SQLite split and bound in a loop of one prepared statement; and
 * beside inserts of many rows through Kysely. The targets have the same columns, types and key. All take turns, each in its process.
 */
export async function measureLoad(system: System, measurement: Measurement): Promise<Figures> {
  const { rows = 0, rounds = 1 } = measurement.sizes;
  const others = system.database === "postgres" ? ["raw-copy", "kysely"] : ["loop"];
  const path = join(tmpdir(), `spine-w7-${process.pid}.psv`);
  const { database, durability } = measurement;
  const kinds = ["spine", "fused", ...others];
  writeFile(path, rows);
  const workers = await Promise.all(
    kinds.map((kind) => forkWorker(PROCESS, { kind, path, database, durability, engine: system.database })),
  );
  try {
    const taken: Record<string, number>[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const one: Record<string, number> = {};
      for (const [index, kind] of kinds.entries()) {
        const answer = (await workers[index]?.ask(round)) as LoadAnswer;
        one[kind] = answer.rows / answer.ms;
        one[`${kind} cpu`] = answer.cpuMs / answer.rows;
      }
      // The first one warms up: what is compiled, what lies in the cache.
      if (round > 0 || rounds === 1) taken.push(one);
    }
    const figures: Record<string, number> = {};
    for (const kind of kinds)
      figures[`${kind}RowsPerMs`] = median(taken.map((one) => one[kind] ?? Number.NaN));
    for (const kind of ["spine", "fused"]) {
      const prefix = kind === "spine" ? "" : "fused-";
      figures[`${prefix}cpuUsPerRow`] = median(
        taken.map((one) => 1_000 * (one[`${kind} cpu`] ?? Number.NaN)),
      );
      for (const other of others)
        figures[`${prefix}vs-${other}`] = median(
          taken.map((one) => (one[kind] ?? Number.NaN) / (one[other] ?? Number.NaN)),
        );
    }
    return figures;
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    rmSync(path, { force: true });
  }
}

const NAMES = ["Some Company Inc. Common Stock", "ADR Holdings Ltd", "Global X Funds ETF Trust (Series A)"];
const FIRMS = ["OTC LINK ATS", "CITADEL SECURITIES LLC", "VIRTU AMERICAS LLC"];

/** A pipe file of so many rows of about a hundred bytes, whose key (symbol and number) is in no order. */
function writeFile(path: string, rows: number): void {
  let state = 1;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const two = (most: number) => String(1 + below(most)).padStart(2, "0");
  const file = openSync(path, "w");
  writeSync(file, "id|symbol|name|firm|mpid|shares|trades|updated\n");
  let lines: string[] = [];
  for (let id = 1; id <= rows; id += 1) {
    const symbol = String.fromCharCode(...Array.from({ length: 4 }, () => 65 + below(26)));
    lines.push(
      `${id}|${symbol}|${NAMES[below(3)]}|${FIRMS[below(3)]}|MPD${below(9)}|${below(9_999_999)}.${below(999_999)}|${below(9_999)}|2025-${two(12)}-${two(28)}\n`,
    );
    if (lines.length < 10_000 && id < rows) continue;
    writeSync(file, lines.join(""));
    lines = [];
  }
  closeSync(file);
}
