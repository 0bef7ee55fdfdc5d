import { statSync, watch } from "node:fs";
import type { Hint, Hints } from "spine-core";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";

/** Calls back when a file was written to. `fs.watch`, or what tests put in its place. */
export type WatchFile = (
  file: string,
  options: { readonly persistent: false },
  call: (event: string) => void,
) => { on(event: "error", listener: (error: Error) => void): unknown; close(): void };

/** The guarantee where events do not come. */
const POLL_MS = 200;
const ALONE = Number.POSITIVE_INFINITY;
/** At most one look in this time, however much is written. */
const APART_MS = 5;
/** From an event to the look: the log is written a moment before the commit can be seen. */
const SOON_MS = 1;
/** While these find nothing: the writer may still be waiting for its disk, between the log and the commit. */
const LATER_MS = [2, 5, 13, 40] as const;
/** Own commits in a millisecond from which events cost more than looking every 5 ms, which takes their place for a while. */
const MANY_COMMITS = 0.4;
/** After so many looks with fewer of them, events do it again. */
const CALM_LOOKS = 20;

/**
 * Notices that somebody else has committed to the database file: another process, or another connection of this one. The
 * file itself tells: SQLite's `data_version` changes, on a connection, with the commits of all others. It is asked for
 * whenever the write-ahead log was written to, and every 200 ms.
 *
 * Our own writes are events too: they are gathered before anything is done about them, and while there are hundreds in a second,
 * it looks every 5 ms instead (each event is a call from the system: 8 µs, at 4,000 commits a second 3 % of a core).
 */
export class SqliteHints implements Hints {
  readonly pollMs = 1_000;
  readonly #pool: SqlitePool;
  readonly #log: string;
  readonly #watchFile: WatchFile;
  #call: ((hint: Hint) => void) | undefined;
  #version: number | undefined;
  #watcher: ReturnType<WatchFile> | undefined;
  /** Which file is watched, or could not be: the log has another one after it was removed. */
  #watched = 0n;
  #poll: NodeJS.Timeout | undefined;
  #next: NodeJS.Timeout | undefined;
  /** Which of the looks after an event `#next` is: one that only waits for the disk is brought forward by another event. */
  #nth = 0;
  #looking = false;
  #looked = 0;
  /** Our own commits until the last look. */
  #commits = 0;
  /** How many looks are to be made before files are watched again; 0 while they are watched. */
  #unwatchedLooks = 0;

  /** @param file the database file; its log lies beside it. */
  constructor(pool: SqlitePool, file: string, watchFile: WatchFile = watch) {
    this.#pool = pool;
    this.#log = `${file}-wal`;
    this.#watchFile = watchFile;
  }

  async listen(call: (hint: Hint) => void): Promise<void> {
    // Watched before the first look: what comes after that look is an event.
    this.#watch();
    this.#version = await this.#pool.dataVersion();
    this.#commits = this.#pool.commits;
    this.#call = call;
    this.#poll ??= setInterval(() => {
      this.#watch();
      void this.#look(ALONE);
    }, POLL_MS).unref();
  }

  /** Who wants to know may know: nothing is sent. */
  follow(): void {}

  /** The file tells. */
  tell(): void {}

  async close(): Promise<void> {
    this.#call = undefined;
    clearInterval(this.#poll);
    clearTimeout(this.#next);
    this.#poll = undefined;
    this.#next = undefined;
    this.#unwatch();
  }

  /** Watches the log, once it is there, and again when it is another file than before. */
  #watch(): void {
    if (this.#unwatchedLooks > 0) return;
    const file = fileId(this.#log);
    if (file === this.#watched) return;
    this.#unwatch();
    this.#watched = file;
    if (file === 0n) return;
    try {
      const watcher = this.#watchFile(this.#log, { persistent: false }, (event) => {
        // Removed or renamed: what is there next may even have the same number.
        if (event === "rename" && this.#watcher === watcher) this.#unwatch();
        this.#touched();
      });
      this.#watcher = watcher;
      watcher.on("error", () => this.#unwatchable(watcher));
      this.#touched();
    } catch {
      // No events on this system, or no more of them: the poll remains.
    }
  }

  #unwatchable(watcher: ReturnType<WatchFile>): void {
    watcher.close();
    if (this.#watcher === watcher) this.#watcher = undefined;
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watched = 0n;
  }

  #touched(): void {
    if (!this.#call || (this.#next && this.#nth === 0)) return;
    const wait = Math.max(SOON_MS, this.#looked + APART_MS - performance.now());
    this.#lookIn(wait, 0);
  }

  #lookIn(ms: number, nth: number): void {
    clearTimeout(this.#next);
    this.#nth = nth;
    this.#next = setTimeout(() => {
      this.#next = undefined;
      void this.#look(nth);
    }, ms).unref();
  }

  /** Goes from events to looking every few milliseconds, and back, by how much this process itself commits. */
  #weighEvents(): void {
    const now = performance.now();
    const { commits } = this.#pool;
    const many = commits - this.#commits > MANY_COMMITS * (now - this.#looked);
    this.#looked = now;
    this.#commits = commits;
    if (many) {
      this.#unwatch();
      this.#unwatchedLooks = CALM_LOOKS;
    } else if (this.#unwatchedLooks > 0) {
      this.#unwatchedLooks -= 1;
      this.#watch();
    }
  }

  /** @param nth which look after an event it is; `ALONE` for that of the poll, which no other one follows. */
  async #look(nth: number): Promise<void> {
    // One that is under way may have seen the state before this event.
    if (this.#looking) return this.#next ? undefined : this.#lookIn(APART_MS, 0);
    this.#looking = true;
    this.#weighEvents();
    try {
      const version = await this.#pool.dataVersion();
      const found = version !== undefined && version !== this.#version;
      if (found) {
        this.#version = version;
        this.#call?.({ work: true, changed: "any" });
      }
      if (this.#unwatchedLooks > 0) {
        if (this.#call && !this.#next) this.#lookIn(APART_MS, 0);
        return;
      }
      const later = LATER_MS[nth];
      if (later !== undefined && !found && this.#call && !this.#next) this.#lookIn(later, nth + 1);
    } finally {
      this.#looking = false;
    }
  }
}

/** Which file stands under a name; 0 for none that can be seen. */
function fileId(path: string): bigint {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? 0n;
  } catch {
    return 0n;
  }
}
