import type { StateTables } from "../state-tables.ts";
import type { Flush } from "./flush.ts";
import type { FlushPart } from "./flush-columns.ts";
import { flushSql } from "./flush-sql.ts";

/** A statement with its parameters. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

export interface FlushOptions {
  readonly tables: StateTables;
  /** Identifies the write: a flush whose answer was lost is recognised by it, and never applied twice. */
  readonly writeSeq: number;
  /** The time of a virtual clock; null for the database's own. */
  readonly at: string | null;
  /** Also tell the transaction's id. */
  readonly transactionId: boolean;
}

/** What a flush answers, a row for each run that was written. */
export interface FlushRow {
  readonly run_id: string;
  /** The run's version before the flush. */
  readonly base: number;
  /** The time of the flush. */
  readonly at: string;
  readonly transaction_id?: string;
}

/** Texts by their shape: there are a few dozen, and building one takes longer than looking it up. */
const texts = new WeakMap<StateTables, Map<string, string>>();

/** A flush as one statement. */
export function flushStatement(flush: Flush, options: FlushOptions): Statement {
  const { tables, writeSeq, at, transactionId } = options;
  const parts = flush.parts();
  const single: Partial<Record<FlushPart, string>> = {};
  const values: unknown[] = at === null ? [writeSeq] : [writeSeq, at];
  let key = `${at === null}/${transactionId}`;
  for (const [part, rows] of parts) {
    key += `/${part}`;
    if (flush.count === 1 && rows.count === 1) {
      const row = rows.single();
      single[part] = row.filled;
      key += row.filled;
      values.push(...row.values);
    } else {
      values.push(...rows.parameters());
    }
  }
  const known = texts.get(tables) ?? new Map<string, string>();
  texts.set(tables, known);
  let sql = known.get(key);
  if (sql === undefined) {
    const has = Object.fromEntries(parts.map(([part]) => [part, true]));
    sql = flushSql(tables, { has, single, virtual: at !== null, transactionId });
    known.set(key, sql);
  }
  return { sql, values };
}
