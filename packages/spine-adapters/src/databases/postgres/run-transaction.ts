import { SpineError } from "spine-core";
import { isBroughtSince, isConnectionLost, isSerializationFailure, toSpineError } from "./postgres-error.ts";
import type { PostgresPools } from "./postgres-pools.ts";
import { TransactionLease } from "./transaction-lease.ts";
import { MARK_TRANSACTION } from "./transaction-mark.ts";

/** How often a transaction is done again because others got in its way. */
const MOST_TRIES = 20;
/** The same for a key that somebody else seems to have brought: an index of the host's own refuses it each time. */
const MOST_OF_KEYS = 5;

/**
 * Does work in one transaction: committed when it resolves, rolled back when it throws. It sees one state of
 * the database from its first statement on; when somebody else changed what it is about to change, Postgres
 * refuses, and the work is done again from its beginning, so that no update is lost.
 */
export async function runTransaction<T>(
  pools: PostgresPools,
  work: (lease: TransactionLease) => Promise<T>,
): Promise<T> {
  if (pools.currentTransaction.getStore()?.isOpen) {
    throw new SpineError(
      "TRANSACTION_INVALID",
      "This transaction was begun inside of an open one, of which it would be no part. Write through the transaction that `work` was given.",
    );
  }
  for (let tries = 1; ; tries += 1) {
    try {
      return await runOnce(pools, work);
    } catch (error) {
      if (tries >= triesFor(error)) throw toSpineError(error, pools.settings.name);
      // Apart from each other, or the same ones meet again.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(tries * 4, 50)));
    }
  }
}

function triesFor(error: unknown): number {
  if (isSerializationFailure(error)) return MOST_TRIES;
  return isBroughtSince(error) ? MOST_OF_KEYS : 1;
}

async function runOnce<T>(pools: PostgresPools, work: (lease: TransactionLease) => Promise<T>): Promise<T> {
  const giveBack = await pools.transactions.take();
  const client = await pools.acquire("user").catch((error: unknown) => {
    giveBack();
    throw error;
  });
  const lease = new TransactionLease(client);
  let usable = false;
  try {
    await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ; ${MARK_TRANSACTION}`);
    const result = await pools.currentTransaction.run(lease, () => work(lease));
    lease.end();
    await commit(pools, lease, async () => (await client.query("COMMIT")).command);
    lease.committed();
    usable = true;
    return result;
  } catch (error) {
    lease.end();
    if (!isConnectionLost(error)) {
      await client.query("ROLLBACK").then(
        () => {
          usable = true;
        },
        () => {},
      );
    }
    throw error;
  } finally {
    client.release(!usable);
    giveBack();
  }
}

async function commit(
  pools: PostgresPools,
  { id }: TransactionLease,
  send: () => Promise<string>,
): Promise<void> {
  let command: string;
  try {
    command = await send();
  } catch (error) {
    if (id === null || !isConnectionLost(error)) throw error;
    // The answer is lost, not necessarily the commit: the server remembers what became of the transaction.
    if (await wasCommitted(pools, id)) return;
    throw error;
  }
  // The answer to COMMIT after a statement that failed, when the caller went on all the same.
  if (command !== "ROLLBACK") return;
  throw new SpineError(
    "TRANSACTION_INVALID",
    "A statement of this transaction failed, so Postgres rolled all of it back. Let its error through instead of catching it.",
  );
}

async function wasCommitted(pools: PostgresPools, id: string): Promise<boolean> {
  for (;;) {
    const [row] = await pools.ask<{ status: string | null }>(
      "read",
      "SELECT pg_xact_status($1::xid8) AS status",
      [id],
    );
    if (row?.status !== "in progress") return row?.status === "committed";
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
