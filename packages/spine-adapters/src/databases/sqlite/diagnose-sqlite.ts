import { statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Check, finding, healthy } from "spine-core";
import type { AppliedMigration } from "../../history/check-migrations.ts";
import { SQLITE_MIGRATIONS } from "../../history/sqlite/migrations/index.ts";
import { type StateTables, stateTables } from "../../history/state-tables.ts";
import { indexesOf, missingIndexesCheck, schemaCheck } from "../schema-check.ts";
import type { Durability } from "./open-sqlite.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import type { SqlitePool } from "./sqlite-pool.ts";

const MIB = 1024 * 1024;
/** Checking the pages stops the event loop meanwhile. */
const LARGEST_CHECKED_MIB = 32;
const LARGE_LOG_MIB = 256;
const LITTLE_ROOM_MIB = 1024;
const NO_ROOM_MIB = 64;

/** File systems that other machines share: their locks, or their shared memory, are not what SQLite's log needs. */
const NETWORK: Readonly<Record<number, string>> = {
  26985: "NFS",
  20859: "SMB",
  4283649346: "CIFS",
  4266872130: "SMB",
  16914839: "9P",
  1397113167: "AFS",
  12805120: "Ceph",
  198183888: "Lustre",
  1196443219: "GPFS",
};

/** Looks at a SQLite database and at the disk that it lies on. */
export async function diagnoseSqlite(
  pool: SqlitePool,
  tables: StateTables,
  durability: Durability,
): Promise<readonly Check[]> {
  const start = performance.now();
  const { file, checks } = await pool.read((connection) => readChecks(connection, tables, start));
  const journal = await pool.journalMode();
  const onDisk = pool.inMemory ? [] : [fileCheck(pool), ...fileSystemChecks(file), logCheck(file)];
  return [...checks, durabilityCheck(journal, durability, pool.inMemory), ...onDisk];
}

function readChecks(
  connection: SqliteConnection,
  tables: StateTables,
  start: number,
): { readonly file: string; readonly checks: readonly Check[] } {
  const { version } = connection.get<{ version: string }>("SELECT sqlite_version() AS version") ?? {
    version: "",
  };
  const latencyMs = Math.round((performance.now() - start) * 1_000) / 1_000;
  const { pages, size } = connection.get<{ pages: number; size: number }>(
    "SELECT page_count AS pages, page_size AS size FROM pragma_page_count, pragma_page_size",
  ) ?? { pages: 0, size: 0 };
  const { file } = connection.get<{ file: string }>(
    "SELECT file FROM pragma_database_list WHERE name = 'main'",
  ) ?? { file: "" };
  const bytes = pages * size;
  const indexes = connection.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'index'");
  const checks = [
    healthy("database", `SQLite ${version} answers in ${latencyMs} ms; the database has ${mib(bytes)} MiB.`, {
      version,
      latencyMs,
      bytes,
    }),
    healthy("clocks", "The database is in this process: there is one clock."),
    schemaCheck(appliedMigrations(connection, tables), SQLITE_MIGRATIONS, stateTables("")),
    missingIndexesCheck(
      indexesOf(SQLITE_MIGRATIONS.map(({ sql }) => sql(tables)).join("\n")),
      indexes.map(({ name }) => name),
    ),
    integrityCheck(connection, bytes),
  ];
  return { file, checks };
}

function appliedMigrations(
  connection: SqliteConnection,
  { migrations }: StateTables,
): readonly AppliedMigration[] {
  const [there] = connection.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", migrations);
  if (!there) return [];
  return connection.all<AppliedMigration>(`SELECT id, checksum, min_reader FROM ${migrations} ORDER BY id`);
}

function integrityCheck(connection: SqliteConnection, bytes: number): Check {
  if (bytes > LARGEST_CHECKED_MIB * MIB) {
    return healthy(
      "integrity",
      `Not looked at: reading ${mib(bytes)} MiB would stop this process. \`PRAGMA quick_check\` in a tool does it.`,
      { checked: false },
    );
  }
  const found = connection.get<{ quick_check: string }>("PRAGMA quick_check(1)")?.quick_check ?? "no answer";
  if (found === "ok") return healthy("integrity", "The pages of the file are in order.", { checked: true });
  return finding(
    "error",
    "integrity",
    `The file is damaged: ${found}`,
    "Stop all processes that use it, keep a copy, and restore a backup (or try `.recover` of the sqlite3 tool).",
    { checked: true, found },
  );
}

function durabilityCheck(journal: string, durability: Durability, inMemory: boolean): Check {
  const data = { journal, durability };
  if (inMemory)
    return finding(
      "warning",
      "durability",
      "The database is in memory: nothing of it survives this process.",
      'Give it a file, `sqlite("spine.db")`, for anything that has to last.',
      data,
    );
  if (journal !== "wal")
    return finding(
      "error",
      "durability",
      `The file is in journal mode "${journal}": another program has changed it. Reading and writing keep each other out.`,
      "End the program that did it, and start Spine anew: it goes back to WAL.",
      data,
    );
  if (durability === "process")
    return finding(
      "warning",
      "durability",
      "What was acknowledged survives the death of the process; a loss of power may take the newest commits.",
      "If that is not what you want, leave `durability` out: `full` is what it is then.",
      data,
    );
  return healthy("durability", "What was acknowledged survives a loss of power.", data);
}

function fileCheck({ path, isRemoved }: SqlitePool): Check {
  if (!isRemoved) return healthy("file", "The file is where it was opened.");
  return finding(
    "error",
    "file",
    `The file ${path} has been removed or replaced while this process has it open: it writes nothing more.`,
    "Put it back with its log (`-wal`), or restore a backup, and start the processes that use it again.",
  );
}

function fileSystemChecks(file: string): readonly Check[] {
  try {
    const { type, bavail, bsize } = statfsSync(dirname(file));
    return [fileSystemCheck(type), roomCheck(bavail * bsize)];
  } catch (error) {
    return [
      finding(
        "warning",
        "disk space",
        `How much room there is could not be found out: ${String(error)}`,
        "Look yourself, e.g. with `df`.",
      ),
    ];
  }
}

/** @param type the number by which the system knows the kind of file system. */
export function fileSystemCheck(type: number): Check {
  const network = NETWORK[type];
  const data = { type, network: network ?? null };
  if (!network) return healthy("file system", "The file is on no network file system that is known.", data);
  return finding(
    "error",
    "file system",
    `The file is on ${network}, where locks and shared memory do not hold between machines: it may be damaged.`,
    "Put it on a local disk, or use Postgres for several machines.",
    data,
  );
}

/** @param bytes what is free where the file is. */
export function roomCheck(bytes: number): Check {
  const data = { bytes };
  if (bytes >= LITTLE_ROOM_MIB * MIB) return healthy("disk space", `${mib(bytes)} MiB are free.`, data);
  return finding(
    bytes < NO_ROOM_MIB * MIB ? "error" : "warning",
    "disk space",
    `Only ${mib(bytes)} MiB are free where the database is.`,
    "Free some, or set `retention`, so that old runs and their datasets go.",
    data,
  );
}

/** The log grows while somebody reads one old state without end: it cannot begin anew. */
function logCheck(file: string): Check {
  const bytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const data = { bytes };
  if (bytes <= LARGE_LOG_MIB * MIB) return healthy("log", `The write-ahead log has ${mib(bytes)} MiB.`, data);
  return finding(
    "warning",
    "log",
    `The write-ahead log has ${mib(bytes)} MiB: some connection has been reading for a long time.`,
    "End transactions that stay open in other programs.",
    data,
  );
}

function mib(bytes: number): number {
  return Math.round((bytes / MIB) * 10) / 10;
}
