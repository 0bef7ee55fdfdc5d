import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { SpineError } from "spine-core";
import { Mutex } from "../../databases/mutex.ts";
import { toSpineError } from "../../databases/postgres/postgres-error.ts";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";

/** How long our own lock may be held by somebody who looks whether we are alive. */
const LIMIT_MS = 1_000;
const RECONNECT_MS = 1_000;

/**
 * Says that workers of this process are alive: each holds an advisory lock of a session that stays open, and the
 * server frees it when the process dies, however it dies. When the session breaks, it is made anew with the
 * same locks; runs that somebody took over meanwhile are his, and their fences say so.
 */
export class WorkerBeats {
  readonly #pools: PostgresPools;
  readonly #held = new Map<string, string>();
  /** One statement at a time on the connection. */
  readonly #turn = new Mutex();
  #client: Promise<Client> | undefined;
  #restoring = false;

  constructor(pools: PostgresPools) {
    this.#pools = pools;
  }

  /** Our own workers. */
  get own(): readonly string[] {
    return [...this.#held.keys()];
  }

  holds(worker: string): boolean {
    return this.#held.has(worker);
  }

  /** The number of a worker's lock. Workers of different schemas have different ones. */
  keyOf(worker: string): string {
    const text = `spine.worker:${this.#pools.settings.schema}/${worker}`;
    return createHash("sha256").update(text).digest().readBigInt64BE(0).toString();
  }

  /** Holds the lock of one of our workers. */
  async hold(worker: string): Promise<void> {
    if (this.#held.has(worker)) return;
    const key = this.keyOf(worker);
    const start = performance.now();
    do {
      if (await this.#lock(key)) {
        this.#held.set(worker, key);
        return;
      }
      await delay(5);
    } while (performance.now() - start < LIMIT_MS);
    throw new SpineError(
      "HISTORY_CONFLICT",
      `Another process works under the worker name "${worker}". Worker names are for one process only.`,
      { context: { worker } },
    );
  }

  /** Gives up the lock of one of our workers. */
  async release(worker: string): Promise<void> {
    const key = this.#held.get(worker);
    this.#held.delete(worker);
    if (key === undefined) return;
    // With a connection that is gone the lock is gone too.
    await this.#ask("SELECT pg_advisory_unlock($1::bigint)", key).catch(() => {});
  }

  async #lock(key: string): Promise<boolean> {
    const sql = "SELECT pg_try_advisory_lock($1::bigint) AS locked";
    return (await this.#ask(sql, key))?.locked === true;
  }

  async #ask(sql: string, key: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const unlock = await this.#turn.lock();
    try {
      const client = await this.#connected();
      const { rows } = await client.query(sql, [key]);
      return rows[0] as Readonly<Record<string, unknown>> | undefined;
    } catch (error) {
      throw toSpineError(error, this.#pools.settings.name);
    } finally {
      unlock();
    }
  }

  #connected(): Promise<Client> {
    if (this.#client) return this.#client;
    const lost = () => {
      if (this.#client !== connecting) return;
      this.#client = undefined;
      if (this.#held.size > 0 && !this.#restoring) void this.#restore();
    };
    const connecting = this.#pools.single("beat", lost);
    this.#client = connecting;
    connecting.catch(lost);
    return connecting;
  }

  async #restore(): Promise<void> {
    this.#restoring = true;
    let client: Client | undefined;
    let left = new Set<string>();
    for (let wait = 10; !this.#pools.isClosed; wait = Math.min(wait * 2, RECONNECT_MS)) {
      try {
        const connected = await this.#connected();
        if (connected !== client) left = new Set(this.#held.values());
        client = connected;
        // One that is not free yet is held by the old session, or by somebody who looks whether we are alive.
        for (const key of left) if (await this.#lock(key)) left.delete(key);
        if (left.size === 0) break;
      } catch {
        // Still away.
      }
      await delay(wait, undefined, { ref: false });
    }
    this.#restoring = false;
  }
}
