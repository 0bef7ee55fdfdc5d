// A process that reads one file, in one of the ways that are compared, and says how long it took.
import { DatabaseSync } from "node:sqlite";
import { fileSource } from "spine-adapters/sources";
import { encodeChunk } from "spine-adapters/testing";
import { createSpine, defineWorkflow, silentLogger, unique, type WorkflowData } from "spine-core";
import { serveAsWorker } from "../harness/fork-worker.ts";
import type { Environment } from "../harness/system.ts";
import { spineDatabase } from "../systems/spine.ts";

export interface DataProcess extends Pick<Environment, "database" | "durability"> {
  readonly path: string;
}

export interface DataAnswer {
  readonly ms: number;
  /** CPU time of all threads of the process: where others are at work on the machine, it says more than the clock. */
  readonly cpuMs: number;
  readonly rows: number;
  /** Resident bytes before, and at most meanwhile. */
  readonly idle: number;
  readonly peak: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as DataProcess;
const source = fileSource({ roots: ["/"], delimiter: "|", quote: null });
let databases = 0;

const READERS: Readonly<Record<string, () => Promise<number>>> = {
  /** Batches of rows as objects, with lines and cursors. */
  async spine() {
    let rows = 0;
    for await (const page of source.stream({ path: options.path })) rows += page.rows.length;
    return rows;
  },
  papaparse: () => peer("papaparse"),
  udsv: () => peer("udsv"),
  /** The same pages, encoded as Spine stores them, in one transaction at the end of which all is durable: no checkpoint. */
  async "stored-at-once"() {
    databases += 1;
    const database = new DatabaseSync(`${options.database}-at-once-${databases}`);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.exec("CREATE TABLE chunks (chunk INTEGER PRIMARY KEY, hash TEXT, lines TEXT, data BLOB)");
    const insert = database.prepare("INSERT INTO chunks (hash, lines, data) VALUES (?, ?, ?)");
    let rows = 0;
    database.exec("BEGIN");
    for await (const page of source.stream({ path: options.path })) {
      const { data, hash, lines } = encodeChunk(page.rows, page.lines ?? null);
      insert.run(hash, lines, data);
      rows += page.rows.length;
    }
    database.exec("COMMIT");
    database.close();
    return rows;
  },
  /** A fetch step: a commit for each page, with its cursor and its counters. */
  fetched: () => run(fetching),
  /** The same, and a look for keys that come twice: more of them than a process keeps in memory. */
  checked: () => run(checking),
};

const fetching = defineWorkflow({ name: "bench.read" }).fetch("read", {
  from: source,
  request: () => ({ path: options.path }),
});

const KEY = ["issueSymbolIdentifier", "totalWeeklyShareQuantity", "totalWeeklyTradeCount"];
const checking = fetching.quality("unique", {
  on: "read",
  checks: [unique(KEY, { blocking: false })],
});

/** Runs a workflow in a database of its own; how many rows it has read. */
async function run(flow: WorkflowData): Promise<number> {
  databases += 1;
  const { durability } = options;
  const database = spineDatabase("sqlite", { database: `${options.database}-${databases}`, durability });
  const spine = await createSpine({ database, workflows: [flow], logger: silentLogger });
  try {
    const started = await spine.run(flow.name, {});
    await started.result();
    const { steps } = await spine.get(started.id);
    return steps.find(({ name }) => name === "read")?.rows?.out ?? 0;
  } finally {
    await spine.stop();
  }
}

async function peer(name: string): Promise<number> {
  // Only `npm run bench` installs it.
  const file = new URL(`../peers/${name}.ts`, import.meta.url).href;
  const { readPipeFile } = (await import(file)) as { readPipeFile(path: string): Promise<number> };
  return await readPipeFile(options.path);
}

serveAsWorker(async (message): Promise<DataAnswer> => {
  const read = READERS[String(message)];
  if (!read) throw new Error(`There is no reader ${String(message)}.`);
  const idle = process.memoryUsage.rss();
  let peak = idle;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 10);
  const start = performance.now();
  const begun = process.cpuUsage();
  const rows = await read();
  const ms = performance.now() - start;
  const used = process.cpuUsage(begun);
  clearInterval(timer);
  return { ms, cpuMs: (used.user + used.system) / 1_000, rows, idle, peak };
});
