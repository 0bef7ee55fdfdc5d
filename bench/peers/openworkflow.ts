import { OpenWorkflow } from "openworkflow";
import { BackendPostgres } from "openworkflow/postgres";
import { BackendSqlite } from "openworkflow/sqlite";
import { payload } from "../harness/payload.ts";
import type { QueueSession } from "../harness/queue-session.ts";
import type { Environment, Session } from "../harness/system.ts";

type Backend = BackendSqlite | BackendPostgres;

export async function openSqlite(environment: Environment): Promise<Session> {
  const { backend, completed } = connectSqlite(environment);
  return session(backend, environment, completed);
}

export async function openPostgres(environment: Environment): Promise<Session> {
  const { backend, completed } = await connectPostgres(environment);
  return session(backend, environment, completed);
}

export async function queuePostgres(environment: Environment): Promise<QueueSession> {
  return queue(await connectPostgres(environment), environment);
}

interface Connected {
  readonly backend: Backend;
  completed(): Promise<number>;
}

function connectSqlite(environment: Environment): Connected {
  const backend = BackendSqlite.connect(environment.database);
  // Its own connection keeps SQLite's default, which is FULL; there is no option for it.
  const { db } = backend as unknown as { db: Queryable & { exec(sql: string): void } };
  if (environment.durability === "process") db.exec("PRAGMA synchronous = NORMAL");
  return { backend, completed: async () => Number((db.prepare(COMPLETED("")).get() as { n: number }).n) };
}

async function connectPostgres(environment: Environment): Promise<Connected> {
  const backend = await BackendPostgres.connect(environment.database);
  const { pg } = backend as unknown as { pg: { unsafe(sql: string): Promise<readonly { n: string }[]> } };
  return {
    backend,
    completed: async () => Number((await pg.unsafe(COMPLETED("openworkflow.")))[0]?.n),
  };
}

interface Queryable {
  prepare(sql: string): { get(): unknown };
}

const COMPLETED = (schema: string) =>
  `SELECT count(*) AS n FROM ${schema}workflow_runs WHERE status = 'completed'`;

async function session(
  backend: Backend,
  { steps, inFlight }: Environment,
  completed: () => Promise<number>,
): Promise<Session> {
  const ow = new OpenWorkflow({ backend });
  const ended = new Map<number, () => void>();
  const workflow = ow.defineWorkflow<{ id: number }, { ok: boolean }>(
    { name: "bench" },
    async ({ input, step }) => {
      for (let index = 0; index < steps; index += 1) {
        await step.run({ name: `s${index}` }, () => ({ ...payload(input.id, index) }));
      }
      ended.get(input.id)?.();
      ended.delete(input.id);
      return { ok: true };
    },
  );
  const worker = ow.newWorker({ concurrency: inFlight });
  await worker.start();
  return {
    async run(id) {
      const handle = await workflow.run({ id });
      await handle.result();
    },
    async drive(id) {
      const end = new Promise<void>((resolve) => ended.set(id, resolve));
      await workflow.run({ id });
      await end;
    },
    completed,
    async close() {
      await worker.stop();
      await backend.stop();
    },
  };
}

/** How many starts are under way at a time: it has none for many at once. */
const STARTS = 20;

function queue({ backend, completed }: Connected, { steps, inFlight }: Environment): QueueSession {
  const ow = new OpenWorkflow({ backend });
  const workflow = ow.defineWorkflow<{ id: number }, { ok: boolean }>(
    { name: "bench" },
    async ({ input, step }) => {
      for (let index = 0; index < steps; index += 1) {
        await step.run({ name: `s${index}` }, () => ({ ...payload(input.id, index) }));
      }
      return { ok: true };
    },
  );
  const worker = ow.newWorker({ concurrency: inFlight });
  let working = false;
  return {
    async enqueue(ids) {
      for (let from = 0; from < ids.length; from += STARTS) {
        await Promise.all(ids.slice(from, from + STARTS).map((id) => workflow.run({ id })));
      }
    },
    async work() {
      working = true;
      await worker.start();
    },
    completed,
    async close() {
      if (working) await worker.stop();
      await backend.stop();
    },
  };
}
