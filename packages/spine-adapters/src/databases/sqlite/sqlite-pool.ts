import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { SpineError } from "spine-core";
import { Mutex } from "../mutex.ts";
import { commitTogether, type WriteOutcome, type WriteUnit } from "./commit-together.ts";
import { canonicalPath, type Durability, MEMORY, openReader, openWriter } from "./open-sqlite.ts";
import { retryWhileBusy } from "./retry-while-busy.ts";
import type { SqliteConnection, SqlRow } from "./sqlite-connection.ts";
import { toSpineError } from "./sqlite-error.ts";
import { type SyncFile, WalSync } from "./wal-sync.ts";
import { WriteLease } from "./write-lease.ts";

interface Connections {
  readonly writer: SqliteConnection;
  /** The writer itself for a database in memory. */
  readonly reader: SqliteConnection;
}

interface Queued extends WriteUnit {
  readonly beside: boolean;
  readonly settle: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Units in one database commit: it is made in one go, and the event loop must not stop for long. */
const MOST_UNITS = 200;
/** The same where a commit has to reach the disk: while one of them is on its way, the next one gathers and is written. */
const MOST_UNITS_SYNCED = 32;
/** The function that tells a database in memory what it is recognised by. */
const IDENTITY = "spine_identity";
/** How often it is looked whether the file is still there: what was written just before it went is gone as well. */
const LOOK_MS = 100;
/** How long a write waits for a transaction of which it is itself a part: for ever, if nothing ended it. */
const OWN_TRANSACTION_MS = 5_000;

/**
 * The connections of this process to one database file: one that writes, held by one writer at a time, and
 * one that reads. Opened by the first use.
 */
export class SqlitePool {
  readonly path: string;
  readonly #durability: Durability;
  readonly #mutex = new Mutex(() => this.#lease?.limitIdle());
  readonly #current = new AsyncLocalStorage<WriteLease>();
  readonly #sync: WalSync | null;
  /** What a database in memory is recognised by: nothing else can have it. */
  readonly #identity = randomUUID();
  /** The transaction of the host's query builder that holds the writer. */
  #lease: WriteLease | undefined;
  #connections: Promise<Connections> | undefined;
  /** Where the file is, whatever becomes of the working directory; null until it is open, and in memory. */
  #file: string | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #queue: Queued[] = [];
  #flushing = false;
  #closed = false;
  #commits = 0;

  /** @param syncFile what waits for the disk; tests put something else in its place. */
  constructor(path: string, durability: Durability, syncFile?: SyncFile) {
    this.path = path;
    this.#durability = durability;
    this.#sync = durability === "full" && path !== MEMORY ? new WalSync(path, syncFile) : null;
  }

  get inMemory(): boolean {
    return this.path === MEMORY;
  }

  /** True when the open file has been removed: it takes writes as before, and nobody will ever find them. */
  get isRemoved(): boolean {
    return this.#file !== null && (!existsSync(this.#file) || (this.#sync?.isRemoved ?? false));
  }

  /** Database commits made for `write`, for tests and figures. */
  get commits(): number {
    return this.#commits;
  }

  /** True when a statement on some connection, whose rows `ask` returns, goes to this database. */
  async isAt(ask: (sql: string) => Promise<readonly SqlRow[]>): Promise<boolean> {
    const [main] = await ask("SELECT file FROM pragma_database_list WHERE name = 'main'");
    const file = String(main?.file ?? "");
    if (!this.inMemory) return file !== "" && canonicalPath(file) === (await this.open());
    if (file !== "") return false;
    try {
      return (await ask(`SELECT ${IDENTITY}() AS id`))[0]?.id === this.#identity;
    } catch {
      // There is no such function on connections that are not ours.
      return false;
    }
  }

  /** Opens the database if it is not open; returns the file's canonical path. */
  async open(): Promise<string> {
    await this.#open();
    return this.inMemory ? MEMORY : canonicalPath(this.path);
  }

  /**
   * A number that changes when somebody else has committed: another process, or another connection. Our own commits do not
   * change it, for it is asked for on the connection that makes them; inside of a transaction that it has open, it is only
   * read. Undefined when there is no answer now.
   */
  async dataVersion(): Promise<number | undefined> {
    const open = await this.#connections?.catch(() => undefined);
    if (!open || this.#closed) return undefined;
    try {
      return open.writer.get<{ data_version: number }>("PRAGMA data_version")?.data_version;
    } catch {
      // Locked for a moment, or a disk that fails: whoever reads or writes will be told; who asks here asks again.
      return undefined;
    }
  }

  /** How SQLite keeps transactions whole, as the connection that writes has it. */
  async journalMode(): Promise<string> {
    const { writer } = await this.#open();
    return writer.get<{ journal_mode: string }>("PRAGMA journal_mode")?.journal_mode ?? "";
  }

  /** Reads one consistent state. In memory it sees the open transaction that it is called in. */
  async read<T>(work: (connection: SqliteConnection) => T): Promise<T> {
    const { reader } = await this.#open();
    try {
      if (!this.inMemory) {
        const result = await retryWhileBusy(() => snapshot(reader, work), this.path);
        // What was seen may have been committed a moment ago: nobody is told of it before it is durable.
        await this.#sync?.pending;
        return result;
      }
      const lease = this.#ownLease();
      if (lease) return work(lease.connection);
      const unlock = await this.#mutex.lock();
      try {
        return work(reader);
      } finally {
        unlock();
      }
    } catch (error) {
      throw toSpineError(error, this.path);
    }
  }

  /**
   * Writes: wholly or not at all, durable when it resolves. What is asked for within a tick shares one
   * database commit. `work` may be done again, so it keeps nothing outside the database.
   *
   * @param beside true where the process has other work meanwhile: then the disk is waited for beside it, even for a single write.
   */
  write<T>(work: (connection: SqliteConnection) => T, { beside = false } = {}): Promise<T> {
    if (this.#closed) return Promise.reject(closedError(this.path));
    return new Promise<T>((resolve, reject) => {
      const unit: Queued = { work, beside, settle: resolve as (value: unknown) => void, reject };
      this.#queue.push(unit);
      if (this.#ownLease()) this.#limitWait(unit);
      if (this.#flushing) return;
      this.#flushing = true;
      setImmediate(() => void this.#flush());
    });
  }

  /** Executes something that commits by itself (DDL, a single statement, VACUUM), with no other writer beside it. */
  async alone<T>(work: (connection: SqliteConnection) => T): Promise<T> {
    this.#refuseNested();
    const unlock = await this.#mutex.lock();
    try {
      const { writer } = await this.#open();
      this.#refuseRemoved();
      const result = await retryWhileBusy(() => work(writer), this.path);
      if (!writer.inTransaction) {
        await this.#durable(writer, 1);
        return result;
      }
      writer.run("ROLLBACK");
      throw new SpineError(
        "TRANSACTION_INVALID",
        "BEGIN outside of a transaction was undone: use `database.transaction(work)`, which keeps other writers out.",
      );
    } catch (error) {
      throw toSpineError(error, this.path);
    } finally {
      unlock();
    }
  }

  /** Begins a transaction; no other writer gets in until the lease is committed or rolled back. */
  async begin(): Promise<WriteLease> {
    this.#refuseNested();
    const unlock = await this.#mutex.lock();
    try {
      const { writer } = await this.#open();
      this.#refuseRemoved();
      if (this.#sync?.failure) throw this.#sync.failure;
      await retryWhileBusy(() => writer.run("BEGIN IMMEDIATE"), this.path);
      return new WriteLease(writer, this.path, unlock);
    } catch (error) {
      unlock();
      throw toSpineError(error, this.path);
    }
  }

  /**
   * The same for a transaction of the host's query builder, whose end this pool cannot see: while others wait for the writer
   * it may not be idle for long. In which context its statements are made is not known, so a write of its own that waits
   * for it cannot be told from others.
   */
  async beginLimited(): Promise<WriteLease> {
    const lease = await this.begin();
    this.#lease = lease;
    if (this.#mutex.waiting > 0) lease.limitIdle();
    return lease;
  }

  /** Does work in one transaction: committed when it resolves, rolled back when it throws. */
  async transaction<T>(work: (lease: WriteLease) => Promise<T>): Promise<T> {
    const lease = await this.begin();
    try {
      const result = await this.#current.run(lease, () => work(lease));
      lease.commit();
      const { writer } = await this.#opened();
      await this.#durable(writer, 1);
      return result;
    } catch (error) {
      lease.rollback();
      throw toSpineError(error, this.path);
    }
  }

  /** Waits for the writes under way, then closes. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const unlock = await this.#drained();
    try {
      const open = await this.#connections?.catch(() => undefined);
      open?.reader.close();
      await this.#sync?.pending?.catch(() => {});
      this.#sync?.close();
      open?.writer.close();
    } finally {
      unlock();
    }
  }

  async #flush(): Promise<void> {
    const unlock = await this.#mutex.lock();
    let units: readonly Queued[] = [];
    try {
      const { writer } = await this.#opened();
      this.#refuseRemoved();
      if (this.#sync?.failure) throw this.#sync.failure;
      units = this.#queue.splice(0, this.#sync ? MOST_UNITS_SYNCED : MOST_UNITS);
      if (units.length > 0) {
        const outcomes = await retryWhileBusy(() => commitTogether(writer, units), this.path);
        this.#commits += 1;
        const isBeside = units.some(({ beside }) => beside);
        const durable = this.#durable(writer, isBeside ? Number.POSITIVE_INFINITY : units.length);
        // The next commit is made while this one is on its way to the disk.
        if (durable) void this.#settleOnceDurable(durable, units, outcomes);
        else this.#settle(units, outcomes);
      }
    } catch (error) {
      if (units.length === 0) units = this.#queue.splice(0);
      for (const { reject } of units) reject(toSpineError(error, this.path));
    } finally {
      unlock();
    }
    if (this.#queue.length > 0) setImmediate(() => void this.#flush());
    else this.#flushing = false;
  }

  #durable(writer: SqliteConnection, writes: number): Promise<void> | undefined {
    this.#sync?.takeOver(writer);
    return this.#sync?.durable(writes);
  }

  async #settleOnceDurable(
    durable: Promise<void>,
    units: readonly Queued[],
    outcomes: readonly WriteOutcome[],
  ): Promise<void> {
    try {
      await durable;
    } catch (error) {
      for (const { reject } of units) reject(error);
      return;
    }
    this.#settle(units, outcomes);
  }

  #settle(units: readonly Queued[], outcomes: readonly WriteOutcome[]): void {
    for (const [index, unit] of units.entries()) {
      const outcome = outcomes[index];
      if (outcome && "error" in outcome) unit.reject(toSpineError(outcome.error, this.path));
      else unit.settle(outcome?.value);
    }
  }

  /** Holds the lock once nothing waits to be written. */
  async #drained(): Promise<() => void> {
    for (;;) {
      const unlock = await this.#mutex.lock();
      if (!this.#flushing) return unlock;
      unlock();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #open(): Promise<Connections> {
    if (this.#closed) return Promise.reject(closedError(this.path));
    return this.#opened();
  }

  #opened(): Promise<Connections> {
    this.#connections ??= this.#connect().catch((error: unknown) => {
      // The next use tries again: what was missing may be there by then.
      this.#connections = undefined;
      throw error;
    });
    return this.#connections;
  }

  async #connect(): Promise<Connections> {
    const writer = await openWriter(this.path, { durability: this.#durability });
    try {
      if (this.inMemory) writer.define(IDENTITY, () => this.#identity);
      else this.#file = canonicalPath(this.path);
      return { writer, reader: this.inMemory ? writer : openReader(this.path) };
    } catch (error) {
      writer.close();
      throw error;
    }
  }

  /** The transaction that the caller is in, while it is open. */
  #ownLease(): WriteLease | undefined {
    const lease = this.#current.getStore();
    return lease?.isOpen ? lease : undefined;
  }

  #refuseRemoved(): void {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_MS) return;
    if (!this.isRemoved) {
      this.#lookedAt = now;
      return;
    }
    throw new SpineError(
      "DATABASE_UNAVAILABLE",
      `The file of the database ${this.path} has been removed or replaced while it was open; nothing was written. Put it back with its log (\`-wal\`), or stop this process and start it again.`,
      { context: { path: this.path } },
    );
  }

  #refuseNested(): void {
    if (!this.#ownLease()) return;
    throw new SpineError(
      "TRANSACTION_INVALID",
      "This write was called in an open transaction and would wait for it for ever. Write through the transaction that `work` was given.",
    );
  }

  #limitWait(unit: Queued): void {
    const timer = setTimeout(() => {
      const waits = this.#queue.indexOf(unit);
      if (waits === -1) return;
      this.#queue.splice(waits, 1);
      unit.reject(
        new SpineError(
          "TRANSACTION_INVALID",
          "This write was called in an open transaction and waited for it to end. Do not await it there.",
        ),
      );
    }, OWN_TRANSACTION_MS);
    timer.unref();
  }
}

/** Several SELECTs of one read see the same state. */
function snapshot<T>(reader: SqliteConnection, work: (connection: SqliteConnection) => T): T {
  reader.run("BEGIN");
  try {
    return work(reader);
  } finally {
    reader.run("COMMIT");
  }
}

function closedError(path: string): SpineError {
  return new SpineError("DATABASE_UNAVAILABLE", `The database ${path} has been closed.`, {
    retryable: false,
    context: { path },
  });
}
