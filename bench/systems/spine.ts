import { sql } from "kysely";
import { postgres, sqlite } from "spine-adapters/databases";
import { createSpine, type Database, silentLogger } from "spine-core";
import type { Environment, Session, System } from "../harness/system.ts";
import { benchWorkflow } from "./bench-workflow.ts";

/** Spine's database of this kind. On Postgres, durability is a setting of the database itself. */
export function spineDatabase(
  kind: System["database"],
  { database, durability }: Pick<Environment, "database" | "durability">,
): Database {
  return kind === "sqlite" ? sqlite(database, { durability }) : postgres(database);
}

/** Spine as a host uses it: inline start, and the result from the history. */
export async function openSpine(kind: System["database"], environment: Environment): Promise<Session> {
  const database = spineDatabase(kind, environment);
  const workflow = benchWorkflow(environment.steps);
  const spine = await createSpine({
    database,
    workflows: [workflow],
    concurrency: environment.inFlight,
    logger: silentLogger,
  });
  const runs = sql.raw(kind === "sqlite" ? "workflow_runs" : "spine.workflow_runs");
  return {
    async run(id) {
      const run = await spine.run(workflow.name, { id });
      await run.result();
    },
    async completed() {
      const { rows } = await sql<{ n: number | string }>`
SELECT count(*) AS n FROM ${runs} WHERE status = 'COMPLETED'`.execute(database.kysely);
      return Number(rows[0]?.n);
    },
    close: () => spine.stop(),
  };
}
