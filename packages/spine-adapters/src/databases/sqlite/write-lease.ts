import { SpineError } from "spine-core";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { toSpineError } from "./sqlite-error.ts";

/** How long a transaction may do nothing while others wait for the writer: the limit of `context.transaction`. */
const IDLE_MS = 5_000;

/** The right to write: the connection inside an open transaction, until that ends. */
export class WriteLease {
  readonly #connection: SqliteConnection;
  readonly #path: string;
  readonly #unlock: () => void;
  #open = true;
  #usedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #tooLong: SpineError | undefined;

  constructor(connection: SqliteConnection, path: string, unlock: () => void) {
    this.#connection = connection;
    this.#path = path;
    this.#unlock = unlock;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** The connection; an error once the transaction has ended, because by then it is somebody else's. */
  get connection(): SqliteConnection {
    this.#usedAt = performance.now();
    if (this.#tooLong) throw this.#tooLong;
    if (!this.#open) {
      throw new SpineError(
        "TRANSACTION_INVALID",
        "This transaction has ended. Await everything that is written through it before its work returns.",
      );
    }
    // SQLite itself rolls back when it cannot go on (a full disk): what follows must not commit by itself.
    if (!this.#connection.inTransaction) {
      throw new SpineError(
        "TRANSACTION_INVALID",
        "The database has rolled this transaction back after an earlier error in it.",
      );
    }
    return this.#connection;
  }

  commit(): void {
    try {
      this.connection.run("COMMIT");
    } catch (error) {
      throw toSpineError(error, this.#path);
    }
    this.#end();
  }

  /** Does nothing when the transaction has ended. */
  rollback(): void {
    if (!this.#open) return;
    try {
      if (this.#connection.inTransaction) this.#connection.run("ROLLBACK");
    } finally {
      this.#end();
    }
  }

  /**
   * Others wait for the writer now: from here on the transaction is rolled back once nothing has been done in it for a
   * while. What it waits for itself may be one of those, and then nothing else would ever end it.
   */
  limitIdle(): void {
    if (!this.#open || this.#timer) return;
    const check = (): void => {
      const left = this.#usedAt + IDLE_MS - performance.now();
      if (left > 0) this.#timer = setTimeout(check, left);
      else this.#giveUp();
    };
    this.#timer = setTimeout(check, IDLE_MS);
  }

  #giveUp(): void {
    this.#tooLong = new SpineError(
      "TRANSACTION_TOO_LONG",
      `This transaction was rolled back: nothing was done in it for ${IDLE_MS} ms while others waited to write. If it waited for a start of a run or another write of its own, give that its transaction: \`spine.run(workflow, params, { transaction })\`. Do other slow work before it.`,
    );
    try {
      this.rollback();
    } catch {
      // Nobody is here to be told; the transaction's next statement is.
    }
  }

  #end(): void {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#unlock();
  }
}
