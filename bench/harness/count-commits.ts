import { DatabaseSync, StatementSync } from "node:sqlite";

type Call = (this: StatementSync, ...values: never[]) => unknown;

/**
 * Counts the database commits that change rows, for everything in this process that uses node:sqlite: after a
 * statement that leaves its connection outside a transaction, the connection's count of changed rows has grown.
 * It slows each statement down, so what is counted is not timed.
 */
export function countCommits(): () => number {
  let commits = 0;
  const databases = new WeakMap<StatementSync, DatabaseSync>();
  const changes = new WeakMap<DatabaseSync, { statement: StatementSync; last: number }>();
  const { prepare, exec } = DatabaseSync.prototype;
  const get = StatementSync.prototype.get as Call;

  const look = (database: DatabaseSync) => {
    if (!database.isOpen || database.isTransaction) return;
    const known = changes.get(database) ?? {
      statement: prepare.call(database, "SELECT total_changes() AS n"),
      last: 0,
    };
    changes.set(database, known);
    const now = Number((get.call(known.statement) as { n: number }).n);
    if (now > known.last) commits += 1;
    known.last = now;
  };
  const watched = (call: Call): Call =>
    function (this: StatementSync, ...values) {
      const result = call.apply(this, values);
      const database = databases.get(this);
      if (database) look(database);
      return result;
    };

  DatabaseSync.prototype.prepare = function (...args) {
    const statement = prepare.apply(this, args);
    databases.set(statement, this);
    return statement;
  };
  DatabaseSync.prototype.exec = function (sql) {
    exec.call(this, sql);
    look(this);
  };
  const methods = StatementSync.prototype as unknown as Record<"run" | "get" | "all", Call>;
  for (const name of ["run", "get", "all"] as const) methods[name] = watched(methods[name]);
  return () => commits;
}
