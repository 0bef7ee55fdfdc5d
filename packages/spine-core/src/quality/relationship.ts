import { type RawBuilder, sql } from "kysely";
import { checkOptions, required } from "../check-options.ts";
import type { Table } from "../data/table.ts";
import { SpineError } from "../errors.ts";
import {
  defineCheck,
  type Failures,
  failures,
  MAX_SAMPLES,
  onColumns,
  ROW_CHECK,
  type RowCheckOptions,
  refuse,
  verdictOn,
} from "./define-check.ts";
import type { QualityCheck, QualityRows } from "./quality-check.ts";

/** Where the keys of a relationship have to be. */
export interface RelationshipTarget {
  /**
   * A table of Spine's own database: as `defineTable` made it, or its name (then keys are compared as text); or the dataset of
   * another step of the workflow.
   */
  readonly in: Table | string | { readonly step: string };
  /** The columns there, in the order of the keys; the same names when left out. */
  readonly columns?: readonly string[];
}

type Target =
  | { readonly kind: "table"; readonly name: string; readonly types: Table["columns"] | null }
  | { readonly kind: "step"; readonly step: string };

const COMPARABLE: readonly string[] = ["text", "integer", "date", "boolean"];

/**
 * Each key exists in a table of Spine's own database, or in the dataset of another step; a key with a null in it passes. The
 * database compares: the keys go into a temporary table, and none is kept in memory. `rowsFailed` counts rows, the samples
 * are the first distinct keys. Not on a database in memory, which sees the datasets alone: there only `{ step }` can be asked for.
 *
 * @throws SpineError CONFIG_INVALID for columns that are not there or that keys cannot be (decimals, timestamps, JSON).
 * @example relationship(["symbol"], { in: "symbols" })
 */
export function relationship<const K extends string>(
  columns: readonly K[],
  target: RelationshipTarget,
  options: RowCheckOptions = {},
): QualityCheck<Readonly<Record<K, unknown>>> {
  const name = onColumns("relationship", columns);
  const where = targetOf(columns, target);
  const place = where.kind === "table" ? where.name : `the rows of ${where.step}`;
  const verdict = verdictOn(name, options, `each key in ${place}`);
  const there = target.columns ?? columns;
  const start = () => {
    let bad: Failures | null = null;
    let keys = 0;
    const isKey = (row: Readonly<Record<string, unknown>>) =>
      columns.every((column) => row[column] !== null && row[column] !== undefined);
    return {
      add(row: object) {
        if (isKey(row as Readonly<Record<string, unknown>>)) keys += 1;
      },
      inspect() {
        bad = keys === 0 ? failures() : null;
        if (keys === 0) return null;
        const others =
          where.kind === "step"
            ? { [where.step]: Object.fromEntries(there.map((column) => [column, "text" as const])) }
            : undefined;
        return {
          columns: Object.fromEntries(columns.map((column) => [column, "text" as const])),
          ...(others ? { others } : {}),
          async look({ rows }: { readonly rows: QualityRows | null }) {
            if (rows === null) throw new SpineError("INTERNAL", "The dataset is no table.");
            bad = await missingKeys(rows, columns, there, where);
          },
        };
      },
      finish() {
        if (bad === null) throw new SpineError("INTERNAL", "Nobody looked for the keys.");
        return verdict(bad);
      },
      save: () => keys,
      restore: (state: unknown) => {
        keys = state as number;
      },
    };
  };
  return defineCheck(name, "INTEGRITY", options, "constant", start, ROW_CHECK);
}

function targetOf(columns: readonly string[], target: RelationshipTarget): Target {
  const whose = { of: "a relationship", code: "CONFIG_INVALID" } as const;
  const list = { is: "a list of columns", fits: Array.isArray };
  const place = {
    is: "a table, its name, or { step }",
    fits: (value: unknown) =>
      (typeof value === "string" && value !== "") || (typeof value === "object" && value !== null),
  };
  checkOptions(target, { in: required(place), columns: list }, whose);
  const { in: given, columns: there = columns } = target;
  if (columns.length === 0 || there.length !== columns.length) {
    refuse(`relationship(${columns.join(", ")}) needs as many columns there as here, and one at least.`);
  }
  if (typeof given === "string") return { kind: "table", name: given, types: null };
  if ("step" in given) return { kind: "step", step: given.step };
  for (const column of there) {
    const type = given.columns[column]?.type;
    if (type === undefined) refuse(`Table "${given.name}" has no column "${column}" to look for keys in.`);
    if (!COMPARABLE.includes(type)) {
      refuse(`The column "${column}" of "${given.name}" is a ${type}: keys are ${COMPARABLE.join(", ")}.`);
    }
  }
  return { kind: "table", name: given.name, types: given.columns };
}

/** The rows whose keys are not there: how many, and the first distinct keys. */
async function missingKeys(
  { db, dialect, table, others }: QualityRows,
  columns: readonly string[],
  there: readonly string[],
  target: Target,
): Promise<Failures> {
  const name = target.kind === "table" ? target.name : others.get(target.step);
  if (name === undefined) throw new SpineError("INTERNAL", "The other dataset is no table.");
  const equal = columns.map((column, at) => {
    const other = there[at] ?? column;
    const type = target.kind === "step" ? "text" : (target.types?.[other]?.type ?? null);
    return equalKeys(sql.ref(`k.${column}`), sql.ref(`t.${other}`), type, dialect);
  });
  const keys = sql.join(columns.map((column) => sql.id(column)));
  const whole = sql.join(
    columns.map((column) => sql`${sql.id(column)} IS NOT NULL`),
    sql` AND `,
  );
  const missing = sql`SELECT k.* FROM (
SELECT ${keys}, min(_spine_row) AS _spine_first, count(*) AS _spine_rows FROM ${sql.id(table)} WHERE ${whole} GROUP BY ${keys}) AS k
WHERE NOT EXISTS (SELECT 1 FROM ${sql.table(name)} AS t WHERE ${sql.join(equal, sql` AND `)})`;
  const { rows: sums } = await sql<{
    n: unknown;
  }>`SELECT sum(_spine_rows) AS n FROM (${missing}) AS m`.execute(db);
  const bad: Failures = { ...failures(), count: Number(sums[0]?.n ?? 0) };
  if (bad.count === 0) return bad;
  const { rows } = await sql<
    Readonly<Record<string, unknown>>
  >`${missing} ORDER BY _spine_first LIMIT ${sql.lit(MAX_SAMPLES)}`.execute(db);
  for (const row of rows) {
    bad.samples.push(`${JSON.stringify(columns.map((column) => row[column]))} is not in ${nameOf(target)}`);
  }
  return bad;
}

function nameOf(target: Target): string {
  return target.kind === "table" ? target.name : `the rows of ${target.step}`;
}

/** Compares so that an index of the other side can be used where its type is known; a text that is no key of its type has no equal. */
function equalKeys(
  key: RawBuilder<unknown>,
  other: RawBuilder<unknown>,
  type: string | null,
  dialect: string,
): RawBuilder<unknown> {
  if (type === "text") return sql`${other} = ${key}`;
  if (type === "integer" && dialect === "postgres") {
    return sql`${other} = CASE WHEN ${key} ~ '^-?[0-9]{1,18}$' THEN CAST(${key} AS bigint) END`;
  }
  if (type === "boolean" && dialect === "sqlite") {
    return sql`CASE ${other} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END = ${key}`;
  }
  if (type === "integer" && dialect === "sqlite") {
    return sql`(${other} = CAST(${key} AS INTEGER) AND CAST(${other} AS TEXT) = ${key})`;
  }
  return sql`CAST(${other} AS text) = ${key}`;
}
