import { DBOS, DBOSClient } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import { payload } from "../harness/payload.ts";
import type { QueueSession } from "../harness/queue-session.ts";
import type { Environment, Session } from "../harness/system.ts";

const CONNECTIONS = 20;
const QUEUE = "bench";
/** Its default is a second, with which it drains a tenth as fast. */
const POLL_MS = 50;

/** Direct start in this process, as its guide shows: the fastest way that it has. */
export async function open({ database, steps }: Environment): Promise<Session> {
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: database,
    systemDatabasePoolSize: CONNECTIONS,
    logLevel: "error",
  });
  const workflow = DBOS.registerWorkflow(
    async (id: number) => {
      for (let step = 0; step < steps; step += 1) {
        await DBOS.runStep(() => Promise.resolve(payload(id, step)), { name: `s${step}` });
      }
      return { ok: true };
    },
    { name: "bench" },
  );
  await DBOS.launch();
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  return {
    async run(id) {
      await workflow(id);
    },
    async completed() {
      const { rows } = await client.query(
        "SELECT count(*) AS n FROM dbos.workflow_status WHERE status = 'SUCCESS'",
      );
      return Number(rows[0].n);
    },
    async close() {
      await client.end();
      await DBOS.shutdown();
    },
  };
}

/** Its queue: a client stores, processes poll. */
export async function openQueue({ database, steps, inFlight }: Environment): Promise<QueueSession> {
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: database,
    systemDatabasePoolSize: CONNECTIONS,
    logLevel: "error",
    listenQueues: [],
  });
  DBOS.registerWorkflow(
    async (id: number) => {
      for (let step = 0; step < steps; step += 1) {
        await DBOS.runStep(() => Promise.resolve(payload(id, step)), { name: `s${step}` });
      }
      return { ok: true };
    },
    { name: "bench" },
  );
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  let store: DBOSClient | undefined;
  let launched = false;
  const launch = async () => {
    launched = true;
    await DBOS.launch();
  };
  return {
    async enqueue(ids) {
      // Its tables are made by a process that works.
      if (!launched) await launch();
      store ??= await DBOSClient.create({ systemDatabaseUrl: database, systemDatabasePoolSize: CONNECTIONS });
      const to = store;
      for (let from = 0; from < ids.length; from += CONNECTIONS) {
        await Promise.all(
          ids
            .slice(from, from + CONNECTIONS)
            .map((id) => to.enqueue({ queueName: QUEUE, workflowName: "bench" }, id as never)),
        );
      }
    },
    async work() {
      DBOS.setConfig({
        name: "bench",
        systemDatabaseUrl: database,
        systemDatabasePoolSize: CONNECTIONS,
        logLevel: "error",
      });
      await launch();
      await DBOS.registerQueue(QUEUE, { workerConcurrency: inFlight, minPollingIntervalMs: POLL_MS });
    },
    async completed() {
      const { rows } = await client.query(
        "SELECT count(*) AS n FROM dbos.workflow_status WHERE status = 'SUCCESS'",
      );
      return Number(rows[0].n);
    },
    async close() {
      await store?.destroy();
      await client.end();
      if (launched) await DBOS.shutdown();
    },
  };
}
