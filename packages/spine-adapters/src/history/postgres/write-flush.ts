import { type CommitResult, SpineError } from "spine-core";
import type { OpenBase } from "../open-steps.ts";
import type { StateTables } from "../state-tables.ts";
import type { Flush, QueuedCommit } from "./flush.ts";
import { type FlushRow, flushStatement, type Statement } from "./flush-statement.ts";
import { comeBehind } from "./write-seq.ts";

/** Executes a statement and returns its rows. */
export type Execute = (statement: Statement) => Promise<readonly unknown[]>;

export interface FlushWriting {
  readonly tables: StateTables;
  readonly execute: Execute;
  readonly writeSeq: number;
  readonly at: string | null;
  /** Is told the id of the transaction in which it was written. */
  readonly onTransaction?: (id: string) => void;
}

interface Known {
  readonly run_id: string;
  readonly version: number;
  readonly write_seq: number;
  readonly status: string;
  readonly worker: string | null;
  readonly token: number;
  readonly workflow_name: string;
  readonly run_scope: string;
  readonly run_key: string | null;
  readonly params_hash: string;
}

/** What became of a commit: an answer, or the error with which its caller is refused; `STALE` when it is to be made again. */
export type Answer = CommitResult | SpineError | typeof STALE;

/** What the commit started from is not what the run's row says, although its owner is the same: look, and make it again. */
export const STALE = Symbol("stale");

/** What a flush brought about. */
export interface Written {
  readonly answers: ReadonlyMap<QueuedCommit, Answer>;
  /** Of the runs that were written: what numbers and times of that write are counted from. */
  readonly bases: ReadonlyMap<string, OpenBase>;
}

/**
 * Writes a flush; the answer to each of its commits. One round trip, unless a commit was not made: then one more says
 * why. Written again with the same `writeSeq`, after its answer was lost, it finds what it wrote.
 */
export async function writeFlush(flush: Flush, writing: FlushWriting): Promise<Written> {
  const { tables, writeSeq, at, execute, onTransaction } = writing;
  const options = { tables, writeSeq, at, transactionId: onTransaction !== undefined };
  const rows = (await execute(flushStatement(flush, options))) as readonly FlushRow[];
  const id = rows[0]?.transaction_id;
  if (id !== undefined) onTransaction?.(id);
  const bases = new Map(rows.map(({ run_id, base, at }) => [run_id, { version: base, at }]));
  const answers = new Map<QueuedCommit, Answer>();
  const refused: QueuedCommit[] = [];
  for (const { runId, commits, positions } of flush.folds) {
    const base = bases.get(runId);
    for (const [index, commit] of commits.entries()) {
      if (base === undefined) refused.push(commit);
      else answers.set(commit, { result: "committed", version: base.version + (positions[index] ?? 0) });
    }
  }
  if (refused.length === 0) return { answers, bases };
  const present = (await execute(lookUp(tables, refused))) as readonly Known[];
  for (const commit of refused) answers.set(commit, explain(commit, flush, present, writeSeq));
  return { answers, bases };
}

/** The rows in the way of commits: of their runs, and of the keys that were taken. */
function lookUp(tables: StateTables, commits: readonly QueuedCommit[]): Statement {
  const created = commits.flatMap((commit) => (commit.kind === "create" ? [commit.run] : []));
  const ids = commits.map((commit) => (commit.kind === "create" ? commit.run.runId : commit.runId));
  const columns = [
    "run_id",
    "version",
    "write_seq",
    "status",
    "worker",
    "token",
    "workflow_name",
    "run_scope",
    "run_key",
    "params_hash",
  ];
  return {
    sql: `SELECT ${columns.join(", ")} FROM ${tables.workflow_runs} WHERE run_id = ANY ($1::uuid[])
UNION SELECT ${columns.map((column) => `r.${column}`).join(", ")}
FROM unnest($2::text[], $3::text[], $4::text[]) AS k(workflow, scope, key)
JOIN ${tables.workflow_runs} r ON r.workflow_name = k.workflow AND r.run_scope = k.scope AND r.run_key = k.key`,
    values: [
      ids,
      created.map(({ workflow }) => workflow),
      created.map(({ scope }) => scope ?? ""),
      created.map(({ key }) => key),
    ],
  };
}

/** Why a commit was not made, or that it was: by an earlier execution of the same flush. */
function explain(commit: QueuedCommit, flush: Flush, present: readonly Known[], writeSeq: number): Answer {
  const runId = commit.kind === "create" ? commit.run.runId : commit.runId;
  const own = present.find((row) => row.run_id === runId);
  if (own?.write_seq === writeSeq) return { result: "committed", version: versionOf(commit, flush, own) };
  if (commit.kind === "advance") {
    if (!own) return { result: "missing" };
    const { worker, token } = commit.fence;
    const owned = own.status === "RUNNING" && own.worker === worker && own.token === token;
    if (!owned) return { result: "fenced" };
    comeBehind(own.write_seq);
    return STALE;
  }
  if (own) {
    return new SpineError(
      "HISTORY_CONFLICT",
      `A run with the id ${runId} exists already. Nothing was recorded.`,
      {
        context: { runId },
      },
    );
  }
  const { workflow, scope = "", key } = commit.run;
  const isOther = (row: Known) =>
    row.workflow_name === workflow && row.run_scope === scope && row.run_key === key;
  const other = present.find(isOther);
  if (other) return { result: "duplicate", runId: other.run_id, paramsHash: other.params_hash };
  return new SpineError("HISTORY_CONFLICT", `A run of "${workflow}" was neither stored nor found.`, {
    context: { runId },
    retryable: true,
  });
}

function versionOf(commit: QueuedCommit, flush: Flush, { run_id, version }: Known): number {
  for (const { runId, commits, positions, events } of flush.folds) {
    if (runId === run_id) return version - events + (positions[commits.indexOf(commit)] ?? events);
  }
  return version;
}
