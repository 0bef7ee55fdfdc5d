import type { SqliteConnection } from "./sqlite-connection.ts";
import { isBusy } from "./sqlite-error.ts";

/** A piece of writing that happens wholly or not at all. It may be done twice. */
export interface WriteUnit {
  readonly work: (connection: SqliteConnection) => unknown;
}

export type WriteOutcome = { readonly value: unknown } | { readonly error: unknown };

/**
 * Does the units in one transaction and commits it. A unit that throws leaves no trace and does not affect
 * the others. Throws when nothing could be committed at all.
 */
export function commitTogether(
  connection: SqliteConnection,
  units: readonly WriteUnit[],
): readonly WriteOutcome[] {
  let refused = false;
  try {
    return inTransaction(connection, () =>
      units.map(({ work }) => {
        refused = true;
        const value = work(connection);
        refused = false;
        return { value };
      }),
    );
  } catch (error) {
    if (!refused || isBusy(error)) throw error;
    if (units.length === 1) return [{ error }];
    // Savepoints cost time, so they are only made once it is known that a unit fails.
    return inTransaction(connection, () => units.map((unit) => doInSavepoint(connection, unit)));
  }
}

function inTransaction(
  connection: SqliteConnection,
  work: () => readonly WriteOutcome[],
): readonly WriteOutcome[] {
  connection.run("BEGIN IMMEDIATE");
  try {
    const outcomes = work();
    connection.run("COMMIT");
    return outcomes;
  } catch (error) {
    // A full disk ends the transaction by itself.
    if (connection.inTransaction) connection.run("ROLLBACK");
    throw error;
  }
}

function doInSavepoint(connection: SqliteConnection, { work }: WriteUnit): WriteOutcome {
  try {
    return { value: savepoint(connection, () => work(connection)) };
  } catch (error) {
    if (!connection.inTransaction) throw error;
    return { error };
  }
}

/** Does work inside the open transaction; when it throws, its own writes are undone and no others. */
export function savepoint<T>(connection: SqliteConnection, work: () => T): T {
  connection.run("SAVEPOINT spine_unit");
  try {
    const value = work();
    connection.run("RELEASE spine_unit");
    return value;
  } catch (error) {
    if (connection.inTransaction) {
      connection.run("ROLLBACK TO spine_unit");
      connection.run("RELEASE spine_unit");
    }
    throw error;
  }
}
