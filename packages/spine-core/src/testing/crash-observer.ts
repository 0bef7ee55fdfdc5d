import { systemClock } from "../clock.ts";
import type { Database } from "../database/database.ts";
import type { AuditedRun } from "./audit.ts";
import { type CrashSubject, isFinished, type ObservedStores } from "./crash-subject.ts";
import { everyRows } from "./crash-workflow.ts";
import type { Place } from "./place.ts";

/** Looks at what runs of a crash workflow left behind, on a connection of its own, through the ports. */
export class CrashObserver {
  readonly #database: Database;
  readonly #stores: ObservedStores;
  readonly subject: CrashSubject;

  constructor(database: Database, stores: ObservedStores, subject: CrashSubject = everyRows) {
    this.#database = database;
    this.#stores = stores;
    this.subject = subject;
  }

  static async open(place: Place, subject?: CrashSubject): Promise<CrashObserver> {
    const database = place.database();
    const stores = await database.connect({ clock: systemClock });
    return new CrashObserver(database, stores, subject);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** The newest run with this key, and its children; empty when there is none. */
  async family(key: string): Promise<readonly string[]> {
    const { history } = this.#stores;
    const { items } = await history.list({ limit: 200 });
    const runId = items.find((run) => run.key === key)?.runId;
    if (runId === undefined) return [];
    const children = await history.list({ parentRunId: runId, limit: 200 });
    return [runId, ...children.items.map((child) => child.runId)];
  }

  /** The steps of a run that stand in the history as finished. */
  async finished(runId: string): Promise<readonly string[]> {
    const { steps } = (await this.#stores.history.get(runId)) ?? { steps: [] };
    return steps.filter((step) => isFinished(this.subject, step)).map(({ name }) => name);
  }

  async look(runId: string): Promise<AuditedRun> {
    const { history } = this.#stores;
    const detail = await history.get(runId);
    const events = await history.events(runId);
    const seen = detail && (await this.subject.look(detail, this.#stores, this.#database));
    return { runId, detail, events, effects: [], expected: [], ...seen };
  }
}
