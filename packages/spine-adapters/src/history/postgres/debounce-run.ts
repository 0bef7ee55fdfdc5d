import type { CommitResult, CreateCommit, RunCommit } from "spine-core";
import type { StateTables } from "../state-tables.ts";
import type { DatabaseTime } from "./database-time.ts";
import type { Statement } from "./flush-statement.ts";

interface Scope {
  readonly tables: StateTables;
  readonly time: DatabaseTime;
  readonly execute: (statement: Statement) => Promise<readonly unknown[]>;
}

interface Making extends Scope {
  /** Stores the run where none is in its way; `debounced` where one is. */
  readonly create: (commit: CreateCommit) => Promise<CommitResult>;
}

/** True for a start that may change another run instead of making one. */
export function isDebounced(commit: RunCommit): commit is CreateCommit {
  return commit.kind === "create" && commit.run.worker === null && commit.run.debounce != null;
}

/**
 * Changes the run that waits under this key, or makes one. Between the two somebody else may have made it, or claimed the one
 * that was in the way: then it is looked again. That ends, because each round needs another such process.
 */
export async function debounceRun(scope: Making, commit: CreateCommit): Promise<CommitResult> {
  for (;;) {
    const changed = await changePending(scope, commit);
    if (changed) return changed;
    const created = await scope.create(commit);
    if (created.result !== "debounced") return created;
  }
}

/**
 * Changes the run that waits under the key of a start; undefined where none does. One that somebody claims at this moment is
 * not PENDING once its row is free, and is left alone.
 */
export async function changePending(scope: Scope, commit: CreateCommit): Promise<CommitResult | undefined> {
  const [pending] = (await scope.execute(changeSql(scope, commit))) as readonly { run_id: string }[];
  return pending && { result: "debounced", runId: pending.run_id };
}

function changeSql({ tables: t, time }: Scope, { run }: CreateCommit): Statement {
  const { workflow, scope = "", debounce, params, paramsHash, availableAt } = run;
  const now = "coalesce($8::timestamptz, now())";
  return {
    sql: `WITH changed AS (
UPDATE ${t.workflow_runs} r SET params = $4::json, params_hash = $5::text, version = r.version + 1,
  available_at = least(coalesce($6::timestamptz, ${now}), r.created_at + $7::int8 * interval '1 millisecond')
WHERE r.workflow_name = $1::text AND r.run_scope = $2::text AND r.debounce_key = $3::text AND r.status = 'PENDING'
RETURNING r.run_id, r.version),
told AS (
INSERT INTO ${t.run_events} (run_id, seq, type, at, data)
SELECT run_id, version, 'run.updated', ${now}, '{}'::json FROM changed)
SELECT run_id::text AS run_id FROM changed`,
    values: [
      workflow,
      scope ?? "",
      debounce?.key ?? null,
      params,
      paramsHash,
      availableAt === null ? null : time.toDatabase(availableAt),
      debounce?.latest ?? null,
      time.virtual,
    ],
  };
}
