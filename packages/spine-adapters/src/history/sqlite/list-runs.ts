import { partitionKey, type RunPage, type RunQuery, type RunStatus, ValidationError } from "spine-core";
import type { SqliteConnection, SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { type RunRow, readRun } from "../run-rows.ts";
import type { HistorySql } from "./history-sql.ts";

const DEFAULT_LIMIT = 50;
const MOST = 200;

/** A page of runs, newest first: run ids are in the order of creation. */
export function listRuns(connection: SqliteConnection, { tables }: HistorySql, query: RunQuery): RunPage {
  const limit = pageSize(query.limit);
  if (query.status?.length === 0) return { items: [], nextCursor: null };
  const filters: string[] = [];
  const values: SqlValue[] = [];
  const filter = (sql: string, value: SqlValue | undefined) => {
    if (value === undefined) return;
    filters.push(sql);
    values.push(value);
  };
  filter("workflow_name = ?", query.workflow);
  filter("domain = ?", query.domain);
  filter("partition_key = ?", query.partition && partitionKey(query.partition));
  filter("run_id < ?", query.cursor === undefined ? undefined : readCursor(query.cursor));

  // One branch for each status, so that each is read in order from the index and no status is sorted.
  const branch = (status: RunStatus | null) => {
    const where = status === null ? filters : ["status = ?", ...filters];
    const condition = where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`;
    return `SELECT * FROM (SELECT * FROM ${tables.workflow_runs} ${condition} ORDER BY run_id DESC LIMIT ${limit + 1})`;
  };
  const statuses: readonly (RunStatus | null)[] = query.status ?? [null];
  const rows = connection.all<RunRow>(
    `${statuses.map(branch).join(" UNION ALL ")} ORDER BY run_id DESC LIMIT ${limit + 1}`,
    ...statuses.flatMap((status) => (status === null ? values : [status, ...values])),
  );
  const items = rows.slice(0, limit).map(readRun);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last ? writeCursor(last.runId) : null };
}

function pageSize(limit = DEFAULT_LIMIT): number {
  if (Number.isInteger(limit) && limit >= 1) return Math.min(limit, MOST);
  throw new ValidationError(`The limit of a list is ${limit}; it must be a whole number from 1 to ${MOST}.`);
}

function writeCursor(runId: string): string {
  return Buffer.from(JSON.stringify([runId])).toString("base64url");
}

function readCursor(cursor: string): string {
  try {
    const [runId] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    if (typeof runId === "string") return runId;
  } catch {
    // Refused below.
  }
  throw new ValidationError("The cursor is not one that a list returned. Start again without a cursor.");
}
