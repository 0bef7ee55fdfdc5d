import { hash } from "node:crypto";
import { type ArrivalRange, type Arrivals, checkArrivalRange } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import type { StateTables } from "../state-tables.ts";

interface RunPlace {
  readonly number: number;
  readonly run_id: string;
}

/**
 * Runs in the order in which they were written: one writer comes after the other, so that none comes in behind one that was there. A row's
 * number is given again where the newest runs of all were removed (or the file was rewritten): then those with later ids are new, and those of
 * the same millisecond may be told again.
 */
export function listArrivals(
  connection: SqliteConnection,
  { workflow_runs }: StateTables,
  workflow: string,
  range: ArrivalRange,
): Arrivals {
  const { after, limit } = checkArrivalRange(range);
  const columns = `SELECT rowid AS number, run_id FROM ${workflow_runs}`;
  const newest = connection.get<RunPlace>(`${columns} ORDER BY rowid DESC LIMIT 1`);
  const behind = newest ?? { number: 0, run_id: "" };
  if (!after) {
    const open = connection.all<RunPlace>(
      `${columns} WHERE workflow_name = ? AND status IN ('PENDING', 'RUNNING', 'WAITING', 'PAUSED') AND rowid <= ?
ORDER BY run_id DESC LIMIT ?`,
      workflow,
      behind.number,
      limit,
    );
    return { runIds: open.map(({ run_id }) => run_id).reverse(), place: placeOf(behind) };
  }
  const from = Number(after.number);
  const known = connection.get<RunPlace>(`${columns} WHERE rowid = ?`, from);
  const isThere = after.digits === "" || (known && digitsOf(known.run_id)) === after.digits;
  // The + keeps the index of workflows out of the choice, whose order is another one.
  const rows = connection.all<RunPlace>(
    `${columns} WHERE ${isThere ? "rowid >" : "run_id >="} ? AND rowid <= ? AND +workflow_name = ? ORDER BY rowid LIMIT ?`,
    isThere ? from : timeIn(after.digits),
    behind.number,
    workflow,
    limit,
  );
  const last = rows.length === limit ? rows.at(-1) : undefined;
  return { runIds: rows.map(({ run_id }) => run_id), place: placeOf(last ?? behind) };
}

function placeOf({ number, run_id }: RunPlace): string {
  return `${number}.${run_id === "" ? "" : digitsOf(run_id)}`;
}

/** The time in a run's id, and a hash instead of the rest of it. */
function digitsOf(runId: string): string {
  return runId.replaceAll("-", "").slice(0, TIME) + hash("sha256", runId).slice(0, 32 - TIME);
}

/** What ids that were made at that time, or later, are not less than. */
function timeIn(digits: string): string {
  return `${digits.slice(0, 8)}-${digits.slice(8, TIME)}`;
}

const TIME = 12;
