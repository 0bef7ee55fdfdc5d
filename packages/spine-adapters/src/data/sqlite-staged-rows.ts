import { DatabaseSync } from "node:sqlite";
import type { Kysely } from "kysely";
import {
  type AnySchema,
  type DatasetChunk,
  type DatasetStore,
  DECIMAL_SCALE,
  type StagedPlan,
} from "spine-core";
import { encoderOf, storedName } from "../databases/sqlite/column-codec.ts";
import { MEMORY } from "../databases/sqlite/open-sqlite.ts";
import { SqliteConnection, type SqlValue } from "../databases/sqlite/sqlite-connection.ts";
import { kyselyOnConnection } from "../databases/sqlite/sqlite-dialect.ts";
import { toSpineError } from "../databases/sqlite/sqlite-error.ts";
import { decimalText } from "../databases/sqlite/target-table.ts";
import { stagingName } from "../databases/staging-name.ts";
import { columnNotStaged, stagedCell } from "./staged-cell.ts";

/** The rows of a dataset, some at a time. */
export type ReadRows = (dataset: string) => AsyncIterable<Pick<DatasetChunk, "rows">>;

/**
 * Asks about datasets in SQL: they are temporary tables on a connection of its own, which sees the tables of the file beside
 * them and cannot write those. (A database in memory has one connection only: there, it sees the datasets alone.)
 */
export async function withRowsInSqlite<T>(
  path: string,
  plans: readonly StagedPlan[],
  datasets: Pick<DatasetStore, "read" | "isStaged"> & { readonly readStaged: ReadRows },
  work: (kysely: Kysely<AnySchema>) => Promise<T>,
): Promise<T> {
  const connection = new SqliteConnection(
    path === MEMORY ? new DatabaseSync(MEMORY) : new DatabaseSync(path, { readOnly: true, timeout: 5_000 }),
  );
  try {
    // What does not fit into the cache goes to a file that is gone with the connection.
    connection.script("PRAGMA temp_store = FILE");
    for (const plan of plans) {
      if (!(await datasets.isStaged(plan.dataset))) await stage(connection, plan, datasets.read);
      else if (path === MEMORY) await stage(connection, plan, datasets.readStaged);
      else viewStaged(connection, plan);
    }
    return await work(kyselyOnConnection(connection, path));
  } catch (error) {
    throw toSpineError(error, path);
  } finally {
    connection.close();
  }
}

async function stage(connection: SqliteConnection, plan: StagedPlan, read: ReadRows): Promise<void> {
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

/** The dataset stands in a table already: its columns with the types that were asked for. */
function viewStaged(connection: SqliteConnection, plan: StagedPlan): void {
  const table = stagingName(plan.dataset);
  const stored = new Set(
    connection.all<{ name: string }>("SELECT name FROM pragma_table_info(?)", table).map(({ name }) => name),
  );
  const list = plan.columns.flatMap(([name, column]) => {
    const units = `${name}_units`;
    const isDecimal = !stored.has(name) && stored.has(units);
    if (!isDecimal && !stored.has(name)) throw columnNotStaged(name);
    const value = isDecimal ? decimalText(units, DECIMAL_SCALE) : quoted(name);
    if (column.type === "decimal" && !isDecimal) throw columnNotStaged(name);
    if (column.type === "decimal") return [quoted(units), `${value} AS ${quoted(name)}`];
    return [`CAST(${value} AS ${NUMERIC.has(column.type) ? "INTEGER" : "TEXT"}) AS ${quoted(name)}`];
  });
  connection.script(
    `CREATE TEMP VIEW "${plan.name}" AS SELECT ${["rowid AS _spine_row", ...list].join(", ")} FROM main."${table}"`,
  );
}

const NUMERIC: ReadonlySet<string> = new Set(["integer", "boolean", "decimal"]);

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
