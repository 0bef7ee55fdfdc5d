import { sql } from "kysely";
import { createSpine, silentLogger } from "spine-core";
import type { QueueSession } from "../harness/queue-session.ts";
import type { Environment, System } from "../harness/system.ts";
import { benchWorkflow } from "./bench-workflow.ts";
import { spineDatabase } from "./spine.ts";

/** Spine with processes that only start runs and processes that only work. */
export async function openQueue(kind: System["database"], environment: Environment): Promise<QueueSession> {
  const database = spineDatabase(kind, environment);
  const workflow = benchWorkflow(environment.steps);
  const spine = await createSpine({
    database,
    workflows: [workflow],
    concurrency: environment.inFlight,
    worker: false,
    logger: silentLogger,
  });
  const runs = sql.raw(kind === "sqlite" ? "workflow_runs" : "spine.workflow_runs");
  return {
    async enqueue(ids) {
      await spine.runMany(
        workflow.name,
        ids.map((id) => ({ params: { id } })),
      );
    },
    work: () => spine.start(),
    async completed() {
      const { rows } = await sql<{ n: number | string }>`
SELECT count(*) AS n FROM ${runs} WHERE status = 'COMPLETED'`.execute(database.kysely);
      return Number(rows[0]?.n);
    },
    close: () => spine.stop(),
  };
}
