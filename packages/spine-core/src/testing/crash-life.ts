import type { Database } from "../database/database.ts";
import { silentLogger } from "../logger.ts";
import { createSpine, type Spine } from "../spine.ts";
import { audit, type Violation } from "./audit.ts";
import type { CrashObserver } from "./crash-observer.ts";
import { crashWorkflow, effectsTable } from "./crash-workflow.ts";
import type { Ledger } from "./ledger.ts";
import type { Place } from "./place.ts";

/** A process with a Spine: starts the run of this key, or finds it, and works until it has ended. */
export async function workUntilDone(
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
  try {
    const run = await spine.run(workflow, {}, { key });
    ledger.accepted(run.id);
    await run.result();
    await look(spine, run.id);
  } finally {
    await spine.stop();
  }
}

/**
 * After the death of a process that worked on the run of this key: another one on the same data finishes it, and the
 * auditor compares. Whoever asked for the run and got no answer asks again.
 */
export async function afterDeath(
  place: Place,
  observer: CrashObserver,
  key: string,
  ledger: Ledger,
  point: string,
): Promise<readonly Violation[]> {
  await noteDeath(observer, key, ledger, point);
  const failure = await workUntilDone(place.database(), key, ledger).then(
    () => null,
    (error: unknown) => error,
  );
  const violations = await auditRun(observer, key, ledger);
  // A run that could not be finished is a violation; anything else would be a fault of this proof itself.
  if (failure !== null && violations.length === 0) throw failure;
  return violations;
}

/** Takes down which steps stand in the history as finished, now that the process is dead. */
export async function noteDeath(
  observer: CrashObserver,
  key: string,
  ledger: Ledger,
  point: string,
): Promise<void> {
  const runId = await observer.find(key);
  if (runId !== undefined) ledger.died(runId, point, await observer.completed(runId));
}

export async function auditRun(
  observer: CrashObserver,
  key: string,
  ledger: Ledger,
): Promise<readonly Violation[]> {
  const runId = await observer.find(key);
  return audit(ledger.entries, runId === undefined ? [] : [await observer.look(runId)]);
}
