import { type Check, finding, healthy } from "spine-core";
import type { AppliedMigration } from "../../history/check-migrations.ts";
import { POSTGRES_MIGRATIONS } from "../../history/postgres/migrations/index.ts";
import type { WorkerBeats } from "../../history/postgres/worker-beats.ts";
import { indexesOf, missingIndexesCheck, schemaCheck } from "../schema-check.ts";
import type { PostgresPools } from "./postgres-pools.ts";

/** What one process may take; see PostgresPools. */
const OUR_CONNECTIONS = 10;
const OLDEST_VERSION = 140_000;
const LONG_TRANSACTION_MS = 5 * 60_000;
const MANY_DEAD = 10_000;
const CLOCKS_WARNING_MS = 1_000;
const CLOCKS_ERROR_MS = 60_000;
/** How long the server may take to answer the first question. */
const ANSWER_MS = 15_000;

export interface DiagnosePostgresOptions {
  /** From which age on a transaction is worth a word. */
  readonly longTransactionMs?: number;
  /** Who beats for the workers of this process; left out where it has none. */
  readonly beats?: WorkerBeats["by"];
}

interface Settings {
  readonly version: string;
  readonly version_num: number;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
  readonly autovacuum: string;
  readonly most: number;
  readonly used: number;
}

/** Looks at a Postgres server and at Spine's tables on it. */
export async function diagnosePostgres(
  pools: PostgresPools,
  { longTransactionMs = LONG_TRANSACTION_MS, beats }: DiagnosePostgresOptions = {},
): Promise<readonly Check[]> {
  const { schema } = pools.settings;
  const ask = <R extends object>(sql: string, values: readonly unknown[] = []) =>
    pools.query<R>("read", sql, values);
  // The first question may have to open a connection: the second one tells how far away the server is.
  const [settings] = await inTime(
    ask<Settings>(`SELECT current_setting('server_version') AS version,
  current_setting('server_version_num')::int4 AS version_num, current_setting('fsync') AS fsync,
  current_setting('full_page_writes') AS full_page_writes, current_setting('autovacuum') AS autovacuum,
  current_setting('synchronous_commit') AS synchronous_commit,
  (current_setting('max_connections')::int4 - current_setting('superuser_reserved_connections')::int4) AS most,
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used`),
  );
  if (!settings) return [];
  const start = performance.now();
  const began = Date.now();
  const [time] = await ask<{ ms: string }>(
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8::text AS ms",
  );
  const latencyMs = Math.round((performance.now() - start) * 1_000) / 1_000;
  return [
    versionCheck(settings.version, settings.version_num, latencyMs),
    // The clocks of the machines, whatever clock tests give to the engine.
    clocksCheck(Number(time?.ms) - (began + latencyMs / 2)),
    schemaCheck(await appliedMigrations(ask, schema), POSTGRES_MIGRATIONS, "spine"),
    missingIndexesCheck(
      indexesOf(POSTGRES_MIGRATIONS.map(({ sql }) => sql(schema)).join("\n")),
      await validIndexes(ask, schema),
    ),
    await invalidIndexesCheck(ask, schema),
    durabilityCheck(settings),
    connectionsCheck(settings.most, settings.used),
    await bloatCheck(ask, schema, settings.autovacuum),
    await longTransactionsCheck(ask, longTransactionMs),
    ...(beats?.by ? [beatsCheck(beats)] : []),
  ];
}

function beatsCheck({ by, whyMain }: WorkerBeats["by"]): Check {
  const data = { by, whyMain };
  if (by === "thread") return healthy("beats", "A thread of its own says that this process is alive.", data);
  return finding(
    "warning",
    "beats",
    `The main thread has to say that this process is alive, because the thread for it could not be used: ${whyMain}`,
    "A step that keeps the main thread busy for six seconds loses its run to another process. Leave `spine-adapters` out of the host's bundle, and give `ssl` as plain data.",
    data,
  );
}

type Ask = <R extends object>(sql: string, values?: readonly unknown[]) => Promise<readonly R[]>;

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`The server did not answer within ${ANSWER_MS / 1_000} s.`)),
      ANSWER_MS,
    );
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** @param number as `server_version_num` has it, e.g. 180004. */
export function versionCheck(version: string, number: number, latencyMs: number): Check {
  const data = { version, latencyMs };
  if (number >= OLDEST_VERSION)
    return healthy("database", `Postgres ${version} answers in ${latencyMs} ms.`, data);
  return finding(
    "error",
    "database",
    `The server is Postgres ${version}; Spine is made for 14 and newer.`,
    "Update the server.",
    data,
  );
}

/** @param differenceMs how far the database's clock is ahead of ours. */
export function clocksCheck(differenceMs: number): Check {
  const apart = Math.abs(differenceMs);
  // Without the sign of zero, which JSON does not have.
  const data = { differenceMs: Math.round(differenceMs) + 0 };
  const message = `The clocks of this process and of the database are ${Math.round(apart)} ms apart.`;
  if (apart < CLOCKS_WARNING_MS) return healthy("clocks", message, data);
  return finding(
    apart < CLOCKS_ERROR_MS ? "warning" : "error",
    "clocks",
    message,
    "Let a time service (NTP) set both: waits and retries begin by the database's clock, ids and lists go by this one.",
    data,
  );
}

async function appliedMigrations(ask: Ask, schema: string): Promise<readonly AppliedMigration[]> {
  const [there] = await ask("SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'migrations'", [
    schema,
  ]);
  if (!there) return [];
  return await ask<AppliedMigration>(
    `SELECT id, checksum, min_reader FROM "${schema}".migrations ORDER BY id`,
  );
}

async function validIndexes(ask: Ask, schema: string): Promise<readonly string[]> {
  const rows = await ask<{ name: string }>("SELECT indexname AS name FROM pg_indexes WHERE schemaname = $1", [
    schema,
  ]);
  return rows.map(({ name }) => name);
}

async function invalidIndexesCheck(ask: Ask, schema: string): Promise<Check> {
  const rows = await ask<{ name: string }>(
    `SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND NOT (i.indisvalid AND i.indisready)`,
    [schema],
  );
  const data = { invalid: rows.map(({ name }) => name) };
  if (rows.length === 0) return healthy("invalid indexes", "No index of Spine's is invalid.", data);
  return finding(
    "error",
    "invalid indexes",
    `Postgres does not use these indexes, because making them failed: ${data.invalid.join(", ")}.`,
    data.invalid.map((name) => `REINDEX INDEX CONCURRENTLY "${schema}"."${name}";`).join(" "),
    data,
  );
}

function durabilityCheck({ fsync, full_page_writes, synchronous_commit }: Settings): Check {
  const data = { fsync, full_page_writes, synchronous_commit };
  const fatal = [fsync === "off" && "fsync", full_page_writes === "off" && "full_page_writes"].filter(
    Boolean,
  );
  if (fatal.length > 0)
    return finding(
      "error",
      "durability",
      `The server has ${fatal.join(" and ")} off: the end of its machine may damage the whole database.`,
      `Set ${fatal.join(" and ")} to on in postgresql.conf, and restart the server. (For tests it is all right.)`,
      data,
    );
  if (synchronous_commit === "off")
    return finding(
      "warning",
      "durability",
      "synchronous_commit is off: the end of the server's machine may take what was acknowledged in the last moments.",
      "Set it to on for Spine's user: ALTER ROLE … SET synchronous_commit = on.",
      data,
    );
  return healthy("durability", "What was acknowledged survives the end of the server's machine.", data);
}

/** @param most what the server takes; @param used what is taken, by whomever. */
export function connectionsCheck(most: number, used: number): Check {
  const left = most - used;
  const data = { most, used, left };
  const message = `The server takes ${most} connections, and ${used} are taken.`;
  if (left >= OUR_CONNECTIONS) return healthy("connections", message, data);
  return finding(
    left <= 0 ? "error" : "warning",
    "connections",
    `${message} One more process of Spine's needs up to ${OUR_CONNECTIONS}.`,
    "Raise max_connections, end idle connections of others, or run fewer processes.",
    data,
  );
}

interface Bloat {
  readonly name: string;
  readonly live: number;
  readonly dead: number;
  readonly vacuumed: string | null;
}

async function bloatCheck(ask: Ask, schema: string, autovacuum: string): Promise<Check> {
  const tables = await ask<Bloat>(
    `SELECT relname AS name, n_live_tup AS live, n_dead_tup AS dead,
  greatest(last_autovacuum, last_vacuum)::timestamptz(3) AS vacuumed
FROM pg_stat_user_tables WHERE schemaname = $1 AND n_dead_tup > $2 AND n_dead_tup > n_live_tup ORDER BY n_dead_tup DESC`,
    [schema, MANY_DEAD],
  );
  const data = {
    autovacuum,
    tables: tables.map(({ name, live, dead, vacuumed }) => ({ name, live, dead, vacuumed })),
  };
  if (autovacuum === "off")
    return finding(
      "warning",
      "vacuum",
      "The server's autovacuum is off: Spine's tables grow with every step.",
      "Set autovacuum = on.",
      data,
    );
  const [worst] = tables;
  if (!worst) return healthy("vacuum", "Spine's tables have no more dead rows than live ones.", data);
  return finding(
    "warning",
    "vacuum",
    `"${worst.name}" has ${worst.dead} dead rows beside ${worst.live} live ones; it was last vacuumed ${worst.vacuumed ?? "never"}.`,
    `See that no transaction stays open for long, and that autovacuum gets round: VACUUM (ANALYZE) "${schema}"."${worst.name}";`,
    data,
  );
}

interface LongTransaction {
  readonly pid: number | null;
  readonly application: string | null;
  readonly state: string | null;
  readonly seconds: number;
}

/** Nothing that died since such a transaction began can be cleaned up, in no table. */
async function longTransactionsCheck(ask: Ask, longMs: number): Promise<Check> {
  const found = await ask<LongTransaction>(
    `SELECT pid, application_name AS application, state,
  extract(epoch FROM clock_timestamp() - xact_start)::int4 AS seconds
FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL OR state LIKE 'idle in transaction%')
  AND xact_start < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
UNION ALL SELECT NULL, 'prepared transaction ' || gid, 'prepared', extract(epoch FROM clock_timestamp() - prepared)::int4
FROM pg_prepared_xacts WHERE prepared < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
ORDER BY seconds DESC LIMIT 20`,
    [longMs],
  );
  const data = { transactions: found.map((each) => ({ ...each })) };
  const [oldest] = found;
  if (!oldest) return healthy("long transactions", "No transaction has been open for long.", data);
  return finding(
    "warning",
    "long transactions",
    `${found.length === 1 ? "A transaction has" : `${found.length} transactions have`} been open for up to ${oldest.seconds} s (${oldest.application || "without a name"}, ${oldest.state}): no vacuum cleans up what died since.`,
    oldest.pid === null
      ? "Commit it or roll it back: COMMIT PREPARED, ROLLBACK PREPARED."
      : `End it where it was begun, or with SELECT pg_terminate_backend(${oldest.pid}); idle_in_transaction_session_timeout keeps it from happening.`,
    data,
  );
}
