import type { Database } from "../database/database.ts";
import { silentLogger } from "../logger.ts";
import { createSpine, type Spine } from "../spine.ts";
import { crashWorkflow, effectsTable } from "./crash-workflow.ts";
import type { Ledger } from "./ledger.ts";

/** A process with a Spine: starts the run of this key, or finds it, and works until it has ended. */
export async function workOn(
  database: Database,
  key: string,
  ledger: Ledger,
  /** A last look before the Spine stops. */
  look: (spine: Spine, runId: string) => Promise<void> = async () => {},
): Promise<void> {
  const workflow = crashWorkflow(ledger);
  // Known from the start: what an earlier process left is taken up at the first look for work.
  const spine = await createSpine({ database, workflows: [workflow], logger: silentLogger });
  await spine.database.ensureTable(effectsTable);
  spine.on("step.ended", ({ runId, step, error }) => {
    if (error === null) ledger.acknowledged(runId, step);
  });
  const run = await spine.run(workflow, {}, { key });
  ledger.accepted(run.id);
  await run.result();
  await look(spine, run.id);
  await spine.stop();
}
