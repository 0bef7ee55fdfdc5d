import { type CommitResult, type CreateCommit, SpineError } from "spine-core";
import type { CallerConnection, CallerRow, CallerValue } from "../../databases/caller-connection.ts";
import { connectionTo, elsewhere, lost, readOnly, unusable } from "../../databases/foreign-connection.ts";
import { type OwnServer, SERVER_FACTS, type ServerFacts } from "../../databases/postgres/own-server.ts";
import {
  isConnectionLost,
  isEndedByHost,
  isReadOnly,
  toSpineError,
} from "../../databases/postgres/postgres-error.ts";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import type { StateTables } from "../state-tables.ts";
import type { DatabaseTime } from "./database-time.ts";
import { debounceRun, isDebounced } from "./debounce-run.ts";
import { Flush } from "./flush.ts";
import { flushStatement, type Statement } from "./flush-statement.ts";
import { refusal } from "./refusal.ts";
import { nextWriteSeq } from "./write-seq.ts";

export interface CreateInScope {
  readonly server: OwnServer;
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  readonly time: DatabaseTime;
}

/**
 * Stores queued runs through a connection of the host's own. A key that is taken is no error, after which Postgres would do
 * no more in his transaction.
 */
export async function createIn(
  given: unknown,
  commits: readonly CreateCommit[],
  scope: CreateInScope,
): Promise<readonly CommitResult[]> {
  const connection = ofCaller(connectionTo("postgres", given));
  const results: CommitResult[] = [];
  let current = commits[0];
  try {
    await checkServer(given as object, connection, scope);
    for (const commit of commits) {
      current = commit;
      results.push(await createOne(connection, commit, scope));
    }
    return results;
  } catch (error) {
    const known = (current && refusal(error, current)) ?? toSpineError(error, scope.pools.settings.name);
    throw SpineError.is(known) ? known : unusable(error);
  }
}

/** What goes wrong with the connection itself is the host's to mend: nobody here tries it again. */
function ofCaller({ dialect, execute }: CallerConnection): CallerConnection {
  return {
    dialect,
    async execute(sql, values) {
      try {
        return await execute(sql, values);
      } catch (error) {
        if (isReadOnly(error)) throw readOnly(error);
        if (isEndedByHost(error)) throw unusable(error);
        throw isConnectionLost(error) ? lost(error) : error;
      }
    },
  };
}

async function createOne(
  connection: CallerConnection,
  commit: CreateCommit,
  { tables, time }: CreateInScope,
): Promise<CommitResult> {
  // Lists among the values are for several rows of one run, which drivers for Postgres take.
  const execute = ({ sql, values }: Statement) => connection.execute(sql, values as readonly CallerValue[]);
  const create = (each: CreateCommit) => insertOne(execute, each, tables, time);
  return isDebounced(commit)
    ? await debounceRun({ tables, time, execute, create }, commit)
    : await create(commit);
}

async function insertOne(
  execute: (statement: Statement) => Promise<readonly CallerRow[]>,
  commit: CreateCommit,
  tables: StateTables,
  time: DatabaseTime,
): Promise<CommitResult> {
  const flush = new Flush(time);
  flush.add(commit, null);
  const writing = { tables, writeSeq: nextWriteSeq(), at: time.virtual, transactionId: false };
  const stored = await execute(flushStatement(flush, writing));
  const [fold] = flush.folds;
  if (stored.length > 0) return { result: "committed", version: fold?.events ?? 1 };
  const { runId, workflow, scope = "", key, debounce } = commit.run;
  const [other] = await execute({
    sql: `SELECT run_id::text AS run_id, params_hash::text AS params_hash FROM ${tables.workflow_runs}
WHERE workflow_name = $1::text AND run_scope = $2::text AND run_key = $3::text`,
    values: [workflow, scope, key],
  });
  if (other)
    return { result: "duplicate", runId: String(other.run_id), paramsHash: String(other.params_hash) };
  const [own] = await execute({
    sql: `SELECT run_id::text AS run_id FROM ${tables.workflow_runs} WHERE run_id = $1::uuid`,
    values: [runId],
  });
  if (!own && debounce != null) return { result: "debounced", runId };
  throw new SpineError(
    "HISTORY_CONFLICT",
    `A run of "${workflow}" was neither stored nor found: its id ${runId} is taken.`,
  );
}

async function checkServer(
  given: object,
  { execute }: CallerConnection,
  { server, pools }: CreateInScope,
): Promise<void> {
  if (server.known.has(given)) return;
  const [facts] = (await execute(SERVER_FACTS, [
    pools.settings.schema,
  ])) as readonly unknown[] as ServerFacts[];
  if (!facts || !(await server.isSameAs(facts))) {
    throw elsewhere(
      `it leads to the database "${facts?.database}" of some server, Spine is on ${pools.settings.name}`,
    );
  }
  if (facts.present !== "true") {
    throw new SpineError(
      "CONFIG_INVALID",
      `The database ${pools.settings.name} has no table "${pools.settings.schema}".workflow_runs (any more). Spine makes its tables when it is created.`,
    );
  }
  server.known.add(given);
}
