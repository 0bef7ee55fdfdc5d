import type { Kysely } from "kysely";
import { type AnySchema, type Dialect, SourceError, SpineError } from "spine-core";

/** What a column has to be: a value, one of several, or within bounds. A bound that is null or undefined is none. */
export type Condition =
  | string
  | number
  | boolean
  | null
  | readonly (string | number | boolean)[]
  | { readonly [O in "gt" | "gte" | "lt" | "lte" | "ne"]?: string | number | boolean | null | undefined };

interface Reading {
  /** The columns by which pages follow each other: unique together, and never NULL. The primary key of a table when left out. */
  readonly key?: readonly string[];
  /**
   * True: all rows are read as of one moment. Without a key the database keeps the place, and after a crash all is read again;
   * with one it goes on behind the last page, as of a later moment.
   */
  readonly consistent?: boolean;
}

/** What is read of a database: a table, a query of the query builder, or SQL with parameters. */
export type DatabaseRequest = Reading &
  (
    | {
        /** A table or view: `trades`, or `{ schema: "app", name: "trades" }`. */
        readonly table: string | { readonly schema: string; readonly name: string };
        /** All when left out. */
        readonly columns?: readonly string[];
        /** All conditions together; values are parameters, never text of the statement. */
        readonly where?: Readonly<Record<string, Condition>>;
      }
    | {
        /** @example ({ db }) => db.selectFrom("trades").select(["id", "symbol"]).where("tier", "=", "T1") */
        readonly query: (builder: { readonly db: Kysely<AnySchema> }) => {
          compile(): { readonly sql: string; readonly parameters: readonly unknown[] };
        };
      }
    | {
        /** One SELECT, with the parameters as the database spells them: `$1` in Postgres, `?` in SQLite. */
        readonly sql: string;
        readonly values?: readonly unknown[];
      }
  );

/** What is read, as a SELECT without an order. */
export interface Selection {
  readonly sql: string;
  readonly values: readonly unknown[];
}

const OPERATORS = { gt: ">", gte: ">=", lt: "<", lte: "<=", ne: "<>" } as const;
const OPTIONS = ["table", "columns", "where", "query", "sql", "values", "key", "consistent"];

/** The request as a SELECT. @throws SpineError CONFIG_INVALID for what is none. */
export function selectionOf(request: DatabaseRequest, dialect: Dialect, db: Kysely<AnySchema>): Selection {
  checkRequest(request);
  if ("query" in request) {
    const { sql, parameters } = request.query({ db }).compile();
    return { sql, values: parameters };
  }
  if ("sql" in request) return { sql: request.sql, values: request.values ?? [] };
  const { table, columns, where = {} } = request;
  const values: unknown[] = [];
  const mark = (value: unknown) => {
    values.push(value);
    return placeholder(dialect, values.length);
  };
  const conditions = Object.entries(where).flatMap(([column, condition]) =>
    conditionsOf(quoted(column), column, condition, mark),
  );
  const list = columns === undefined ? "*" : columns.map(quoted).join(", ");
  const from = typeof table === "string" ? quoted(table) : `${quoted(table.schema)}.${quoted(table.name)}`;
  const filter = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
  return { sql: `SELECT ${list} FROM ${from}${filter}`, values };
}

/** The name of a column or table in SQL, whatever is in it. */
export function quoted(name: string): string {
  if (typeof name !== "string" || name === "" || name.includes("\0")) {
    throw new SpineError(
      "CONFIG_INVALID",
      `${JSON.stringify(name) ?? "A name"} cannot name a table or a column.`,
    );
  }
  return `"${name.replaceAll('"', '""')}"`;
}

export function placeholder(dialect: Dialect, position: number): string {
  return dialect === "postgres" ? `$${position}` : "?";
}

function conditionsOf(
  name: string,
  column: string,
  condition: Condition,
  mark: (value: unknown) => string,
): readonly string[] {
  if (condition === null) return [`${name} IS NULL`];
  const refuse = (what: string): never => {
    throw new SpineError(
      "CONFIG_INVALID",
      `The condition of "${column}" is ${what}. Use text, a number, a boolean, null, a list of values, or bounds (${Object.keys(OPERATORS).join(", ")}).`,
    );
  };
  // Neither everything nor nothing is what was meant.
  if (condition === undefined) refuse("undefined");
  if (Array.isArray(condition)) {
    return [condition.length === 0 ? "1 = 0" : `${name} IN (${condition.map(mark).join(", ")})`];
  }
  if (typeof condition !== "object") return [`${name} = ${mark(condition)}`];
  const kind = Object.prototype.toString.call(condition).slice("[object ".length, -1);
  if (kind !== "Object") refuse(`a ${kind}`);
  return Object.entries(condition).flatMap(([operator, value]) => {
    if (!Object.hasOwn(OPERATORS, operator)) {
      throw new SpineError(
        "CONFIG_INVALID",
        `The condition of "${column}" has no "${operator}". Use ${Object.keys(OPERATORS).join(", ")}, a value, or a list of values.`,
      );
    }
    if (value === null || value === undefined) return operator === "ne" ? [`${name} IS NOT NULL`] : [];
    return [`${name} ${OPERATORS[operator as keyof typeof OPERATORS]} ${mark(value)}`];
  });
}

function checkRequest(request: DatabaseRequest): void {
  const refuse = (why: string): never => {
    throw new SourceError(`The request of a database ${why}`, {
      code: "CONFIG_INVALID",
      category: "CONFIGURATION",
    });
  };
  if (typeof request !== "object" || request === null) refuse("is no object.");
  for (const name of Object.keys(request)) {
    if (!OPTIONS.includes(name)) refuse(`has no "${name}". There are ${OPTIONS.join(", ")}.`);
  }
  const kinds = ["table", "query", "sql"].filter((kind) => kind in request);
  if (kinds.length !== 1)
    refuse(`names ${kinds.length} things to read. Give it one of table, query and sql.`);
  if (!("table" in request) && request.key === undefined && request.consistent !== true) {
    refuse("has no `key`. Name the columns that are unique together, or set `consistent: true`.");
  }
  if (request.key !== undefined && !(Array.isArray(request.key) && request.key.length > 0)) {
    refuse("has a `key` without columns.");
  }
}
