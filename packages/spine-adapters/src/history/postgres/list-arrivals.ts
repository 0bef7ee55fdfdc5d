import { type ArrivalRange, type Arrivals, checkArrivalRange } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import type { StateTables } from "../state-tables.ts";

interface ArrivalRow {
  readonly run_id: string | null;
  readonly xid: string | null;
  readonly digits: string;
  readonly horizon: string;
}

/** The order of the runs of one transaction. */
const DIGITS = "md5(run_id::text)";
/** The largest bigint is more than there will be. */
const LARGEST = 9_223_372_036_854_775_807n;

/**
 * Runs in the order of the transactions that made them, as far as all of these are over: what commits later comes behind. One that
 * stays open holds back what was made after it had begun, and nothing is passed over.
 */
export async function listArrivals(
  pools: PostgresPools,
  t: StateTables,
  workflow: string,
  range: ArrivalRange,
): Promise<Arrivals> {
  const { after, limit } = checkArrivalRange(range);
  const number = after && (BigInt(after.number) > LARGEST ? String(LARGEST) : after.number);
  const found = after
    ? `SELECT run_id, created_xid FROM ${t.workflow_runs}
  WHERE created_xid >= $3::text::xid8 AND created_xid < h.horizon
    AND (created_xid > $3::text::xid8 OR ${DIGITS} > $4) AND (workflow_name = $1) IS TRUE
  ORDER BY created_xid, ${DIGITS} LIMIT $2`
    : `SELECT run_id, NULL::xid8 AS created_xid FROM ${t.workflow_runs}
  WHERE workflow_name = $1 AND status IN ('PENDING', 'RUNNING', 'WAITING', 'PAUSED')
    AND (created_xid IS NULL OR created_xid < h.horizon)
  ORDER BY run_id DESC LIMIT $2`;
  const rows = await pools.ask<ArrivalRow>(
    "read",
    `SELECT r.run_id, r.created_xid::text AS xid, ${DIGITS} AS digits, h.horizon::text AS horizon
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS horizon) AS h LEFT JOIN LATERAL (${found}) AS r ON true`,
    [workflow, limit, ...(after ? [number, after.digits] : [])],
  );
  const runs = rows.filter(({ run_id }) => run_id !== null);
  const runIds = runs.map(({ run_id }) => String(run_id));
  const last = runs.length === limit && after ? runs.at(-1) : undefined;
  const place = last ? `${last.xid}.${last.digits}` : `${rows[0]?.horizon}.`;
  return { runIds: after ? runIds : runIds.reverse(), place };
}
