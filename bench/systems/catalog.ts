import type { OpenQueue, QueueSession } from "../harness/queue-session.ts";
import type { Environment, Session, System } from "../harness/system.ts";

/** Everything that is measured, in the order of its turns. */
export const SYSTEMS: readonly System[] = [
  {
    name: "floor-serial-sqlite",
    database: "sqlite",
    kind: "floor",
    note: "minimal rows, one commit per fact",
    open: async (environment) => (await import("./floor-minimal-sqlite.ts")).open(environment, false),
  },
  {
    name: "floor-minimal-sqlite",
    database: "sqlite",
    kind: "floor",
    note: "minimal rows, one commit per tick",
    open: async (environment) => (await import("./floor-minimal-sqlite.ts")).open(environment, true),
  },
  {
    name: "floor-same-rows-sqlite",
    database: "sqlite",
    kind: "floor",
    note: "Spine's tables, indexes and rows, one commit per tick, no engine",
    open: async (environment) => (await import("./floor-same-rows-sqlite.ts")).open(environment),
    queue: async (environment) => (await import("./floor-queue-sqlite.ts")).openQueue(environment),
  },
  {
    name: "spine-sqlite",
    database: "sqlite",
    kind: "spine",
    note: "inline start, result from the history",
    open: async (environment) => (await import("./spine.ts")).openSpine("sqlite", environment),
    queue: async (environment) => (await import("./spine-queue.ts")).openQueue("sqlite", environment),
  },
  {
    name: "openworkflow-sqlite",
    database: "sqlite",
    kind: "peer",
    note: "0.10.1; polls: W2 ends when its code has ended and the rows stand",
    open: (environment) => peer("openworkflow", "openSqlite", environment),
  },
  {
    name: "floor-serial-postgres",
    database: "postgres",
    kind: "floor",
    note: "minimal rows, one statement and commit per fact",
    open: async (environment) => (await import("./floor-minimal-postgres.ts")).open(environment, false),
  },
  {
    name: "floor-minimal-postgres",
    database: "postgres",
    kind: "floor",
    note: "minimal rows, one statement per tick",
    open: async (environment) => (await import("./floor-minimal-postgres.ts")).open(environment, true),
  },
  {
    name: "floor-same-rows-postgres",
    database: "postgres",
    kind: "floor",
    note: "Spine's tables, indexes and rows, one statement per tick, no engine",
    open: async (environment) => (await import("./floor-same-rows-postgres.ts")).open(environment),
    queue: async (environment) => (await import("./floor-queue-postgres.ts")).openQueue(environment),
  },
  {
    name: "spine-postgres",
    database: "postgres",
    kind: "spine",
    note: "inline start, result from the history",
    open: async (environment) => (await import("./spine.ts")).openSpine("postgres", environment),
    queue: async (environment) => (await import("./spine-queue.ts")).openQueue("postgres", environment),
  },
  {
    name: "dbos",
    database: "postgres",
    kind: "peer",
    note: "5.3.0, direct start",
    open: (environment) => peer("dbos", "open", environment),
    queue: (environment) => peerQueue("dbos", "openQueue", environment),
  },
  {
    name: "openworkflow-postgres",
    database: "postgres",
    kind: "peer",
    note: "0.10.1; polls: W2 ends when its code has ended and the rows stand",
    open: (environment) => peer("openworkflow", "openPostgres", environment),
    queue: (environment) => peerQueue("openworkflow", "queuePostgres", environment),
  },
  {
    name: "pg-boss",
    database: "postgres",
    kind: "peer",
    note: "12.38, one job per run: no durable steps",
    open: (environment) => peer("pg-boss", "open", environment),
    queue: (environment) => peerQueue("pg-boss", "openQueue", environment),
  },
  {
    name: "graphile-worker",
    database: "postgres",
    kind: "peer",
    note: "0.18, one job per run: no durable steps, keeps no results",
    open: (environment) => peer("graphile-worker", "open", environment),
    queue: (environment) => peerQueue("graphile-worker", "openQueue", environment),
  },
];

/** Peers have dependencies that only `npm run bench` installs, so nothing else may load them, the type checker included. */
async function peer(file: string, open: string, environment: Environment): Promise<Session> {
  return await (await member<System["open"]>(file, open))(environment);
}

async function peerQueue(file: string, open: string, environment: Environment): Promise<QueueSession> {
  return await (await member<OpenQueue>(file, open))(environment);
}

async function member<T>(file: string, name: string): Promise<T> {
  const module = (await import(new URL(`../peers/${file}.ts`, import.meta.url).href)) as Record<string, T>;
  const found = module[name];
  if (!found) throw new Error(`bench/peers/${file}.ts has no function ${name}.`);
  return found;
}
