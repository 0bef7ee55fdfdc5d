import pg from "pg";
import { newId } from "spine-core";
import type { QueueSession } from "../harness/queue-session.ts";
import type { Environment } from "../harness/system.ts";
import { BatchedWrites } from "./batched-writes.ts";
import { type Column, planFlush, readRows, tablesOf, type Write } from "./floor-same-rows-postgres.ts";
import { captureTemplate, fresh, isRuns } from "./run-template.ts";
import { spineDatabase } from "./spine.ts";

/** Starts stored by one statement. */
const BATCH = 1_000;

/** Spine's own tables and rows as a queue: claimed in batches with SKIP LOCKED, ended in shared statements, no engine, no fence. */
export async function openQueue(environment: Environment): Promise<QueueSession> {
  const { database, steps, inFlight } = environment;
  const pool = new pg.Pool({ connectionString: database, max: 3 });
  const tables = new Map<string, readonly Column[]>();
  const read = async (runId: string) => {
    for (const [table, columns] of await tablesOf(pool)) tables.set(table, columns);
    return await readRows(pool, tables, runId);
  };
  const template = await captureTemplate(spineDatabase("postgres", environment), steps, read, true);
  for (const table of tables.keys())
    await pool.query(`DELETE FROM ${table} WHERE run_id = $1`, [template.runId]);
  const runs = [...tables.keys()].find(isRuns) ?? "workflow_runs";
  const flush = planFlush(template, tables);
  const write = async (writes: readonly Write[]) => {
    await pool.query({
      name: "flush",
      text: flush.sql,
      values: flush.values(writes, new Date().toISOString()),
    });
  };
  const batches = new BatchedWrites<Write>(write);

  const typeOf = new Map(tables.get(runs)?.map(({ name, type }) => [name, type]));
  const claimed = Object.entries(template.writes[1]?.changed ?? {});
  const set = claimed.map(([name], index) => `${name} = $${index + 2}::${typeOf.get(name)}`).join(", ");
  const claim = `
UPDATE ${runs} AS r SET ${set} FROM (
  SELECT run_id FROM ${runs} WHERE available_at <= now() ORDER BY available_at, run_id LIMIT $1 FOR UPDATE SKIP LOCKED
) AS due WHERE r.run_id = due.run_id RETURNING r.run_id, (r.params->>'id')::int AS id`;
  const values = claimed.map(([, value]) => fresh(template, value));

  let stopped = false;
  let active = 0;
  let wake = () => {};
  const execute = async (runId: string, id: number) => {
    for (let step = 1; step <= steps; step += 1) await batches.write({ runId, id, write: step + 1 });
    active -= 1;
    wake();
  };
  const work = async () => {
    while (!stopped) {
      const free = inFlight - active;
      const at = new Date().toISOString();
      const found = free
        ? (
            await pool.query<{ run_id: string; id: number }>({
              name: "claim",
              text: claim,
              values: [free, ...values.map((value) => value(template.runId, 0, at))],
            })
          ).rows
        : [];
      active += found.length;
      for (const { run_id, id } of found) void execute(run_id, id);
      if (found.length < free || active === inFlight) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, 200);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    }
  };
  return {
    async enqueue(ids) {
      for (let from = 0; from < ids.length; from += BATCH) {
        await write(ids.slice(from, from + BATCH).map((id) => ({ runId: newId(), id, write: 0 })));
      }
    },
    async work() {
      void work();
    },
    async completed() {
      const { rows } = await pool.query(`SELECT count(*) AS n FROM ${runs} WHERE status = 'COMPLETED'`);
      return Number(rows[0].n);
    },
    async close() {
      stopped = true;
      wake();
      await pool.end();
    },
  };
}
