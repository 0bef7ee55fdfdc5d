import type { HistoryStore, RunGlance, Spine } from "spine-core";
import { RunFeed } from "./events/run-feed.ts";
import type { HandlerOptions, Limits, ServedPartitions } from "./handler-options.ts";
import type { AnyOperation } from "./operation.ts";

/** What the requests of one handler share. */
export interface Services {
  readonly limits: Limits;
  readonly operations: readonly AnyOperation[];
  readonly glances: Glances;
  readonly feed: RunFeed;
  readonly partitions: ReadonlyMap<string, ServedPartitions>;
  /** Whether nothing can be changed. */
  readonly readOnly: boolean;
  /** The parameters that a run is started with. */
  readonly completeParams: NonNullable<HandlerOptions["completeParams"]>;
  /** Who was seen to be allowed to read which run: scopes and ids. */
  readonly readable: RecentKeys;
  /** What `work` returns, done once in so many ms for all who ask. */
  readonly once: <T>(name: string, keptMs: number, work: () => Promise<T>) => Promise<T>;
}

export function servicesOf(
  spine: Spine,
  options: HandlerOptions,
  limits: Limits,
  operations: readonly AnyOperation[],
): Services {
  const { partitions = [], readOnly = false } = options;
  return {
    limits,
    operations,
    glances: new Glances(spine.history),
    feed: new RunFeed(spine, limits.streams),
    partitions: new Map(partitions.map((served) => [served.partitions.table, served])),
    readOnly,
    completeParams: options.completeParams ?? (({ params }) => params),
    readable: new RecentKeys(MOST_READABLE),
    once: onceIn(),
  };
}

const MOST_READABLE = 10_000;

/** The newest of the texts that were added. */
export class RecentKeys {
  readonly #keys = new Set<string>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  add(key: string): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    const [oldest] = this.#keys;
    if (this.#keys.size > this.#most && oldest !== undefined) this.#keys.delete(oldest);
  }
}

function onceIn(): Services["once"] {
  const kept = new Map<string, { readonly until: number; readonly result: Promise<unknown> }>();
  return <T>(name: string, keptMs: number, work: () => Promise<T>) => {
    const known = kept.get(name);
    if (known && known.until > performance.now()) return known.result as Promise<T>;
    const result = work();
    kept.set(name, { until: performance.now() + keptMs, result });
    result.catch(() => kept.delete(name));
    return result;
  };
}

/** Looks at runs for all who ask at the same time, in one query. */
export class Glances {
  readonly #history: Pick<HistoryStore, "glance">;
  #asked: Map<string, PromiseWithResolvers<RunGlance | undefined>> | null = null;

  constructor(history: Pick<HistoryStore, "glance">) {
    this.#history = history;
  }

  /** How far a run is; undefined where there is none. */
  of(runId: string): Promise<RunGlance | undefined> {
    if (!this.#asked) {
      const asked = new Map<string, PromiseWithResolvers<RunGlance | undefined>>();
      this.#asked = asked;
      // Whatever else was read with this turn of the loop asks with it.
      setImmediate(() => {
        this.#asked = null;
        void this.#look(asked);
      });
    }
    const known = this.#asked.get(runId) ?? Promise.withResolvers<RunGlance | undefined>();
    this.#asked.set(runId, known);
    return known.promise;
  }

  async #look(asked: ReadonlyMap<string, PromiseWithResolvers<RunGlance | undefined>>): Promise<void> {
    try {
      const found = await this.#history.glance([...asked.keys()]);
      const byId = new Map(found.map((glance) => [glance.runId, glance]));
      for (const [runId, { resolve }] of asked) resolve(byId.get(runId));
    } catch (error) {
      for (const { reject } of asked.values()) reject(error);
    }
  }
}
