import { type CommitResult, type CreateCommit, SpineError } from "spine-core";
import type { CallerConnection, CallerValue } from "../../databases/caller-connection.ts";
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
import { Flush } from "./flush.ts";
import { FLUSH_COLUMNS } from "./flush-columns.ts";
import { insertRuns } from "./flush-sql.ts";
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
  { execute }: CallerConnection,
  commit: CreateCommit,
  { tables, time }: CreateInScope,
): Promise<CommitResult> {
  const at = time.virtual;
  const flush = new Flush(time);
  flush.add(commit, null);
  const [[part, rows] = []] = flush.parts();
  if (!part || !rows) throw new SpineError("INTERNAL", "A run that is created has a row.");
  const { filled, values } = rows.single();
  const first: CallerValue[] = at === null ? [nextWriteSeq()] : [nextWriteSeq(), at];
  const now = at === null ? "now()" : "$2::timestamptz";
  const source = FLUSH_COLUMNS[part].source("c", first.length + 1, filled);
  const stored = await execute(
    `WITH created AS (${insertRuns(tables, "$1::int8", now, source, part === "queued")}) SELECT run_id::text AS run_id FROM created`,
    [...first, ...values],
  );
  const [fold] = flush.folds;
  if (stored.length > 0) return { result: "committed", version: fold?.events ?? 1 };
  const { runId, workflow, scope = "", key } = commit.run;
  const [other] = await execute(
    `SELECT run_id::text AS run_id, params_hash::text AS params_hash FROM ${tables.workflow_runs}
WHERE workflow_name = $1::text AND run_scope = $2::text AND run_key = $3::text`,
    [workflow, scope, key],
  );
  if (other)
    return { result: "duplicate", runId: String(other.run_id), paramsHash: String(other.params_hash) };
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
