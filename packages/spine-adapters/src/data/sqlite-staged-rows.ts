import { DatabaseSync } from "node:sqlite";
import type { Kysely } from "kysely";
import type { AnySchema, DatasetStore, StagedPlan } from "spine-core";
import { encoderOf, storedName } from "../databases/sqlite/column-codec.ts";
import { MEMORY } from "../databases/sqlite/open-sqlite.ts";
import { SqliteConnection, type SqlValue } from "../databases/sqlite/sqlite-connection.ts";
import { kyselyOnConnection } from "../databases/sqlite/sqlite-dialect.ts";
import { toSpineError } from "../databases/sqlite/sqlite-error.ts";
import { stagedCell } from "./staged-cell.ts";

/**
 * Asks about datasets in SQL: they are temporary tables on a connection of its own, which sees the tables of the file beside
 * them and cannot write those. (A database in memory has one connection only: there, it sees the datasets alone.)
 */
export async function withRowsInSqlite<T>(
  path: string,
  plans: readonly StagedPlan[],
  read: DatasetStore["read"],
  work: (kysely: Kysely<AnySchema>) => Promise<T>,
): Promise<T> {
  const connection = new SqliteConnection(
    path === MEMORY ? new DatabaseSync(MEMORY) : new DatabaseSync(path, { readOnly: true, timeout: 5_000 }),
  );
  try {
    // What does not fit into the cache goes to a file that is gone with the connection.
    connection.script("PRAGMA temp_store = FILE");
    for (const plan of plans) await stage(connection, plan, read);
    return await work(kyselyOnConnection(connection, path));
  } catch (error) {
    throw toSpineError(error, path);
  } finally {
    connection.close();
  }
}

async function stage(
  connection: SqliteConnection,
  plan: StagedPlan,
  read: DatasetStore["read"],
): Promise<void> {
  const columns = plan.columns.map(([name, column]) => ({
    name,
    type: column.type,
    encode: encoderOf(column),
  }));
  const shapes = plan.columns.flatMap(([name, column]) => {
    const stored = `${quoted(storedName(name, column))} ${NUMERIC.has(column.type) ? "INTEGER" : "TEXT"}`;
    // The exact units to count with, and the decimal to show.
    return column.type === "decimal" ? [stored, `${quoted(name)} TEXT`] : [stored];
  });
  connection.script(
    `CREATE TEMP TABLE "${plan.name}" (_spine_row INTEGER PRIMARY KEY, ${shapes.join(", ")})`,
  );
  const insert = `INSERT INTO temp."${plan.name}" VALUES (?, ${shapes.map(() => "?").join(", ")})`;
  let row = 0;
  for await (const { rows } of read(plan.dataset)) {
    connection.run("BEGIN");
    for (const each of rows) {
      row += 1;
      const cells: SqlValue[] = [row];
      for (const { name, type, encode } of columns) {
        const value = each[name];
        cells.push(stagedCell(plan, encode, value, { name, type }, row));
        if (type === "decimal") cells.push(typeof value === "string" ? value : null);
      }
      connection.run(insert, ...cells);
    }
    connection.run("COMMIT");
  }
}

const NUMERIC: ReadonlySet<string> = new Set(["integer", "boolean", "decimal"]);

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
