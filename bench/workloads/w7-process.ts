// A process that brings one file into a table, in one of the ways that are compared, and says how long it took.
import { createReadStream } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileSource } from "spine-adapters/sources";
import {
  createSpine,
  defineTable,
  defineWorkflow,
  notNull,
  range,
  recordCount,
  silentLogger,
  type WorkflowData,
} from "spine-core";
import { z } from "zod";
import { serveAsWorker } from "../harness/fork-worker.ts";
import type { Environment } from "../harness/system.ts";
import { spineDatabase } from "../systems/spine.ts";

export interface LoadProcess extends Pick<Environment, "database" | "durability"> {
  readonly kind: string;
  readonly path: string;
  readonly engine: "sqlite" | "postgres";
}

export interface LoadAnswer {
  readonly ms: number;
  /** CPU time of all threads of the process; what the server does is not in it. */
  readonly cpuMs: number;
  readonly rows: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as LoadProcess;
const database = options.engine === "sqlite" ? `${options.database}-${options.kind}` : options.database;
/** Through Kysely a row takes so long that fewer have to do. */
const THROUGH_KYSELY = 50_000;

const source = fileSource({ roots: ["/"], delimiter: "|", quote: null });
const Trade = z.object({
  id: z.number().int(),
  symbol: z.string().min(1).max(14),
  name: z.string(),
  firm: z.string(),
  mpid: z.string().length(4),
  shares: z.string().regex(/^\d+(\.\d{1,6})?$/),
  trades: z.number().int().min(0),
  updated: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
});
const columns = {
  id: "integer",
  symbol: "text",
  name: "text",
  firm: "text",
  mpid: "text",
  shares: "decimal",
  trades: "integer",
  updated: "date",
} as const;

function toTrade(row: Readonly<Record<string, unknown>>): z.input<typeof Trade> {
  return {
    ...(row as z.input<typeof Trade>),
    id: Number(row.id),
    trades: Number(row.trades),
  };
}

/** The same columns, types and key as Spine's target, without what Spine adds. */
const RAW = `(id bigint NOT NULL, symbol text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
 firm text COLLATE "C" NOT NULL, mpid text COLLATE "C" NOT NULL, shares numeric(20,6) NOT NULL, trades bigint NOT NULL,
 updated date NOT NULL)`;

const checks = [recordCount({ min: 1 }), notNull(["symbol", "mpid"]), range("trades", { min: 0 })];
const targetOf = (round: number) =>
  defineTable({ name: `w7_${options.kind}_${round}`, columns, key: ["symbol", "id"] });

/** Runs a workflow whose last step loads; how many rows stand in the history as loaded. */
async function runOnce(flow: WorkflowData): Promise<number> {
  const { durability } = options;
  const spine = await createSpine({
    database: spineDatabase(options.engine, { database, durability }),
    workflows: [flow],
    logger: silentLogger,
  });
  try {
    return await timed(async () => {
      const run = await spine.run(flow.name, {});
      await run.result();
      const { steps } = await spine.get(run.id);
      return steps.find(({ name }) => name === "load")?.rows?.out ?? 0;
    });
  } finally {
    await spine.stop();
  }
}

type Way = (round: number) => Promise<number>;

const WAYS: Readonly<Record<string, () => Promise<Way>>> = {
  async spine() {
    return (round) =>
      runOnce(
        defineWorkflow({ name: `bench.load_${round}` })
          .fetch("fetch", { from: source, request: () => ({ path: options.path }) })
          .transform("rows", { from: "fetch", row: toTrade, schema: Trade })
          .quality("quality", { on: "rows", checks })
          .load("load", { from: "rows", into: targetOf(round), disposition: "append" }),
      );
  },
  async fused() {
    return (round) =>
      runOnce(
        defineWorkflow({ name: `bench.ingest_${round}` }).ingest("load", {
          from: source,
          request: () => ({ path: options.path }),
          row: toTrade,
          schema: Trade,
          checks,
          into: targetOf(round),
          disposition: "append",
        }),
      );
  },
  async "raw-copy"() {
    const { default: pg } = await import("pg");
    const pool = new pg.Pool({ connectionString: database, max: 1 });
    // Only `npm run bench` installs it.
    const file = new URL("../peers/raw-copy.ts", import.meta.url).href;
    const { copyFile } = (await import(file)) as {
      copyFile(database: string, table: string, path: string): Promise<number>;
    };
    return async (round) => {
      await pool.query(`CREATE TABLE raw_${round} ${RAW}`);
      await pool.query(`CREATE UNIQUE INDEX ON raw_${round} (symbol, id)`);
      return await timed(() => copyFile(database, `raw_${round}`, options.path));
    };
  },
  async kysely() {
    const { default: pg } = await import("pg");
    const { Kysely, PostgresDialect } = await import("kysely");
    const pool = new pg.Pool({ connectionString: database, max: 2 });
    const kysely = new Kysely<Record<string, z.output<typeof Trade>>>({
      dialect: new PostgresDialect({ pool }),
    });
    return async (round) => {
      await pool.query(`CREATE TABLE kysely_${round} ${RAW}`);
      await pool.query(`CREATE UNIQUE INDEX ON kysely_${round} (symbol, id)`);
      return await timed(() =>
        kysely.transaction().execute(async (transaction) => {
          let written = 0;
          for await (const page of source.stream({ path: options.path })) {
            for (let at = 0; at < page.rows.length && written < THROUGH_KYSELY; at += 1_000) {
              const rows = page.rows.slice(at, at + 1_000).map((row) => Trade.parse(toTrade(row)));
              await transaction.insertInto(`kysely_${round}`).values(rows).execute();
              written += rows.length;
            }
            if (written >= THROUGH_KYSELY) break;
          }
          return written;
        }),
      );
    };
  },
  async loop() {
    return async (round) => {
      const file = new DatabaseSync(`${database}-${round}`);
      file.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
      file.exec(
        "CREATE TABLE t (id INTEGER NOT NULL, symbol TEXT NOT NULL, name TEXT NOT NULL, firm TEXT NOT NULL, mpid TEXT NOT NULL, shares_units INTEGER NOT NULL, trades INTEGER NOT NULL, updated TEXT NOT NULL) STRICT",
      );
      file.exec("CREATE UNIQUE INDEX t_key ON t (symbol, id)");
      const insert = file.prepare("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
      return await timed(async () => {
        let rows = 0;
        file.exec("BEGIN");
        for await (const lines of linesOf(options.path)) {
          for (const line of lines) {
            const [id, symbol = "", name = "", firm = "", mpid = "", shares, trades, updated = ""] =
              line.split("|");
            const units = Math.round(Number(shares) * 1_000_000);
            insert.run(Number(id), symbol, name, firm, mpid, units, Number(trades), updated);
          }
          rows += lines.length;
        }
        file.exec("COMMIT");
        file.close();
        return rows;
      });
    };
  },
};

/** The lines of a file without its header, many at a time: splitting large pieces is the fastest way there is. */
async function* linesOf(path: string): AsyncGenerator<readonly string[]> {
  let rest = "";
  let isFirst = true;
  for await (const piece of createReadStream(path, { encoding: "utf8", highWaterMark: 1024 * 1024 })) {
    const lines = (rest + String(piece)).split("\n");
    rest = lines.pop() ?? "";
    if (isFirst) lines.shift();
    isFirst = false;
    yield lines;
  }
  if (rest !== "") yield [rest];
}

let measured: Omit<LoadAnswer, "rows"> = { ms: 0, cpuMs: 0 };

async function timed(work: () => Promise<number>): Promise<number> {
  const start = performance.now();
  const begun = process.cpuUsage();
  const rows = await work();
  const used = process.cpuUsage(begun);
  measured = { ms: performance.now() - start, cpuMs: (used.user + used.system) / 1_000 };
  return rows;
}

const way = await WAYS[options.kind]?.();
if (!way) throw new Error(`There is no way ${options.kind}.`);

serveAsWorker(async (round): Promise<LoadAnswer> => {
  const rows = await way(Number(round));
  return { ...measured, rows };
});
