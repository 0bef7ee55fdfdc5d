import type { StateTables } from "../state-tables.ts";

/**
 * `lines`: where runs wait, each queue, workflow and rank once, with the time of its first run. From each line the index
 * leads to the next one: what is read depends on how many lines there are, not on how many runs. For WITH RECURSIVE.
 */
export function linesSql(t: StateTables): string {
  const line = "queue, workflow_name, rank";
  return `lines AS (
  (SELECT ${line}, available_at AS head FROM ${t.workflow_runs} WHERE available_at IS NOT NULL
   ORDER BY ${line}, available_at LIMIT 1)
  UNION ALL
  SELECT next.* FROM lines l CROSS JOIN LATERAL (
    SELECT ${line}, available_at FROM ${t.workflow_runs} r
    WHERE available_at IS NOT NULL AND (r.queue, r.workflow_name, r.rank) > (l.queue, l.workflow_name, l.rank)
    ORDER BY ${line}, available_at LIMIT 1) AS next)`;
}
