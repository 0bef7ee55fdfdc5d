import type { Database, StateStores } from "../database/database.ts";
import { overlay } from "./overlay.ts";

/** What the engine does to a database that outlives the process; a commit is named by its kind. */
export const DURABLE_EFFECTS = [
  "create",
  "advance",
  "control",
  "signal",
  "claim",
  "beat",
  "dataset.open",
  "dataset.append",
  "dataset.seal",
  "transaction",
] as const;
export type DurableEffect = (typeof DURABLE_EFFECTS)[number];

/** A moment at which a process may die: nothing of the effect is done yet, or all of it and nobody knows. */
export type CrashPoint = `${"before" | "after"} ${DurableEffect}`;

/** Called at a crash point. It may return (life goes on), throw, never resolve, or kill the process. */
export type Reach = (point: CrashPoint) => void | Promise<void>;

/**
 * A database that says when the engine is about to change it, and when it has: crash points for tests, of which the
 * engine itself knows nothing. `reach` is called before each durable effect and after it, before its answer:
 *
 * - where it throws before an effect, the effect is refused; after it, its answer is lost;
 * - `before transaction` is inside the transaction, when all that it writes is written and its COMMIT is next; commits of
 *   the history in it are no effects of their own. A database that does transactions again reaches it again.
 *
 * @example
 * // In a process of its own: dies when the second page of a fetch is stored and nobody knows yet.
 * let pages = 0;
 * const database = withCrashPoints(sqlite(path), (point) => {
 *   if (point === "after dataset.append" && (pages += 1) === 2) process.kill(process.pid, "SIGKILL");
 * });
 * // Inside a test's process: see `mortal`.
 */
export function withCrashPoints(database: Database, reach: Reach): Database {
  const around = async <T>(effect: DurableEffect, work: () => Promise<T>): Promise<T> => {
    await reach(`before ${effect}`);
    const result = await work();
    await reach(`after ${effect}`);
    return result;
  };
  return overlay(database, {
    async connect(options) {
      return storesWith(await database.connect(options), around, reach);
    },
    async transaction(work) {
      const result = await database.transaction(async (transaction) => {
        const value = await work(transaction);
        await reach("before transaction");
        return value;
      });
      await reach("after transaction");
      return result;
    },
  });
}

type Around = <T>(effect: DurableEffect, work: () => Promise<T>) => Promise<T>;

function storesWith(stores: StateStores, around: Around, reach: Reach): StateStores {
  const { history, datasets } = stores;
  return {
    ...stores,
    history: overlay(history, {
      async commit(commits, options) {
        if (options?.transaction) return await history.commit(commits, options);
        for (const { kind } of commits) await reach(`before ${kind}`);
        const results = await history.commit(commits, options);
        for (const { kind } of commits) await reach(`after ${kind}`);
        return results;
      },
      claim: (request) => around("claim", () => history.claim(request)),
      beat: (worker, state) => around("beat", () => history.beat(worker, state)),
    }),
    datasets: overlay(datasets, {
      open: (writer, options) => around("dataset.open", () => datasets.open(writer, options)),
      append: (writer, dataset, chunk) =>
        around("dataset.append", () => datasets.append(writer, dataset, chunk)),
      seal: (writer, dataset, options) =>
        around("dataset.seal", () => datasets.seal(writer, dataset, options)),
    }),
  };
}
