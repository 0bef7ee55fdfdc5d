import type { QueueRecord, QueueSettings, QueueStore } from "../history/queue-store.ts";

/**
 * The queues of a Spine: how many of their runs work at a time, and how many begin within a stretch of time. Settings are in
 * the database: they hold in all processes, can be changed while runs are at work, and outlive a restart.
 *
 * @example
 * const report = defineWorkflow({ name: "demo.report", queue: "reports" }).step("write", () => "done");
 * await spine.queues.set("reports", { concurrency: 5, rateLimit: { runs: 100, periodMs: 60_000 } });
 * await spine.run(report, {}, { priority: 10, delay: "30s" });
 * await spine.queues.pause("reports");
 */
export interface Queues extends QueueStore {
  /**
   * Makes a queue known, or changes some of its settings: those that are left out stay as they are, `null` takes a limit
   * away. `concurrency`, `workerConcurrency` and `keyConcurrency` are runs at work at a time, in `rateLimit` at
   * most `runs` begin within any `periodMs` milliseconds. Throws a ValidationError that names the field.
   */
  set(name: string, settings: Partial<QueueSettings>): Promise<QueueRecord>;
  /** From now on none of its runs begins or goes on; those at work go on. */
  pause(name: string): Promise<QueueRecord>;
  /** Ends a pause. */
  resume(name: string): Promise<QueueRecord>;
}

/** @param changed called when settings were set: there may be work by now. */
export function queuesOf(store: QueueStore, changed: () => void): Queues {
  const set = async (name: string, settings: Partial<QueueSettings>) => {
    const record = await store.set(name, settings);
    changed();
    return record;
  };
  return {
    set,
    pause: (name) => set(name, { paused: true }),
    resume: (name) => set(name, { paused: false }),
    get: (name) => store.get(name),
    list: () => store.list(),
  };
}
