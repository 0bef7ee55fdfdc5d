import { closeSync, fdatasync, fdatasyncSync, fstatSync, openSync } from "node:fs";
import { SpineError } from "spine-core";
import type { SqliteConnection } from "./sqlite-connection.ts";

/** Waits until everything that was written to an open file is on the disk. */
export type SyncFile = (fd: number, done: (error: Error | null) => void) => void;

/** So few writes that nothing else of the process has work meanwhile: then waiting at once is the shortest way. */
const FEW = 4;

/**
 * Makes commits survive a loss of power without stopping the event loop. SQLite's own way (`synchronous = FULL`) syncs the
 * write-ahead log inside COMMIT, and the whole process waits for the disk. Here COMMIT only writes (`NORMAL`), and the log is
 * synced beside the event loop before anything is acknowledged: the same bytes on the disk at the same promise, since the log is
 * one file, written to its end, and a synced commit has all earlier ones before it. (Checkpoints are synced by SQLite in both modes.)
 */
export class WalSync {
  readonly #path: string;
  readonly #sync: SyncFile;
  #fd: number | undefined;
  /** The newest sync under way: what it covers is not durable yet. */
  #pending: Promise<void> | undefined;
  #failed: SpineError | undefined;

  constructor(path: string, sync: SyncFile = fdatasync) {
    this.#path = path;
    this.#sync = sync;
  }

  /** Takes the syncing over from SQLite, once its log exists; until then SQLite does it. */
  takeOver(writer: SqliteConnection): void {
    if (this.#fd !== undefined) return;
    try {
      this.#fd = openSync(`${this.#path}-wal`, "r+");
    } catch {
      // Not there yet, or not to be had: SQLite goes on doing it.
      return;
    }
    writer.script("PRAGMA synchronous = NORMAL");
  }

  /** Resolves when what has been committed so far is durable. @param writes how many wait for it. */
  durable(writes: number): Promise<void> | undefined {
    const fd = this.#fd;
    if (fd === undefined) return undefined;
    if (this.#failed) return Promise.reject(this.#failed);
    if (writes < FEW && this.#sync === fdatasync) {
      try {
        fdatasyncSync(fd);
        return undefined;
      } catch (error) {
        return Promise.reject(this.#fail(error as Error));
      }
    }
    const pending = new Promise<void>((resolve, reject) => {
      this.#sync(fd, (error) => {
        if (this.#pending === pending) this.#pending = undefined;
        if (error) reject(this.#fail(error));
        else resolve();
      });
    });
    this.#pending = pending;
    return pending;
  }

  /** What was committed and may be seen by a reader is durable when it resolves; undefined when it is already. */
  get pending(): Promise<void> | undefined {
    return this.#pending;
  }

  /** Set once the disk has refused: nobody knows what is on it, so nothing more is written. */
  get failure(): SpineError | undefined {
    return this.#failed;
  }

  /** True when the log has been removed: another file may have its name by now. */
  get isRemoved(): boolean {
    return this.#fd !== undefined && fstatSync(this.#fd).nlink === 0;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #fail(cause: Error): SpineError {
    this.#failed ??= new SpineError(
      "DATABASE_FAILED",
      `The disk refused to keep the log of ${this.#path}: ${cause.message}. Nothing more is written to it; look after the disk, then start again.`,
      { cause, context: { path: this.#path } },
    );
    return this.#failed;
  }
}
