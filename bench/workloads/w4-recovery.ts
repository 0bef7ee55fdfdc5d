import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { builtProcess } from "../harness/built-process.ts";
import { forkWorker, type WorkerProcess } from "../harness/fork-worker.ts";
import type { Measurement } from "../harness/measurement.ts";
import type { Figures } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import { spineDatabase } from "../systems/spine.ts";
import type { SpineProcess } from "./spine-process.ts";

const SOURCE = new URL("spine-process.ts", import.meta.url);
/** The step in which all runs are when their process dies; those before it are finished. */
const HELD_AT = 2;
const LOOK_MS = 2;

/**
 * W4, recovery: `runs` runs are in flight in one process, which is killed; milliseconds from the kill until all have
 * completed. With `live` = 1 another process was at work beside it (takeover); with 0 a new one is started then, its
 * modules loaded (restart).
 */
export async function measureRecovery(system: System, measurement: Measurement): Promise<Figures> {
  const { database, durability, sizes } = measurement;
  const { runs = 200, live = 0 } = sizes;
  const folder = mkdtempSync(join(tmpdir(), "spine-bench-ledger-"));
  const ledger = join(folder, "ledger");
  writeFileSync(ledger, "");
  const options: SpineProcess = {
    kind: system.database,
    database,
    durability,
    inFlight: runs,
    worker: true,
    ledger,
  };
  const reader = spineDatabase(system.database, { database, durability });
  const table = sql.raw(system.database === "sqlite" ? "workflow_runs" : "spine.workflow_runs");
  const completed = async () => {
    const { rows } = await sql<{ n: number | string }>`
SELECT count(*) AS n FROM ${table} WHERE status = 'COMPLETED'`.execute(reader.kysely);
    return Number(rows[0]?.n);
  };
  const begun = () => readFileSync(ledger, "utf8").trim().split("\n");
  const processes: WorkerProcess[] = [];
  const start = async (more: Partial<SpineProcess>) => {
    const started = await forkWorker(await builtProcess(SOURCE), { ...options, ...more });
    processes.push(started);
    return started;
  };
  try {
    const doomed = await start({ holdsAt: HELD_AT });
    await doomed.ask({ command: "open" });
    await doomed.ask({ command: "startHeld", count: runs });
    const held = () => begun().filter((line) => line.endsWith(` ${HELD_AT}`)).length;
    while (held() < runs) await delay(LOOK_MS);
    const next = await start({});
    if (live > 0) {
      await next.ask({ command: "open" });
      await delay(3_000);
    }
    const before = performance.now();
    await doomed.kill();
    if (live === 0) await next.ask({ command: "open" });
    while ((await completed()) < runs) await delay(LOOK_MS);
    const ms = performance.now() - before;
    const finished = begun().filter((line) => Number(line.split(" ")[1]) < HELD_AT);
    return { ms, ranAgain: finished.length - runs * HELD_AT };
  } finally {
    for (const one of processes) await one.kill();
    await reader.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
