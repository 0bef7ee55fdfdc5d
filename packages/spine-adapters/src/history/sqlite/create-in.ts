import { setTimeout as delay } from "node:timers/promises";
import { type CommitResult, type CreateCommit, SpineError } from "spine-core";
import type { CallerConnection } from "../../databases/caller-connection.ts";
import { connectionTo, elsewhere, unusable } from "../../databases/foreign-connection.ts";
import type { SqlRow } from "../../databases/sqlite/sqlite-connection.ts";
import { isBusy, toSpineError } from "../../databases/sqlite/sqlite-error.ts";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import type { StateTables } from "../state-tables.ts";
import { insertFor, newRunRow } from "./apply-commit.ts";
import { type HistorySql, historySql } from "./history-sql.ts";

export interface CreateInScope {
  readonly pool: SqlitePool;
  readonly tables: StateTables;
  readonly at: string;
}

/** How long another writer may hold the lock: the host's transaction, if it is open, waits with us. */
const BUSY_MS = 5_000;
/** Somebody wrote since the transaction began to read: it can write no more, however long it waits. */
const BUSY_SNAPSHOT = 517;

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
    // In the file itself: a temporary table of the same name would come first.
    const sql = historySql({ ...tables, workflow_runs: `main.${tables.workflow_runs}` });
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
  const { version, values } = newRunRow(commit, at);
  const insert = plainMarks(insertFor(sql, values), values);
  const stored = await whileBusy(() => connection.execute(`${insert.sql} RETURNING run_id`, insert.values));
  if (stored.length > 0) return { result: "committed", version };
  const { workflow, scope = "", key } = commit.run;
  const [other] = await connection.execute(sql.runByKey, [workflow, scope, key]);
  if (other)
    return { result: "duplicate", runId: String(other.run_id), paramsHash: String(other.params_hash) };
  throw new SpineError("HISTORY_CONFLICT", `A run of "${workflow}" was neither stored nor found.`);
}

/** A statement without numbers at its marks: not every driver binds those by their positions. */
function plainMarks<T>(
  sql: string,
  values: readonly T[],
): { readonly sql: string; readonly values: readonly T[] } {
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
      const hopeless = (error as { errcode?: unknown }).errcode === BUSY_SNAPSHOT;
      if (!isBusy(error) || hopeless || performance.now() - start > BUSY_MS) throw error;
    }
  }
}

function asSpineError(error: unknown, path: string): SpineError {
  const known = toSpineError(error, path);
  if (!SpineError.is(known)) return unusable(error);
  if (!/no such table: /.test(error instanceof Error ? error.message : "")) return known;
  return new SpineError(
    "CONFIG_INVALID",
    `The database ${path} has no table of Spine's (any more): ${(error as Error).message}. Spine makes its tables when it is created.`,
    { cause: error },
  );
}
