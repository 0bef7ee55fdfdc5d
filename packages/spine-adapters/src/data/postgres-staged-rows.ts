import type { Kysely } from "kysely";
import type { Client, PoolClient } from "pg";
import type { AnySchema, Column, DatasetStore, StagedPlan } from "spine-core";
import { encoderOf, sqlType } from "../databases/postgres/column-codec.ts";
import { CopyIn, copyText } from "../databases/postgres/copy-in.ts";
import { kyselyIn } from "../databases/postgres/postgres-dialect.ts";
import { toSpineError } from "../databases/postgres/postgres-error.ts";
import type { PostgresPools } from "../databases/postgres/postgres-pools.ts";
import { stagingTable } from "../databases/postgres/staging-table.ts";
import { TransactionLease } from "../databases/postgres/transaction-lease.ts";
import { columnNotStaged, stagedCell } from "./staged-cell.ts";

/** Characters that are copied in one go. */
const COPY_CHARACTERS = 1024 * 1024;

/**
 * Asks about datasets in SQL: they are temporary tables of one transaction on a connection of its own, which is rolled back. It
 * sees all other tables beside them, and cannot write those.
 */
export async function withRowsInPostgres<T>(
  pools: PostgresPools,
  plans: readonly StagedPlan[],
  datasets: Pick<DatasetStore, "read" | "isStaged">,
  work: (kysely: Kysely<AnySchema>) => Promise<T>,
): Promise<T> {
  const client = await pools.single("rows", () => {}, "user");
  const lease = new TransactionLease(client as unknown as PoolClient);
  try {
    await client.query("BEGIN");
    for (const plan of plans) {
      if (await datasets.isStaged(plan.dataset)) await viewStaged(client, pools, plan);
      else await stage(client, plan, datasets.read);
    }
    // Temporary tables are made and filled: from here on nothing is written.
    await client.query("SET TRANSACTION READ ONLY");
    return await work(kyselyIn(lease, pools));
  } catch (error) {
    throw toSpineError(error, pools.settings.name);
  } finally {
    lease.end();
    // With the connection its transaction is rolled back, and the tables are gone.
    await client.end().catch(() => {});
  }
}

async function stage(client: Client, plan: StagedPlan, read: DatasetStore["read"]): Promise<void> {
  const columns = plan.columns.map(([name, column]) => ({
    name,
    type: column.type,
    encode: encoderOf(column),
  }));
  const shapes = plan.columns.map(([name, column]) => `${quoted(name)} ${typeOf(column)}`);
  const names = ["_spine_row", ...columns.map(({ name }) => quoted(name))].join(", ");
  await client.query(
    `CREATE TEMP TABLE "${plan.name}" (_spine_row bigint PRIMARY KEY, ${shapes.join(", ")}) ON COMMIT DROP`,
  );
  let lines = "";
  let row = 0;
  const flush = async () => {
    if (lines === "") return;
    const copy = new CopyIn(`COPY pg_temp."${plan.name}" (${names}) FROM STDIN`, Buffer.from(lines));
    lines = "";
    client.query(copy);
    await copy.done;
  };
  for await (const { rows } of read(plan.dataset)) {
    for (const each of rows) {
      row += 1;
      const cells = columns.map(({ name, type, encode }) => {
        const value = stagedCell(plan, encode, each[name], { name, type }, row);
        return value === null ? "\\N" : copyText(value);
      });
      lines += `${[String(row), ...cells].join("\t")}\n`;
      if (lines.length >= COPY_CHARACTERS) await flush();
    }
  }
  await flush();
  await client.query(`ANALYZE pg_temp."${plan.name}"`);
}

/** The dataset stands in a table already: its columns with the types that were asked for, by way of their texts. */
async function viewStaged(client: Client, pools: PostgresPools, plan: StagedPlan): Promise<void> {
  const table = stagingTable(pools.settings.schema, plan.dataset);
  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    [table],
  );
  const types = new Map(rows.map(({ name, type }) => [name, type]));
  const list = plan.columns.map(([name, column]) => {
    const type = types.get(name);
    if (type === undefined) throw columnNotStaged(name);
    const cast = column.type === "text" ? ' COLLATE "C"' : `::${typeOf(column)}`;
    return `(${textOf(quoted(name), type)})${cast} AS ${quoted(name)}`;
  });
  await client.query(
    `CREATE TEMP VIEW "${plan.name}" AS SELECT ${["_spine_row", ...list].join(", ")} FROM ${table}`,
  );
}

/** A value as the dataset would have it. */
function textOf(column: string, type: string): string {
  if (type === "numeric") return `trim_scale(${column})::text`;
  if (!type.startsWith("timestamp")) return `${column}::text`;
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

function typeOf(column: Column): string {
  return column.type === "text" ? `text COLLATE "C"` : sqlType(column);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
