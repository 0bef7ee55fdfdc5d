import type { OpenBase } from "../open-steps.ts";
import type { StateTables } from "../state-tables.ts";
import { type Answer, explain, type Known } from "./explain.ts";
import { type Flush, type QueuedCommit, runOf } from "./flush.ts";
import { type FlushRow, flushStatement, type Statement } from "./flush-statement.ts";

/** Executes a statement and returns its rows. */
export type Execute = (statement: Statement) => Promise<readonly unknown[]>;

export interface FlushWriting {
  readonly tables: StateTables;
  readonly execute: Execute;
  readonly writeSeq: number;
  readonly at: string | null;
  /** True when it was written before, and what became of that is not known. */
  readonly again?: boolean;
  /** Is told the id of the transaction in which it was written. */
  readonly onTransaction?: (id: string) => void;
}

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
  const { tables, writeSeq, at, again = false, execute, onTransaction } = writing;
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
  for (const commit of refused) answers.set(commit, explain(commit, { flush, present, writeSeq, again }));
  return { answers, bases };
}

/** The rows in the way of commits: of their runs, and of the keys that were taken. */
function lookUp(tables: StateTables, commits: readonly QueuedCommit[]): Statement {
  const created = commits.flatMap((commit) => (commit.kind === "create" ? [commit.run] : []));
  const ids = commits.map(runOf);
  const columns = [
    "run_id",
    "version",
    "open_version",
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
