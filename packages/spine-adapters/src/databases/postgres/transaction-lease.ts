import type { PoolClient } from "pg";
import { SpineError } from "spine-core";

/** The connection inside an open transaction, until that ends. */
export class TransactionLease {
  readonly #client: PoolClient;
  readonly #afterCommit: (() => void)[] = [];
  #open = true;
  /** The transaction's id on the server, once something has asked for it: it tells what became of a lost COMMIT. */
  id: string | null = null;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** The connection; an error once the transaction has ended, because by then it is somebody else's. */
  get client(): PoolClient {
    if (this.#open) return this.#client;
    throw new SpineError(
      "TRANSACTION_INVALID",
      "This transaction has ended. Await everything that is written through it before its work returns.",
    );
  }

  end(): void {
    this.#open = false;
  }

  /** Calls back once what was written is durable; never when it is rolled back. */
  afterCommit(call: () => void): void {
    this.#afterCommit.push(call);
  }

  committed(): void {
    for (const call of this.#afterCommit) call();
  }
}
