import { SpineError } from "spine-core";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { toSpineError } from "./sqlite-error.ts";

/** The right to write: the connection inside an open transaction, until that ends. */
export class WriteLease {
  readonly #connection: SqliteConnection;
  readonly #path: string;
  readonly #unlock: () => void;
  #open = true;

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

  #end(): void {
    this.#open = false;
    this.#unlock();
  }
}
