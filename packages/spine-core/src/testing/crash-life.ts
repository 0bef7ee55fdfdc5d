import { createSpine } from "../create-spine.ts";
import type { Database } from "../database/database.ts";
import { isTerminal } from "../history/records.ts";
import { silentLogger } from "../logger.ts";
import type { Spine } from "../spine.ts";
import { audit, type Violation } from "./audit.ts";
import type { CrashObserver } from "./crash-observer.ts";
import { type CrashSubject, isFinished } from "./crash-subject.ts";
import { everyRows } from "./crash-workflow.ts";
import type { Ledger } from "./ledger.ts";
import type { Place } from "./place.ts";

/** A run that has not ended by then never does. */
const PATIENCE_MS = 60_000;
/** The same run dies more often here than anywhere else. */
const MOST_CRASHES = 1_000;

export interface LifeOptions {
  readonly subject?: CrashSubject;
  /** A last look before the Spine stops. */
  readonly look?: (spine: Spine, runId: string) => Promise<void>;
}

/** A process with a Spine: starts the run of this key, or finds it, and works until it has ended. */
export async function workUntilDone(
  database: Database,
  key: string,
  ledger: Ledger,
  { subject = everyRows, look = async () => {} }: LifeOptions = {},
): Promise<void> {
  const workflows = subject.workflows(ledger);
  // Known from the start: what an earlier process left is taken up at the first look for work.
  const spine = await createSpine({ database, workflows, logger: silentLogger, maxCrashes: MOST_CRASHES });
  for (const table of subject.tables) await spine.database.ensureTable(table);
  spine.on("step.ended", ({ runId, step, ...end }) => {
    if (isFinished(subject, { name: step, ...end })) ledger.acknowledged(runId, step);
  });
  try {
    const run = await spine.run(workflows[0].name, {}, { key });
    ledger.accepted(run.id);
    await subject.help?.(spine, run.id);
    await inTime(run.result()).catch(async (error: unknown) => {
      // How it ended is the auditor's business; that it ended is what is waited for.
      if (!isTerminal((await spine.get(run.id)).run.status)) throw error;
    });
    await look(spine, run.id);
  } finally {
    await spine.stop();
  }
}

async function inTime<T>(result: Promise<T>): Promise<T> {
  const tooLong = Promise.withResolvers<never>();
  const late = () => tooLong.reject(new Error("The run has not come to its end in time."));
  const timer = setTimeout(late, PATIENCE_MS);
  return await Promise.race([result, tooLong.promise]).finally(() => clearTimeout(timer));
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
  const { subject } = observer;
  const failure = await workUntilDone(place.database(), key, ledger, { subject }).then(
    () => null,
    (error: unknown) => error,
  );
  const violations = await auditRun(observer, key, ledger);
  // A run that could not be finished is a violation; anything else would be a fault of this proof itself.
  if (failure !== null && violations.length === 0) throw failure;
  return violations;
}

/** Takes down which steps stand in the history as finished, of the run and of its children, now that the process is dead. */
export async function noteDeath(
  observer: CrashObserver,
  key: string,
  ledger: Ledger,
  point: string,
): Promise<void> {
  for (const runId of await observer.family(key)) ledger.died(runId, point, await observer.finished(runId));
}

export async function auditRun(
  observer: CrashObserver,
  key: string,
  ledger: Ledger,
): Promise<readonly Violation[]> {
  const family = await observer.family(key);
  return audit(ledger.entries, await Promise.all(family.map((runId) => observer.look(runId))));
}
