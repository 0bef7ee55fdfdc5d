import { DatabaseSync } from "node:sqlite";
import type { Environment } from "../harness/system.ts";

/** A SQLite file as all systems here use it: WAL, and an fsync per commit when the promise is `full`. */
export function openFile({
  database,
  durability,
}: Pick<Environment, "database" | "durability">): DatabaseSync {
  const file = new DatabaseSync(database);
  file.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`);
  return file;
}

/** The one number that a query returns. */
export function countOf(file: DatabaseSync, sql: string): number {
  return Number((file.prepare(sql).get() as { n: number }).n);
}
