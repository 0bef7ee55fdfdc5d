import { type CommitResult, isTerminal, type RunStatus, type SignalCommit } from "spine-core";
import type { Query } from "../../databases/postgres/postgres-pools.ts";
import { signalCame } from "../run-events.ts";
import type { StateTables } from "../state-tables.ts";
import { isRunId } from "./run-id.ts";
import { wakeSql } from "./wake-sql.ts";

interface Scope {
  readonly query: Query;
  readonly tables: StateTables;
  /** A virtual time; null for the database's own. */
  readonly at: string | null;
}

interface Answer {
  readonly status: RunStatus;
  readonly version: number;
  /** It has come before. */
  readonly known: boolean;
}

/**
 * Leaves a message for a run, in one statement that holds the run's row for no longer than itself takes: its owner goes on.
 * May be sent again when its answer was lost.
 */
export async function signalRun({ query, tables, at }: Scope, commit: SignalCommit): Promise<CommitResult> {
  const { runId, signalId, name, payload } = commit;
  if (!isRunId(runId)) return { result: "missing" };
  const { data } = signalCame(name);
  const values = [runId, signalId, name, payload, at, JSON.stringify(data)];
  const [answer] = await query<Answer>(signalSql(tables), values);
  if (!answer) return { result: "missing" };
  const { status, version, known } = answer;
  return isTerminal(status) && !known ? { result: "conflict", status } : { result: "committed", version };
}

/**
 * The row of the run is locked first, and everything else follows from what it says then. How many messages the run has got
 * is the number of the next one, so that nobody has to look for the last: numbers in between are those of ends of children.
 *
 * `write_seq`, `open_version` and `token` stay: the owner's next write finds its run as it left it.
 */
function signalSql(t: StateTables): string {
  const now = "coalesce($5::timestamptz, now())";
  return `WITH run AS MATERIALIZED (
  SELECT run_id, status, version, inbox FROM ${t.workflow_runs} WHERE run_id = $1 FOR UPDATE),
stored AS (
  INSERT INTO ${t.signals} (run_id, seq, signal_id, name, payload, sent_at)
  SELECT run_id, inbox + 1, $2::text, $3::text, $4::json, ${now} FROM run WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
  ON CONFLICT (run_id, signal_id) DO NOTHING RETURNING run_id),
counted AS (
  UPDATE ${t.workflow_runs} r SET inbox = r.inbox + 1, version = r.version + 1, ${wakeSql("r", now)}
  FROM stored s WHERE r.run_id = s.run_id RETURNING r.run_id, r.version),
told AS (
  INSERT INTO ${t.run_events} (run_id, seq, type, at, data)
  SELECT run_id, version, 'signal.received', ${now}, $6::json FROM counted)
SELECT run.status, coalesce(c.version, run.version) AS version,
  EXISTS (SELECT FROM ${t.signals} k WHERE k.run_id = run.run_id AND k.signal_id = $2::text) AS known
FROM run LEFT JOIN counted c ON c.run_id = run.run_id`;
}
