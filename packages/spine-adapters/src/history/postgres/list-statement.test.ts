// What a list reads, as the server itself counts it: a page of any kind takes no more than a page of the history.
import { type RunQuery, selectRuns, systemClock } from "spine-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgresSettings } from "../../databases/postgres/postgres-options.ts";
import { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { postgres } from "../../databases/postgres.ts";
import { createTestDatabase } from "../../testing/index.ts";
import { planList } from "../list-plan.ts";
import { stateTables } from "../state-tables.ts";
import { LISTED } from "./list-runs.ts";
import { listStatement } from "./list-statement.ts";

const RUNS = 6_000;
const LIMIT = 51;
const tables = stateTables('"spine".');
let pools: PostgresPools;

beforeAll(async () => {
  const url = await createTestDatabase();
  const database = postgres(url);
  await database.connect({ clock: systemClock });
  await database.close();
  pools = new PostgresPools(postgresSettings(url));
  await pools.query(
    "write",
    `INSERT INTO spine.workflow_runs (run_id, list_id, version, token, created_at, status, workflow_name, domain, partition_key,
  parent_run_id, tags, fingerprint, params, params_hash, triggered_by)
SELECT id, id, 1, 1, now(),
  CASE WHEN n % 11 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, 'w' || n % 3, 'd' || n % 2, 'p' || n % 20,
  'r' || n % 7, json_build_array('t' || n % 7), 'f', '{}', 'h', 'test'
FROM generate_series(1, ${RUNS}) AS n
CROSS JOIN LATERAL (SELECT (lpad(to_hex(n * 1000), 8, '0') || '-0000-7000-8000-000000000000')::uuid AS id) AS ids`,
  );
  await pools.query("write", "ANALYZE spine.workflow_runs");
});
afterAll(() => pools.close());

const queries: readonly RunQuery[] = [
  {},
  { status: ["FAILED"] },
  { status: ["FAILED", "COMPLETED", "RUNNING"] },
  { workflow: "w1" },
  { workflow: "w1", status: ["FAILED"] },
  { domain: "d1" },
  { domain: "d1", status: ["FAILED"] },
  { partition: { p: "1" } },
  { parentRunId: "r1" },
  { parentRunId: "r1", status: ["FAILED"] },
  { parentRunId: "r1", domain: "d1" },
  { tag: "t1" },
  { tag: "t1", status: ["FAILED"] },
  { tag: "t1", status: ["FAILED", "COMPLETED"] },
  { workflow: "w1", domain: "d1" },
  { until: RUNS * 1_000 * 2 ** 15, workflow: "w1" },
];

// The second of them makes reading in the order of the primary key look cheap, as it does in a large table.
const costs = [4, 1_000];
const cases = costs.flatMap((cost) => queries.map((query) => [cost, query] as const));

test.each(cases)("at page cost %d: %j", async (cost, query) => {
  const selection = selectRuns(query, 0);
  const plan = planList({ ...selection, partitionKey: selection.partitionKey && "p1" });
  const { sql, values } = listStatement(tables, plan, LISTED, LIMIT);
  // Prepared, as the store does it: planned once, for any values.
  const name = `listing_${cost}_${queries.indexOf(query)}`;
  const [row] = await pools.inTransaction("read", async (ask) => {
    await ask(`SET LOCAL random_page_cost = ${cost}`);
    await ask(`PREPARE ${name} AS ${sql}`);
    const literals = values.map((value) => (typeof value === "number" ? value : `'${String(value)}'`));
    return await ask<{ readonly "QUERY PLAN": string }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE ${name}${literals.length > 0 ? `(${literals.join(", ")})` : ""}`,
    );
  });
  const [{ Plan }] = JSON.parse(row?.["QUERY PLAN"] ?? "[]") as [{ Plan: Node }];
  const read = readBy(Plan);
  expect(Plan["Actual Rows"]).toBe(LIMIT);
  expect(read, JSON.stringify(Plan, undefined, 1)).toBeLessThanOrEqual(3 * LIMIT);
});

interface Node {
  readonly "Node Type": string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Node[];
}

/** The rows that the scans of a plan gave, and those that they threw away. */
function readBy(node: Node): number {
  const below = (node.Plans ?? []).reduce((sum, plan) => sum + readBy(plan), 0);
  if (!node["Node Type"].includes("Scan") || node.Plans) return below;
  return below + (node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0)) * node["Actual Loops"];
}
