import { type Dialect, SpineError } from "spine-core";
import { type CallerConnection, callerConnection } from "./caller-connection.ts";

const NAMES: Readonly<Record<Dialect, string>> = { sqlite: "SQLite", postgres: "Postgres", db2: "DB2" };

/** A connection of the host's own to a database of this dialect. @throws SpineError TRANSACTION_INVALID for any other. */
export function connectionTo(dialect: Dialect, given: unknown): CallerConnection {
  const connection = callerConnection(given);
  if (connection.dialect === dialect) return connection;
  const other = connection.dialect === null ? "another database" : NAMES[connection.dialect];
  throw new SpineError(
    "TRANSACTION_INVALID",
    `The \`transaction\` is a connection to ${other}, and this Spine keeps its runs in ${NAMES[dialect]}. Give a connection to the database that Spine was created with.`,
  );
}

/** For a connection that leads elsewhere. @param where what it leads to, and what Spine is on. */
export function elsewhere(where: string): SpineError {
  return new SpineError(
    "TRANSACTION_INVALID",
    `The \`transaction\` is a connection to another database than Spine's: ${where}. Give a connection to the same one; nothing was written.`,
  );
}

/** For a transaction in which nothing can be written. */
export function readOnly(error: unknown): SpineError {
  return new SpineError(
    "TRANSACTION_INVALID",
    "The `transaction` is read-only, so no run can be stored in it. Begin it without READ ONLY (and see that `default_transaction_read_only` is off), or start the run without `transaction`.",
    { cause: error },
  );
}

/** For a connection that broke: what was written on it is undone with its transaction. */
export function lost(error: unknown): SpineError {
  const why = error instanceof Error ? error.message : String(error);
  return new SpineError(
    "DATABASE_UNAVAILABLE",
    `The connection that was given as \`transaction\` has broken (${why}), and the server undoes its transaction. Begin that again on a new connection, with the start in it.`,
    { cause: error },
  );
}

/** For a connection that refuses statements for a reason that is not the database's, e.g. because it is closed. */
export function unusable(error: unknown): SpineError {
  const why = error instanceof Error ? error.message : String(error);
  return new SpineError(
    "TRANSACTION_INVALID",
    `The connection that was given as \`transaction\` took no statement: ${why}. Is it still open, and its transaction not over?`,
    { cause: error },
  );
}
