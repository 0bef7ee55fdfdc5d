import { OpenWorkflow } from "openworkflow";
import { BackendPostgres } from "openworkflow/postgres";
import { BackendSqlite } from "openworkflow/sqlite";
import { payload } from "../harness/payload.ts";
import type { Environment, Session } from "../harness/system.ts";

type Backend = BackendSqlite | BackendPostgres;

export async function openSqlite(environment: Environment): Promise<Session> {
  const backend = BackendSqlite.connect(environment.database);
  // Its own connection keeps SQLite's default, which is FULL; there is no option for it.
  const { db } = backend as unknown as { db: Queryable & { exec(sql: string): void } };
  if (environment.durability === "process") db.exec("PRAGMA synchronous = NORMAL");
  const count = async () => Number((db.prepare(COMPLETED("")).get() as { n: number }).n);
  return session(backend, environment, count);
}

export async function openPostgres(environment: Environment): Promise<Session> {
  const backend = await BackendPostgres.connect(environment.database);
  const { pg } = backend as unknown as { pg: { unsafe(sql: string): Promise<readonly { n: string }[]> } };
  const count = async () => Number((await pg.unsafe(COMPLETED("openworkflow.")))[0]?.n);
  return session(backend, environment, count);
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
