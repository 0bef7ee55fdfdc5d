// What a window of the grid reads, out of 119,000 partitions with two runs each: of each cell its own row, and its newest run.
import { systemClock } from "spine-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgresSettings } from "../databases/postgres/postgres-options.ts";
import { PostgresPools } from "../databases/postgres/postgres-pools.ts";
import { postgres } from "../databases/postgres.ts";
import { sqlite } from "../databases/sqlite.ts";
import { createTestDatabase } from "../testing/index.ts";
import { statesSql } from "./postgres/postgres-partition-store.ts";
import { statesSql as statesSqlOfSqlite } from "./sqlite/sqlite-partition-store.ts";
import { stateTables } from "./state-tables.ts";

const PARTITIONS = 119_000;
const CELLS = 60;
const keys = Array.from({ length: CELLS }, (_, index) => `n=${60_000 + index}`);
let pools: PostgresPools;

beforeAll(async () => {
  const url = await createTestDatabase();
  const database = postgres(url);
  await database.connect({ clock: systemClock });
  await database.close();
  pools = new PostgresPools(postgresSettings(url));
  await pools.query(
    "write",
    `INSERT INTO spine.partitions (table_name, partition_key, partition, run_id, load_id, hash, rows, loaded_at)
SELECT 't', 'n=' || n, '{}', gen_random_uuid(), n, 'h', 1, now() FROM generate_series(1, ${PARTITIONS}) AS n`,
  );
  // Only those that are looked at have runs, and far more than one each.
  await pools.query(
    "write",
    `INSERT INTO spine.workflow_runs (run_id, list_id, version, token, created_at, status, workflow_name, partition_key, fingerprint,
  params, params_hash, triggered_by)
SELECT id, id, 1, 1, now(), CASE WHEN m % 3 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, 'w' || m % 2, 'n=' || n, 'f', '{}', 'h', 'test'
FROM generate_series(59900, 60200) AS n CROSS JOIN generate_series(1, 40) AS m
CROSS JOIN LATERAL (SELECT (lpad(to_hex(n * 100 + m), 8, '0') || '-0000-7000-8000-000000000000')::uuid AS id) AS ids`,
  );
  await pools.query("write", "ANALYZE spine.workflow_runs");
  await pools.query("write", "ANALYZE spine.partitions");
});
afterAll(() => pools.close());

interface Node {
  readonly "Node Type": string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Node[];
}
/** Rows that were taken out of tables and indexes, those that were thrown away included. */
function rowsRead(node: Node): number {
  const inner = (node.Plans ?? []).reduce((sum, plan) => sum + rowsRead(plan), 0);
  const isScan = node["Node Type"].includes("Scan") && node["Node Type"] !== "Function Scan";
  if (!isScan) return inner;
  return inner + (node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0)) * node["Actual Loops"];
}

test.each(["w1", null])(
  "Postgres reads no more than two rows for each cell (workflow %s)",
  async (workflow) => {
    const [row] = await pools.ask<{ "QUERY PLAN": string }>(
      "read",
      `EXPLAIN (ANALYZE, FORMAT JSON) ${statesSql(stateTables('"spine".'))}`,
      ["t", workflow, keys],
    );
    const [{ Plan: plan }] = JSON.parse(row?.["QUERY PLAN"] ?? "[]") as [{ Plan: Node }];
    expect(JSON.stringify(plan)).not.toContain("Seq Scan");
    expect(rowsRead(plan)).toBe(workflow === null ? CELLS : 2 * CELLS);
  },
);

test("SQLite finds each by an index that leads to nothing else, out of as many", async () => {
  const database = sqlite(":memory:");
  await database.connect({ clock: systemClock });
  const ask = async (sql: string, parameters: readonly unknown[] = []) => {
    const query = { query: { kind: "RawNode" } as never, queryId: { queryId: sql } as never };
    return (await database.kysely.executeQuery<{ detail: string }>({ ...query, sql, parameters })).rows;
  };
  await ask(`WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${PARTITIONS})
INSERT INTO partitions (table_name, partition_key, partition, run_id, load_id, hash, rows, loaded_at)
SELECT 't', 'n=' || n, '{}', n, n, 'h', 1, '2026' FROM series`);
  await ask("ANALYZE");
  const sql = statesSqlOfSqlite(stateTables(""));
  const plan = await ask(`EXPLAIN QUERY PLAN ${sql}`, ["t", "w1", JSON.stringify(keys)]);
  const found = await ask(sql, ["t", "w1", JSON.stringify(keys)]);
  await database.close();
  // By its whole key, which is unique: one row each; and the newest run is the first of its index.
  expect(plan.map(({ detail }) => detail)).toEqual([
    expect.stringContaining("SCAN k VIRTUAL TABLE"),
    expect.stringMatching(/SEARCH p USING .*\(table_name=\? AND partition_key=\?\)/),
    expect.stringMatching(/SEARCH r USING .*\(run_id=\?\)/),
    expect.stringContaining("CORRELATED SCALAR SUBQUERY"),
    expect.stringMatching(/workflow_runs_newest \(partition_key=\? AND workflow_name=\?\)$/),
    expect.stringContaining("ORDER BY"),
  ]);
  expect(found).toHaveLength(CELLS);
});
