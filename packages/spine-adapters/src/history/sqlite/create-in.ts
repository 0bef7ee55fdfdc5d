import { setTimeout as delay } from "node:timers/promises";
import { type CommitResult, type CreateCommit, type NewRun, SpineError } from "spine-core";
import type { CallerConnection, CallerRow } from "../../databases/caller-connection.ts";
import { connectionTo, elsewhere, unusable } from "../../databases/foreign-connection.ts";
import type { SqlRow, SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { isBusy, isStaleSnapshot, toSpineError } from "../../databases/sqlite/sqlite-error.ts";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import type { StateTables } from "../state-tables.ts";
import { behindRow, debounceCells, insertFor, neitherNor, newRunRow } from "./create-run.ts";
import { type HistorySql, historySql } from "./history-sql.ts";

export interface CreateInScope {
  readonly pool: SqlitePool;
  readonly tables: StateTables;
  readonly at: string;
}

/** How long another writer may hold the lock: the host's transaction, if it is open, waits with us. */
const BUSY_MS = 5_000;

/** Stores queued runs through a connection of the host's own. */
export async function createIn(
  given: unknown,
  commits: readonly CreateCommit[],
  { pool, tables, at }: CreateInScope,
): Promise<readonly CommitResult[]> {
  const connection = connectionTo("sqlite", given);
  try {
    if (!(await pool.isAt((sql) => connection.execute(sql, []) as Promise<readonly SqlRow[]>))) {
      throw elsewhere(`Spine is on ${pool.path}`);
    }
    const sql = historySql(inFile(tables));
    const results: CommitResult[] = [];
    for (const commit of commits) results.push(await createOne(connection, sql, commit, at));
    return results;
  } catch (error) {
    throw asSpineError(error, pool.path);
  }
}

async function createOne(
  connection: CallerConnection,
  sql: HistorySql,
  commit: CreateCommit,
  at: string,
): Promise<CommitResult> {
  const ask: Ask = async (text, values) => {
    const plain = plainMarks(text, values);
    return await whileBusy(() => connection.execute(plain.sql, plain.values));
  };
  const { version, values } = newRunRow(commit, at);
  const stored = await write(ask, insertFor(sql, values), values);
  if (stored.length === 0) return await existing(ask, sql, commit.run, at);
  for (const [text, cells] of behindRow(sql, commit, at)) await write(ask, text, cells);
  return { result: "committed", version };
}

type Ask = (text: string, values: readonly SqlValue[]) => Promise<readonly CallerRow[]>;

/** Some drivers have another method for statements that return nothing: all of these return something. */
async function write(ask: Ask, text: string, values: readonly SqlValue[]): Promise<readonly CallerRow[]> {
  return await ask(`${text} RETURNING run_id`, values);
}

/** The run that takes the place of one that was not stored. */
async function existing(ask: Ask, sql: HistorySql, run: NewRun, at: string): Promise<CommitResult> {
  const { workflow, scope = "", key, debounce } = run;
  const [first] = debounce ? await ask(sql.runByDebounce, [workflow, scope, debounce.key]) : [];
  if (first) {
    const row = {
      run_id: String(first.run_id),
      version: Number(first.version),
      created_at: String(first.created_at),
    };
    await write(ask, sql.debounceRun, debounceCells(run, row, row.version + 1, at));
    await write(ask, sql.insertEvent, [row.run_id, row.version + 1, "run.updated", at, "{}"]);
    return { result: "debounced", runId: row.run_id };
  }
  const [other] = await ask(sql.runByKey, [workflow, scope, key]);
  if (!other) throw neitherNor(workflow);
  return { result: "duplicate", runId: String(other.run_id), paramsHash: String(other.params_hash) };
}

/** In the file itself: a temporary table of the same name would come first. */
function inFile(tables: StateTables): StateTables {
  const { workflow_runs, workflow_step_runs, step_checkpoints, run_events } = tables;
  const used = { workflow_runs, workflow_step_runs, step_checkpoints, run_events };
  const named = Object.entries(used).map(([name, table]) => [name, `main.${table}`]);
  return { ...tables, ...Object.fromEntries(named) };
}

/** A statement without numbers at its marks: not every driver binds those by their positions. */
function plainMarks<T>(
  sql: string,
  values: readonly T[],
): { readonly sql: string; readonly values: readonly T[] } {
  if (!/\?\d/.test(sql)) return { sql, values };
  const order: T[] = [];
  const plain = sql.replaceAll(/\?(\d+)/g, (_mark, position: string) => {
    order.push(values[Number(position) - 1] as T);
    return "?";
  });
  return { sql: plain, values: order };
}

/** The host's connection may give up at once where another one writes; its transaction goes on all the same. */
async function whileBusy<T>(work: () => Promise<T>): Promise<T> {
  for (const start = performance.now(); ; await delay(2 + Math.random() * 5)) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || isStaleSnapshot(error) || performance.now() - start > BUSY_MS) throw error;
    }
  }
}

function asSpineError(error: unknown, path: string): SpineError {
  if (isStaleSnapshot(error)) return tooLate(error, path);
  const known = toSpineError(error, path);
  if (!SpineError.is(known)) return unusable(error);
  if (!/no such table: /.test(error instanceof Error ? error.message : "")) return known;
  return new SpineError(
    "CONFIG_INVALID",
    `The database ${path} has no table of Spine's (any more): ${(error as Error).message}. Spine makes its tables when it is created.`,
    { cause: error },
  );
}

function tooLate(error: unknown, path: string): SpineError {
  return new SpineError(
    "DATABASE_BUSY",
    `The \`transaction\` began by reading, and somebody has written to ${path} since: SQLite lets it write no more. Roll it back and begin it again with BEGIN IMMEDIATE, which writes first.`,
    { context: { path }, cause: error },
  );
}
