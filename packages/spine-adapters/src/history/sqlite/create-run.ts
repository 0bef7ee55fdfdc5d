import { type CommitResult, type CreateCommit, type NewRun, partitionKey, SpineError } from "spine-core";
import type { SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { isoTime } from "../iso-time.ts";
import { type OpenStep, writeOpenSteps } from "../open-steps.ts";
import type { RunPositions } from "../run-positions.ts";
import { queueCells } from "../run-rank.ts";
import { tagsText } from "../run-rows.ts";
import type { HistorySql } from "./history-sql.ts";
import { type HistoryWrite, opened, stepCells, tell } from "./run-facts.ts";

/** A statement with its values: what writes a run also goes through connections of the host's own. */
export type Statement = readonly [sql: string, values: readonly SqlValue[]];

/** Stores a run that does not exist yet, or finds the one that takes its place. */
export function createRun(scope: HistoryWrite, commit: CreateCommit, positions: RunPositions): CommitResult {
  const { connection, sql, at } = scope;
  const { run, begun } = commit;
  const { runId, worker } = run;
  const { version, open, values } = newRunRow(commit, at);
  if (connection.run(insertFor(sql, values), ...values) === 0) return existing(scope, run);
  if (commit.inherited || commit.checkpoints) {
    for (const [text, cells] of behindRow(sql, commit, at)) connection.run(text, ...cells);
  }
  if (worker !== null)
    positions.set(runId, { worker, token: 1, attempts: begun.length, open, seen: version });
  return { result: "committed", version };
}

/** The statement that stores such a row. */
export function insertFor(sql: HistorySql, values: readonly SqlValue[]): string {
  if (values.length === PLAIN_CELLS) return sql.insertRun;
  return values.length === PLAIN_CELLS + QUEUE_CELLS ? sql.insertQueuedRun : sql.insertLinkedRun;
}

/** How many cells the row of a run without a queue or a priority has, and how many these are. */
const PLAIN_CELLS = 21;
const QUEUE_CELLS = 3;
/** The cells behind the plain ones, of a run that needs none of them. */
const DEFAULTS: readonly SqlValue[] = ["", 0, null, null, null, null, null, 0, 0];

/** What is stored of a run that is created. */
export function newRunRow(
  { run, begun, inherited = [] }: CreateCommit,
  at: string,
): { readonly version: number; readonly open: readonly OpenStep[]; readonly values: readonly SqlValue[] } {
  const { worker } = run;
  // Its creation, and its start; of what it has from another run, a beginning and an end each.
  const before = (worker === null ? 1 : 2) + 2 * inherited.length;
  const version = before + begun.length;
  const attempts = inherited.length + begun.length;
  const open = opened(begun, inherited.length, before, at);
  const links = linkCells(run, inherited.length);
  const place = queueCells(run);
  const values = plainCells(run, version, attempts, writeOpenSteps(open), at);
  values.push(...place);
  return {
    version,
    open,
    values: links ? [...values, ...DEFAULTS.slice(place.length, QUEUE_CELLS), ...links] : values,
  };
}

/** A row with all cells, whichever the run needs. */
function filledUp(values: readonly SqlValue[]): readonly SqlValue[] {
  return [...values, ...DEFAULTS.slice(values.length - PLAIN_CELLS)];
}

function plainCells(
  run: NewRun,
  version: number,
  attempts: number,
  openSteps: string | null,
  at: string,
): SqlValue[] {
  const { partition, worker } = run;
  return [
    run.runId,
    run.workflow,
    run.domain,
    partition && partitionKey(partition),
    partition && JSON.stringify(partition),
    run.key,
    worker === null ? "PENDING" : "RUNNING",
    version,
    worker,
    run.fingerprint,
    run.params,
    run.paramsHash,
    run.triggeredBy,
    run.parentRunId,
    attempts,
    openSteps,
    at,
    worker === null ? null : at,
    worker !== null ? null : dueAt(run, at),
    tagsText(run.tags),
    run.scope ?? "",
  ];
}

function dueAt({ availableAt }: NewRun, at: string): string {
  return availableAt === null ? at : isoTime(availableAt);
}

/** `parent_step`, `rerun_of`, `deadline_at`, `debounce_key`, `has_undo` and `inherited`; undefined where there is none of them. */
function linkCells(run: NewRun, inherited: number): readonly SqlValue[] | undefined {
  const { parentStep = null, rerunOf = null, deadline = null, debounce = null, hasUndo = false } = run;
  const isPlain = parentStep === null && rerunOf === null && deadline === null && debounce === null;
  if (isPlain && !hasUndo && inherited === 0) return undefined;
  // A run that starts at once is beyond change.
  const debounceKey = run.worker === null && debounce ? debounce.key : null;
  const deadlineAt = deadline === null ? null : isoTime(deadline);
  return [parentStep, rerunOf, deadlineAt, debounceKey, hasUndo ? 1 : 0, inherited];
}

/** What a new run has from the one that it repeats. */
export function behindRow(
  sql: HistorySql,
  { run: { runId }, inherited = [], checkpoints = [] }: CreateCommit,
  at: string,
): readonly Statement[] {
  const steps = inherited.map((end, index): Statement => {
    const { name, kind, attempt } = end;
    // The first event is its creation.
    const event = 2 + 2 * index;
    const began = { name, kind, attempt, seq: index + 1, event, at };
    return [sql.insertStep, stepCells(runId, began, end, event + 1, at)];
  });
  const kept = checkpoints.map(
    ({ step, key, value }): Statement => [sql.insertCheckpoint, [runId, step, key, value, at]],
  );
  return [...steps, ...kept];
}

function existing(scope: HistoryWrite, run: NewRun): CommitResult {
  const { connection, sql, at } = scope;
  const { workflow, scope: keys = "", key, debounce } = run;
  if (debounce) {
    const first = connection.get<DebouncedRow>(sql.runByDebounce, workflow, keys, debounce.key);
    if (first) {
      const version = first.version + 1;
      connection.run(sql.debounceRun, ...debounceCells(run, first, version, at));
      tell(scope, first.run_id, first.version, [{ type: "run.updated", data: {} }]);
      return { result: "debounced", runId: first.run_id };
    }
  }
  const row = connection.get<{ run_id: string; params_hash: string }>(sql.runByKey, workflow, keys, key);
  if (!row) throw neitherNor(workflow);
  return { result: "duplicate", runId: row.run_id, paramsHash: row.params_hash };
}

/** The pending run that a debounced start changes. */
export interface DebouncedRow {
  readonly run_id: string;
  readonly version: number;
  readonly created_at: string;
}

/** The values of `debounceRun`. */
export function debounceCells(
  run: NewRun,
  { run_id, created_at }: DebouncedRow,
  version: number,
  at: string,
): readonly SqlValue[] {
  const due = dueAt(run, at);
  const latest = run.debounce?.latest ?? null;
  const last = latest === null ? due : isoTime(Date.parse(created_at) + latest);
  return [run.params, run.paramsHash, last < due ? last : due, version, run_id];
}

/** A run that was refused by no rule that is known here. */
export function neitherNor(workflow: string): SpineError {
  return new SpineError("HISTORY_CONFLICT", `A run of "${workflow}" was neither stored nor found.`);
}

/** Stores runs that belong to a transition; those that exist already stay as they are. */
export function createChildren({ connection, sql, at }: HistoryWrite, children: readonly NewRun[]): void {
  for (const run of children) {
    const { values } = newRunRow({ kind: "create", run, begun: [] }, at);
    if (connection.run(sql.insertChild, ...filledUp(values)) > 0) continue;
    // Left out because of another run with its key, it would be waited for and never come.
    if (!connection.get(sql.runPosition, run.runId)) throw neitherNor(run.workflow);
  }
}
