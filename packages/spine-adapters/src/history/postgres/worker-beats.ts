import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { SpineError } from "spine-core";
import { toSpineError } from "../../databases/postgres/postgres-error.ts";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import type { StateTables } from "../state-tables.ts";
import { BeatLoop, type Beats } from "./beat-loop.ts";
import { type BeatsBy, beatStatement, type WorkerEntry } from "./beat-statement.ts";
import {
  BEAT_MS,
  EXPIRY_MS,
  goneStatement,
  isGone,
  lockKeyOf,
  lockText,
  secondLock,
} from "./gone-workers.ts";
import { KeptConnection } from "./kept-connection.ts";
import { ThreadBeats } from "./thread-beats.ts";

/** The main thread may be silent for so long (60 s) before its workers are given up. */
const PATIENCE_BEATS = 43;

export interface WorkerBeatsOptions {
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  /** Has the second lock of each worker. */
  readonly listening: KeptConnection;
  /** False with a clock that tests drive: then nobody beats, and who is gone is looked for when it is asked. */
  readonly beating: boolean;
  /** Called when workers were found gone of whom nobody knew: their runs can be claimed. */
  readonly onGone: () => void;
  /** Beats without an answer of the main thread, for tests. */
  readonly patience?: number;
}

/**
 * Says that workers of this process are alive, and knows who is not any more. Each worker has two locks, on the connection
 * of the beats and on that of the hints: the server frees both when the process dies, however it dies, while one
 * broken connection proves nothing. Beats come from a thread, or from the main thread where there can be none.
 */
export class WorkerBeats {
  readonly #options: WorkerBeatsOptions;
  readonly #held = new Map<string, WorkerEntry>();
  readonly #beginning = new Map<string, Promise<void>>();
  #beats: Promise<Beats> | undefined;
  #by: BeatsBy = null;
  #whyMain: string | null = null;
  #suspects: readonly string[] = [];
  #isClosed = false;

  constructor(options: WorkerBeatsOptions) {
    this.#options = options;
  }

  /** Our own workers. */
  get own(): readonly string[] {
    return [...this.#held.keys()];
  }

  holds(worker: string): boolean {
    return this.#held.has(worker);
  }

  /** Who beats for this process, and why the main thread has to where it does. */
  get by(): { readonly by: BeatsBy; readonly whyMain: string | null } {
    return { by: this.#by, whyMain: this.#whyMain };
  }

  /** What the locks of unknown workers are made of; null where there are none. */
  get lockPrefix(): string | null {
    const { pools } = this.#options;
    return pools.isPooled ? null : lockText(pools.settings.schema);
  }

  /** Workers that may be gone: what the last beat found, or what is found now where nobody beats. */
  async suspects(worker: string, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#by === null ? await this.look(worker, signal) : this.#suspects;
  }

  /** Looks at all workers now, but for our own and the one that asks. */
  async look(worker: string, signal?: AbortSignal): Promise<readonly string[]> {
    const { pools, tables } = this.#options;
    const values = [[...this.own, worker]];
    const rows = await pools.ask<{ worker_id: string }>("write", goneStatement(tables), values, signal);
    this.#suspects = rows.map(({ worker_id }) => worker_id);
    return this.#suspects;
  }

  /** Starts what beats, for a worker that begins soon. */
  prepare(): void {
    void this.#started();
  }

  /** Takes the locks of one of our workers, registers it as alive and begins to beat for it. */
  begin(worker: string, startedAt: string | null): Promise<void> {
    const known = this.#beginning.get(worker);
    if (known) return known;
    if (this.#held.has(worker)) return Promise.resolve();
    const beginning = this.#begin(worker, startedAt).finally(() => this.#beginning.delete(worker));
    this.#beginning.set(worker, beginning);
    return beginning;
  }

  async #begin(worker: string, startedAt: string | null): Promise<void> {
    const { pools, listening } = this.#options;
    const lockKey = pools.isPooled ? null : lockKeyOf(pools.settings.schema, worker);
    try {
      const beats = await this.#started();
      if (lockKey === null && !(await this.#waitForName(worker))) throw taken(worker);
      if (lockKey !== null && !(await beats.hold(lockKey))) throw taken(worker);
      if (lockKey !== null && !(await listening.hold(secondLock(lockKey)))) {
        await beats.release(lockKey);
        throw taken(worker);
      }
      const entry = { worker, lockKey, startedAt };
      this.#held.set(worker, entry);
      await beats.begin(entry);
    } catch (error) {
      await this.end(worker);
      await this.release(worker);
      throw toSpineError(error, pools.settings.name);
    }
  }

  /** No more beats for a worker: from here on nothing of ours makes it alive again. Its locks stay until `release`. */
  async end(worker: string): Promise<void> {
    await (await this.#running())?.end(worker).catch(() => {});
  }

  async release(worker: string): Promise<void> {
    const lockKey = this.#held.get(worker)?.lockKey ?? null;
    this.#held.delete(worker);
    if (lockKey === null) return;
    // With a connection that is gone the lock is gone too.
    await (await this.#running())?.release(lockKey).catch(() => {});
    await this.#options.listening.release(secondLock(lockKey));
  }

  /** Told when it turned out that sessions are shared here: what we hold are nobody's locks. */
  async withoutLocks(): Promise<void> {
    for (const [worker, entry] of this.#held) this.#held.set(worker, { ...entry, lockKey: null });
    await (await this.#running())?.withoutLocks().catch(() => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#running())?.close();
  }

  async #running(): Promise<Beats | undefined> {
    return await this.#beats?.catch(() => undefined);
  }

  /** Where there are no locks: one who had the name before us and was killed is gone when his beats are too old. */
  async #waitForName(worker: string): Promise<boolean> {
    const { pools, tables } = this.#options;
    const sql = `SELECT 1 FROM ${tables.workers} w WHERE worker_id = $1 AND state = 'alive' AND NOT ${isGone("w")}
  AND (host, pid) IS DISTINCT FROM ($2::text, $3::integer)`;
    const values = [worker, hostname(), process.pid];
    const start = performance.now();
    while ((await pools.ask("write", sql, values)).length > 0) {
      if (performance.now() - start > EXPIRY_MS + BEAT_MS) return false;
      await delay(250);
    }
    return true;
  }

  #started(): Promise<Beats> {
    this.#beats ??= this.#start();
    return this.#beats;
  }

  async #start(): Promise<Beats> {
    const { pools, tables, beating, patience = PATIENCE_BEATS } = this.#options;
    if (!beating) return this.#mainLoop(null);
    this.#by = "thread";
    const plan = {
      config: { ...pools.plainConfig("beat"), connectionTimeoutMillis: 3_000 },
      sql: beatStatement(tables),
      beater: { host: hostname(), pid: process.pid, by: "thread" as const },
      everyMs: BEAT_MS,
      patience,
    };
    try {
      return await ThreadBeats.start({
        plan,
        report: (gone) => this.#report(gone),
        onLost: (reason) => void this.#goOnInMain(reason),
      });
    } catch (error) {
      this.#whyMain = error instanceof Error ? error.message : String(error);
      return this.#mainLoop("main");
    }
  }

  /** The thread has ended: the main thread goes on in its place. */
  async #goOnInMain(reason: string): Promise<void> {
    if (this.#isClosed || this.#by !== "thread") return;
    this.#whyMain = reason;
    const beats = this.#mainLoop("main");
    this.#beats = Promise.resolve(beats);
    for (const entry of this.#held.values()) {
      // The second lock is still ours. What fails here is made up for with the connection of the next beat.
      if (entry.lockKey !== null) beats.keep(entry.lockKey);
      await beats.begin(entry).catch(() => {});
    }
  }

  #mainLoop(by: "main" | null): BeatLoop {
    const { pools, tables } = this.#options;
    this.#by = by;
    return new BeatLoop({
      connection: new KeptConnection({ connect: (onLost) => pools.single("beat", onLost) }),
      sql: beatStatement(tables),
      host: hostname(),
      pid: process.pid,
      by,
      everyMs: BEAT_MS,
      report: (gone) => this.#report(gone),
    });
  }

  #report(gone: readonly string[]): void {
    const isNews = gone.some((worker) => !this.#suspects.includes(worker));
    this.#suspects = gone;
    if (isNews) this.#options.onGone();
  }
}

function taken(worker: string): SpineError {
  return new SpineError(
    "HISTORY_CONFLICT",
    `Another process works under the worker name "${worker}". Worker names are for one process only.`,
    { context: { worker } },
  );
}
