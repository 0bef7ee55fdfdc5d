import { type BeatsBy, beatValues, type WorkerEntry } from "./beat-statement.ts";
import type { KeptConnection } from "./kept-connection.ts";

/** What a process does so that others know that its workers are alive. Errors are the driver's own. */
export interface Beats {
  /** Takes the first lock of a worker; false when another process has it. */
  hold(lockKey: string): Promise<boolean>;
  /** Registers a worker with a first beat, and beats for it from then on. */
  begin(entry: WorkerEntry): Promise<void>;
  /** Beats no more for a worker; resolves when nothing of it is under way. Its lock stays. */
  end(worker: string): Promise<void>;
  release(lockKey: string): Promise<void>;
  /** Gives up the locks: there are none of sessions here. */
  withoutLocks(): Promise<void>;
  close(): Promise<void>;
}

export interface BeatLoopOptions {
  readonly connection: KeptConnection;
  /** The beat statement, and whose it is. */
  readonly sql: string;
  readonly host: string;
  readonly pid: number;
  readonly by: BeatsBy;
  /** Between two beats. */
  readonly everyMs: number;
  /** Called after each beat with those who are gone and own runs. */
  readonly report: (gone: readonly string[]) => void;
  /** False when nobody may be told that we live, because what would do our work does not answer. */
  readonly mayBeat?: () => boolean;
}

/** Beats over one connection, which also has the first lock of each worker. */
export class BeatLoop implements Beats {
  readonly #options: BeatLoopOptions;
  readonly #workers = new Map<string, WorkerEntry>();
  #beating: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: BeatLoopOptions) {
    this.#options = options;
  }

  hold(lockKey: string): Promise<boolean> {
    return this.#options.connection.hold(lockKey);
  }

  /** The same for a lock that nobody else can have: taken with the connection, as soon as there is one. */
  keep(lockKey: string): void {
    this.#options.connection.keep(lockKey);
  }

  async begin(entry: WorkerEntry): Promise<void> {
    this.#workers.set(entry.worker, entry);
    if (this.#options.by !== null) this.#timer ??= this.#later(this.#options.everyMs);
    await this.#beat();
  }

  async end(worker: string): Promise<void> {
    this.#workers.delete(worker);
    await this.#beating;
  }

  release(lockKey: string): Promise<void> {
    return this.#options.connection.release(lockKey);
  }

  async withoutLocks(): Promise<void> {
    for (const entry of this.#workers.values()) {
      if (entry.lockKey !== null) await this.release(entry.lockKey);
      this.#workers.set(entry.worker, { ...entry, lockKey: null });
    }
    if (this.#workers.size > 0) await this.#beat();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#options.connection.close();
  }

  /** One at a time. */
  #beat(): Promise<void> {
    const { connection, sql, report } = this.#options;
    const beat = this.#beating.then(async () => {
      if (this.#workers.size === 0) return;
      const rows = await connection.query(sql, beatValues([...this.#workers.values()], this.#options));
      report(rows.map((row) => String(row.worker_id)));
    });
    this.#beating = beat.catch(() => {});
    return beat;
  }

  #later(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => void this.#tick(), ms);
    // In the main thread it must not keep the process; in a thread its messages do.
    timer.unref();
    return timer;
  }

  async #tick(): Promise<void> {
    const { connection, everyMs, mayBeat } = this.#options;
    const start = performance.now();
    try {
      if (mayBeat?.() === false) await connection.drop();
      else await this.#beat();
    } catch {
      // The database is away. The next one tells that we are not.
    }
    if (!this.#isClosed) this.#timer = this.#later(Math.max(100, everyMs - (performance.now() - start)));
  }
}
