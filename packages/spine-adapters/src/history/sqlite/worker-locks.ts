import { existsSync, mkdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { SpineError } from "spine-core";
import { isBusy, toSpineError } from "../../databases/sqlite/sqlite-error.ts";

/** How long our own lock may be held by somebody who looks whether we are alive. */
const LIMIT_MS = 1_000;

/** A lock that was taken of a worker that is gone. */
export interface DeadWorker {
  readonly worker: string;
  /** Removes its file; call once its death has been recorded. */
  bury(): void;
  /** Gives the lock back without recording anything. */
  leave(): void;
}

/**
 * Who is alive, without a heartbeat and without a clock: each worker holds an exclusive lock on a file of its
 * own beside the database, and the kernel frees it when its process dies, however it dies. Node has no file locks,
 * so the files are empty SQLite databases, which SQLite locks (also against connections of the same process).
 *
 * A database in memory has no files: nobody else can be using it.
 */
export class WorkerLocks {
  readonly #directory: string | null;
  /** Null for the workers of a database in memory. */
  readonly #held = new Map<string, DatabaseSync | null>();

  constructor(directory: string | null) {
    this.#directory = directory;
  }

  /** Holds the lock of one of our own workers. */
  async hold(worker: string): Promise<void> {
    if (this.#held.has(worker)) return;
    if (this.#directory === null) {
      this.#held.set(worker, null);
      return;
    }
    const file = this.#file(this.#directory, worker);
    const start = performance.now();
    do {
      mkdirSync(this.#directory, { recursive: true });
      const lock = tryLock(file);
      if (lock) {
        // The file may have been removed between opening and locking it: then the lock is on nothing.
        if (existsSync(file)) {
          this.#held.set(worker, lock);
          return;
        }
        lock.close();
      }
      await delay(5);
    } while (performance.now() - start < LIMIT_MS);
    throw new SpineError(
      "HISTORY_CONFLICT",
      `Another process works under the worker name "${worker}" (it holds ${file}). Worker names are for one process only.`,
      { context: { worker } },
    );
  }

  /** True for our own workers. */
  holds(worker: string): boolean {
    return this.#held.has(worker);
  }

  /** Takes the lock of a worker that is gone; undefined for one that is alive. */
  take(worker: string): DeadWorker | undefined {
    const directory = this.#directory;
    if (directory === null || this.#held.has(worker)) return undefined;
    const file = this.#file(directory, worker);
    if (!existsSync(file)) return { worker, bury: () => {}, leave: () => {} };
    const lock = tryLock(file);
    if (!lock) return undefined;
    return {
      worker,
      bury: () => remove(file, lock),
      leave: () => {
        if (lock.isOpen) lock.close();
      },
    };
  }

  /** Takes the locks of those among the workers that are gone. */
  takeAll(workers: readonly string[]): readonly DeadWorker[] {
    const dead: DeadWorker[] = [];
    try {
      for (const worker of workers) {
        const taken = this.take(worker);
        if (taken) dead.push(taken);
      }
      return dead;
    } catch (error) {
      for (const { leave } of dead) leave();
      throw error;
    }
  }

  /** Gives up the lock of one of our own. */
  release(worker: string): void {
    const lock = this.#held.get(worker);
    this.#held.delete(worker);
    if (lock && this.#directory !== null) remove(this.#file(this.#directory, worker), lock);
  }

  /** Releases all of our own; removes the directory when nobody else's file is in it. */
  close(): void {
    for (const worker of this.#held.keys()) this.release(worker);
    if (this.#directory === null) return;
    try {
      rmdirSync(this.#directory);
    } catch {
      // Others are alive, or it was never made.
    }
  }

  #file(directory: string, worker: string): string {
    return join(directory, `${encodeURIComponent(worker)}.lock`);
  }
}

/** While the lock is held nobody else can begin to use the file; Windows only removes it once it is closed. */
function remove(file: string, lock: DatabaseSync): void {
  if (process.platform === "win32") lock.close();
  rmSync(file, { force: true });
  if (lock.isOpen) lock.close();
}

function tryLock(file: string): DatabaseSync | undefined {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(file, { timeout: 0 });
    // The rollback journal would be a second file.
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    if (isBusy(error)) return undefined;
    // The directory was removed just now: there is nothing to lock.
    if (!existsSync(file)) return undefined;
    throw toSpineError(error, file);
  }
}
