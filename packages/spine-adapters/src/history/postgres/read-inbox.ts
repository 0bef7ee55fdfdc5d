import {
  type ChildEnd,
  decodeJson,
  type ErrorJson,
  type Inbox,
  type OutageOptions,
  runOutputs,
} from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { readSignal } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { isRunId } from "./run-id.ts";

/** What has come for a run, a row each; with the run itself only, where there is nothing. */
interface InboxRow {
  readonly inbox: number;
  readonly kind: "signal" | "child" | "output" | null;
  /** Of a signal, or of a child. */
  readonly id: string;
  /** Of the signal, or of the child's step; the status of a child. */
  readonly name: string;
  readonly value: string | null;
  readonly at: string;
}

/**
 * What has come for a run. One statement, so that the count is of the same moment as the rest: a message that was counted
 * and not seen would never be waited for.
 */
export async function readInbox(
  pools: PostgresPools,
  t: StateTables,
  runId: string,
  children: readonly string[],
  { signal }: OutageOptions = {},
): Promise<Inbox | undefined> {
  if (!isRunId(runId)) return undefined;
  // What the engine asks for does not wait behind those who look at runs.
  const values = [runId, children.filter(isRunId)];
  const rows = await pools.ask<InboxRow>("write", inboxSql(t), values, signal);
  const [first] = rows;
  if (!first) return undefined;
  const outputs = Map.groupBy(
    rows.filter(({ kind }) => kind === "output"),
    ({ id }) => id,
  );
  return {
    count: first.inbox,
    signals: rows.flatMap(({ kind, id, name, value, at }) =>
      kind === "signal" ? [readSignal({ signal_id: id, name, payload: value ?? "null", sent_at: at })] : [],
    ),
    children: rows.flatMap((row) => (row.kind === "child" ? [childOf(row, outputs.get(row.id) ?? [])] : [])),
  };
}

function childOf({ id, name, value }: InboxRow, steps: readonly InboxRow[]): ChildEnd {
  // What the statement below asks for.
  const status = name as ChildEnd["status"];
  return {
    runId: id,
    status,
    outputs:
      status === "COMPLETED"
        ? runOutputs(
            steps.map((step) => ({
              name: step.name,
              status: "COMPLETED",
              output: step.value === null ? null : decodeJson(step.value),
            })),
          )
        : null,
    error: value === null ? null : (decodeJson(value) as unknown as ErrorJson),
  };
}

/** Steps inside of others have no output of their own (`runOutputs`), and may be many: they are not read. */
function inboxSql(t: StateTables): string {
  const ended = `FROM ${t.workflow_runs} c WHERE c.run_id = ANY ($2::uuid[]) AND c.parent_run_id = r.run_id::text`;
  return `SELECT r.inbox, m.kind, m.id, m.name, m.value, m.at
FROM ${t.workflow_runs} r LEFT JOIN LATERAL (
  SELECT 'signal' AS kind, s.signal_id AS id, s.name, s.payload AS value, s.sent_at AS at, s.seq
  FROM ${t.signals} s WHERE s.run_id = r.run_id AND NOT s.taken
  UNION ALL
  SELECT 'child', c.run_id::text, c.status, c.error, c.completed_at, 0 ${ended}
    AND c.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
  UNION ALL
  SELECT 'output', c.run_id::text, p.step_name, p.output, p.completed_at, p.seq
  FROM (SELECT c.run_id ${ended} AND c.status = 'COMPLETED') AS c JOIN ${t.workflow_step_runs} p ON p.run_id = c.run_id
  WHERE p.status = 'COMPLETED' AND strpos(p.step_name, '/') = 0) AS m ON true
WHERE r.run_id = $1 ORDER BY m.kind, m.seq`;
}
