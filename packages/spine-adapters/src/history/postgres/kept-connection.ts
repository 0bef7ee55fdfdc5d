import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { Mutex } from "../../databases/mutex.ts";

/** How long our own lock may be held by somebody who looks whether we are alive. */
const LIMIT_MS = 1_000;
const LONGEST_WAIT_MS = 1_000;

export interface KeptConnectionOptions {
  /** Opens a connection; `onLost` is to be called when it has ended. */
  readonly connect: (onLost: () => void) => Promise<Client>;
  /** Called with each new connection, when its locks have been asked for and before anybody else has it. */
  readonly onConnected?: (client: Client) => Promise<void>;
}

/**
 * A connection that stays open, with advisory locks of its session: when it breaks, it is made anew with the same locks.
 * Opened at its first use. Runs in the main thread and in that of the beats, so it knows nothing of either.
 */
export class KeptConnection {
  readonly #options: KeptConnectionOptions;
  /** The locks that it is to have. */
  readonly #held = new Set<string>();
  /** The locks that a connection has: a second one of the same session would have to be freed twice. */
  readonly #locked = new WeakMap<Client, Set<string>>();
  /** One statement at a time on the connection. */
  readonly #turn = new Mutex();
  #client: Promise<Client> | undefined;
  #restoring = false;
  #isClosed = false;
  /** True where the connection has to be there even with no lock on it. */
  stays = false;

  constructor(options: KeptConnectionOptions) {
    this.#options = options;
  }

  /** Takes a lock and keeps it; false when somebody else holds it. */
  async hold(key: string): Promise<boolean> {
    const start = performance.now();
    // From here on a connection made anew takes it too.
    this.#held.add(key);
    try {
      do {
        if (await this.#lock(await this.connected(), key)) return true;
        await delay(5);
      } while (performance.now() - start < LIMIT_MS);
    } catch (error) {
      this.#held.delete(key);
      throw error;
    }
    this.#held.delete(key);
    return false;
  }

  /** Has each connection that is made from now on take a lock. */
  keep(key: string): void {
    this.#held.add(key);
  }

  async release(key: string): Promise<void> {
    this.#held.delete(key);
    const client = await this.current();
    // With a connection that is gone the lock is gone too.
    if (client && this.#locked.get(client)?.delete(key)) await this.#unlock(client, key).catch(() => {});
  }

  /** Executes one statement. Errors are the driver's own. */
  async query(sql: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    return await this.ask(await this.connected(), sql, values);
  }

  /** Executes one statement on the connection that it has or had; unnamed, because it may go through a pooler. */
  async ask(
    client: Client,
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Record<string, unknown>[]> {
    const unlock = await this.#turn.lock();
    try {
      return (await client.query(sql, [...values])).rows as readonly Record<string, unknown>[];
    } catch (error) {
      // The server has not answered: what follows on this connection would wait behind it.
      if (error instanceof Error && error.message === "Query read timeout") void this.drop();
      throw error;
    } finally {
      unlock();
    }
  }

  /** Ends the connection, and with it its locks, until it is next used. */
  async drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    const ending = (await client?.catch(() => undefined))?.end().catch(() => {});
    // A server that does not answer does not say good-bye either.
    await Promise.race([ending, delay(LIMIT_MS, undefined, { ref: false })]);
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.drop();
  }

  /** The connection, if there is one at this moment. */
  async current(): Promise<Client | undefined> {
    return await this.#client?.catch(() => undefined);
  }

  connected(): Promise<Client> {
    if (this.#client) return this.#client;
    if (this.#isClosed) return Promise.reject(new Error("Connection terminated: it has been closed."));
    const lost = () => {
      if (this.#client !== connecting) return;
      this.#client = undefined;
      if (this.#isWanted) void this.#restore();
    };
    const connecting = this.#open(lost);
    this.#client = connecting;
    connecting.catch(lost);
    return connecting;
  }

  get #isWanted(): boolean {
    return !this.#isClosed && (this.stays || this.#held.size > 0);
  }

  async #open(lost: () => void): Promise<Client> {
    const client = await this.#options.connect(lost);
    const left = new Set<string>();
    try {
      for (const key of this.#held) if (!(await this.#lock(client, key))) left.add(key);
      await this.#options.onConnected?.(client);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    if (left.size > 0) void this.#lockLater(client, left);
    return client;
  }

  /** One that is not free yet is held by the old session, or by somebody who looks whether we are alive. */
  async #lockLater(client: Client, left: Set<string>): Promise<void> {
    try {
      while (left.size > 0) {
        await delay(20, undefined, { ref: false });
        for (const key of left) {
          if (!this.#held.has(key) || (await this.#lock(client, key))) left.delete(key);
        }
      }
    } catch {
      // The connection is gone; the next one takes them all.
    }
  }

  async #lock(client: Client, key: string): Promise<boolean> {
    const locked = this.#locked.get(client) ?? new Set();
    this.#locked.set(client, locked);
    if (locked.has(key)) return true;
    const [row] = await this.ask(client, "SELECT pg_try_advisory_lock($1::bigint) AS locked", [key]);
    if (row?.locked !== true) return false;
    if (locked.has(key)) await this.#unlock(client, key);
    locked.add(key);
    return true;
  }

  async #unlock(client: Client, key: string): Promise<void> {
    await this.ask(client, "SELECT pg_advisory_unlock($1::bigint)", [key]);
  }

  async #restore(): Promise<void> {
    if (this.#restoring) return;
    this.#restoring = true;
    for (let wait = 10; this.#isWanted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      try {
        await this.connected();
        break;
      } catch {
        // Still away. Not all at once, when it is back.
        await delay(wait * (0.5 + Math.random() / 2), undefined, { ref: false });
      }
    }
    this.#restoring = false;
  }
}
