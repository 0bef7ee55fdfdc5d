import type { Database, StateStores } from "../database/database.ts";
import { overlay } from "./overlay.ts";

/** A database of a process that can die. */
export interface Mortal {
  readonly database: Database;
  /**
   * The death of the process, as its database sees it: from now on nothing reaches the stores and nothing is answered;
   * what was sent still happens, open transactions are rolled back, locks are free. Never resolves: whoever awaits
   * it is dead.
   */
  die(): Promise<never>;
  /** Resolves after `die`, when what was under way has come to its end. */
  readonly dead: Promise<void>;
}

/**
 * Lets a Spine die inside a test's process: its database goes silent, and so does the Spine. User code that is running
 * goes on until it next asks the database for something, which a real death would have prevented; nothing of that is
 * recorded. For the real thing kill a real process.
 *
 * @example
 * const life = mortal(sqlite(path));
 * const spine = await createSpine({ database: withCrashPoints(life.database, (point) =>
 *   point === "before advance" ? life.die() : undefined) });
 */
export function mortal(inner: Database): Mortal {
  let isDead = false;
  const death = Promise.withResolvers<never>();
  death.promise.catch(() => {});
  const dead = Promise.withResolvers<void>();

  const alive = async <T>(call: () => Promise<T>): Promise<T> => {
    if (isDead) await never();
    try {
      return await call();
    } finally {
      // An error is an answer too.
      if (isDead) await never();
    }
  };
  return {
    dead: dead.promise,
    die() {
      if (!isDead) {
        isDead = true;
        death.reject(new Error("The process of this transaction has died."));
        dead.resolve(inner.close());
      }
      return never();
    },
    database: overlay(inner, {
      connect: (options) => alive(async () => guarded(await inner.connect(options), alive)),
      transaction: (work) =>
        alive(() => inner.transaction((transaction) => Promise.race([work(transaction), death.promise]))),
      ensureTable: (table) => alive(() => inner.ensureTable(table)),
      close: () => alive(() => inner.close()),
    }),
  };
}

type Alive = <T>(call: () => Promise<T>) => Promise<T>;

function never(): Promise<never> {
  return new Promise<never>(() => {});
}

function guarded(stores: StateStores, alive: Alive): StateStores {
  const {
    history,
    datasets,
    rejects,
    partitions,
    cursors,
    statistics,
    logs,
    hints,
    queues,
    budgets,
    quality,
    alerts,
    notifications,
    lineage,
    manifest,
    schedules,
  } = stores;
  return {
    logs: promising(logs, alive),
    quality: promising(quality, alive),
    alerts: promising(alerts, alive),
    notifications: promising(notifications, alive),
    lineage: promising(lineage, alive),
    manifest: promising(manifest, alive),
    schedules: promising(schedules, alive),
    hints: promising(hints, alive),
    queues: promising(queues, alive),
    budgets: promising(budgets, alive),
    statistics: promising(statistics, alive),
    history: promising(history, alive),
    rejects: promising(rejects, alive),
    partitions: promising(partitions, alive),
    cursors: promising(cursors, alive),
    datasets: overlay(promising(datasets, alive), {
      async *read(dataset, options) {
        const chunks = datasets.read(dataset, options)[Symbol.asyncIterator]();
        for (;;) {
          const next = await alive(() => chunks.next());
          if (next.done) return;
          yield next.value;
        }
      },
    }),
  };
}

/** Every method of the store answers only the living. */
function promising<T extends object>(store: T, alive: Alive): T {
  return new Proxy({} as T, {
    get(_, key) {
      const own: unknown = Reflect.get(store, key, store);
      if (typeof own !== "function") return own;
      return (...args: unknown[]) => alive(() => Reflect.apply(own, store, args) as Promise<unknown>);
    },
  });
}
