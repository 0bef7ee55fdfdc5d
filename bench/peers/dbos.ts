import { DBOS } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import { payload } from "../harness/payload.ts";
import type { Environment, Session } from "../harness/system.ts";

const CONNECTIONS = 20;

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
