import { type Database, decimal, fromUnits, ValidationError } from "spine-core";
import type { OtcTradeActivity } from "./trade-activity.ts";
import { tradeActivity } from "./trade-activity-table.ts";

/** SQLite adds up what is above and below it apart: both sums fit into 64 bits for thousands of millions of rows. */
const PART = 1_000_000_000;

/** What the queries need of a Spine's database: `spine.database`. */
export type QueryDatabase = Pick<Database, "dialect" | "kysely">;

/** One partition of the table. */
export interface Week {
  /** Monday, `YYYY-MM-DD`. */
  readonly week_start: string;
  /** T1, T2 or OTCE. */
  readonly tier: string;
}

/** Quantities are exact decimal texts: they are added up as whole numbers, never as floats. */
export interface WeekTotals {
  readonly rows: number;
  readonly shares: string;
  readonly trades: number;
  readonly symbols: number;
}

export interface SymbolVolume {
  readonly symbol: string;
  readonly shares: string;
  readonly trades: number;
  readonly venues: number;
}

export interface VenueVolume {
  readonly mpid: string;
  readonly participant_name: string;
  readonly shares: string;
  readonly trades: number;
  readonly symbols: number;
}

/** The totals of a week as it is loaded now; all zero for a week that is not. */
export async function weekTotals(database: QueryDatabase, week: Week): Promise<WeekTotals> {
  const row = await withSums(database, rowsOf(database, week))
    .select((eb) => [
      eb.cast<string>(eb.fn.countAll(), "text").as("rows"),
      eb.cast<string>(eb.fn.count("symbol").distinct(), "text").as("symbols"),
    ])
    .executeTakeFirstOrThrow();
  return { rows: Number(row.rows), ...readSums(database, row), symbols: Number(row.symbols) };
}

/** The symbols with the most shares in a week, over all venues and issuers. */
export async function topSymbols(
  database: QueryDatabase,
  week: Week,
  limit = 10,
): Promise<readonly SymbolVolume[]> {
  const rows = await mostSharesFirst(database, withSums(database, rowsOf(database, week)))
    .select((eb) => ["symbol", eb.cast<string>(eb.fn.count("mpid").distinct(), "text").as("venues")])
    .groupBy("symbol")
    .orderBy("symbol")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    symbol: row.symbol as string,
    ...readSums(database, row),
    venues: Number(row.venues),
  }));
}

/** The venues with the most shares in a week. */
export async function topVenues(
  database: QueryDatabase,
  week: Week,
  limit = 10,
): Promise<readonly VenueVolume[]> {
  const rows = await mostSharesFirst(database, withSums(database, rowsOf(database, week)))
    .select((eb) => [
      "mpid",
      eb.fn.max("participant_name").as("participant_name"),
      eb.cast<string>(eb.fn.count("symbol").distinct(), "text").as("symbols"),
    ])
    .groupBy("mpid")
    .orderBy("mpid")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    mpid: row.mpid as string,
    participant_name: String(row.participant_name),
    ...readSums(database, row),
    symbols: Number(row.symbols),
  }));
}

/** The current rows of a week, those with the most shares first. */
export async function tradeActivityOf(
  database: QueryDatabase,
  week: Week,
  { symbol = null, limit = 100 }: { readonly symbol?: string | null; readonly limit?: number } = {},
): Promise<readonly CapturedTradeActivity[]> {
  const all = rowsOf(database, week);
  const chosen = symbol === null ? all : all.where("symbol", "=", symbol);
  const rows = await columnsOf(chosen)
    // The column, not the text of it that is selected under its name.
    .orderBy(`${tradeActivity.name}.${summed(database, "shares")}`, "desc")
    .orderBy("symbol")
    .orderBy("mpid")
    .orderBy("issue_name")
    .limit(limit)
    .execute();
  return rows.map(readRow);
}

/**
 * The newest `last_update_date` among a week's captures, where it is later than that of the current rows: an
 * older file was loaded over a newer one. Null where the current rows are the newest.
 */
export async function newerCapture(database: QueryDatabase, week: Week): Promise<string | null> {
  const newest = async (table: string) => {
    const row = await rowsOf(database, week, table)
      .select((eb) => eb.cast<string | null>(eb.fn.max("last_update_date"), "text").as("date"))
      .executeTakeFirst();
    return row?.date ?? null;
  };
  const [current, captured] = await Promise.all([
    newest(tradeActivity.name),
    newest(tradeActivity.captures as string),
  ]);
  return current !== null && captured !== null && captured > current ? captured : null;
}

/** A row with the load that wrote it. */
export interface CapturedTradeActivity extends Readonly<OtcTradeActivity> {
  readonly load_id: string;
}

/**
 * The rows of a week as they stood at a moment: those loaded by then and not yet superseded, whether they
 * are current today or kept as captures. In the order of symbol, venue and issuer.
 *
 * @param query.at an ISO time, or a Date; a ValidationError for anything else.
 */
export async function captureAsOf(
  database: QueryDatabase,
  query: Week & { readonly at: string | Date },
): Promise<readonly CapturedTradeActivity[]> {
  const at = isoTime(query.at);
  const captures = tradeActivity.captures as string;
  const rows = await columnsOf(rowsOf(database, query).where("_spine_loaded_at", "<=", at))
    .unionAll(
      columnsOf(
        rowsOf(database, query, captures)
          .where("_spine_loaded_at", "<=", at)
          .where("_spine_superseded_at", ">", at),
      ),
    )
    .orderBy("symbol")
    .orderBy("mpid")
    .orderBy("issue_name")
    .execute();
  return rows.map(readRow);
}

function isoTime(at: string | Date): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime()))
    throw new ValidationError(`"${String(at)}" is not a time, e.g. 2026-01-08T12:00:00Z.`);
  return time.toISOString();
}

function rowsOf({ kysely }: QueryDatabase, week: Week, table = tradeActivity.name) {
  return kysely.selectFrom(table).where("week_start", "=", week.week_start).where("tier", "=", week.tier);
}

/** All columns and the load, with decimals and dates as text on every database. */
function columnsOf(rows: ReturnType<typeof rowsOf>) {
  return rows.select((eb) => [
    eb.ref("_spine_load_id").as("load_id"),
    ...Object.entries(tradeActivity.columns).map(([name, { type }]) =>
      type === "decimal" || type === "date"
        ? eb.cast<string | null>(name, "text").as(name)
        : eb.ref(name).as(name),
    ),
  ]);
}

function readRow(row: Readonly<Record<string, unknown>>): CapturedTradeActivity {
  const read = Object.entries(tradeActivity.columns).map(([name, { type }]) => {
    const value = row[name];
    if (type === "integer") return [name, Number(value)];
    return [name, type === "decimal" && typeof value === "string" ? decimal(value) : value];
  });
  return { ...Object.fromEntries(read), load_id: row.load_id } as CapturedTradeActivity;
}

/**
 * Adds the exact sums of shares and trades to a query, each in a high and a low part, as text. SQLite has no
 * exact decimals, Spine keeps whole units of 10^-6 there; and a sum of 64-bit integers may not fit in one.
 */
function withSums(database: QueryDatabase, rows: ReturnType<typeof rowsOf>) {
  return rows.select((eb) =>
    (["shares", "trades"] as const).flatMap((name) => {
      const column = summed(database, name);
      const part = (operator: "/" | "%") => eb.fn.sum(eb(column, operator, eb.lit(PART)));
      const [high, low] =
        database.dialect === "sqlite" ? [part("/"), part("%")] : [eb.lit(0), eb.fn.sum(column)];
      return [
        eb.cast<string | null>(high, "text").as(`${name}_high`),
        eb.cast<string | null>(low, "text").as(`${name}_low`),
      ];
    }),
  );
}

/** Orders groups by their exact sum of shares: what the low parts come to is carried into the high part. */
function mostSharesFirst(database: QueryDatabase, rows: ReturnType<typeof rowsOf>) {
  const column = summed(database, "shares");
  if (database.dialect !== "sqlite") return rows.orderBy((eb) => eb.fn.sum(column), "desc");
  return rows
    .orderBy((eb) => {
      const part = eb.lit(PART);
      return eb(eb.fn.sum(eb(column, "/", part)), "+", eb(eb.fn.sum(eb(column, "%", part)), "/", part));
    }, "desc")
    .orderBy((eb) => eb(eb.fn.sum(eb(column, "%", eb.lit(PART))), "%", eb.lit(PART)), "desc");
}

/** The column that is added up. */
function summed({ dialect }: QueryDatabase, name: "shares" | "trades"): string {
  return name === "shares" && dialect === "sqlite" ? "shares_units" : name;
}

/** What `withSums` added, put together again. */
function readSums(
  { dialect }: QueryDatabase,
  row: Readonly<Record<string, string | null | undefined>>,
): { readonly shares: string; readonly trades: number } {
  const sum = (name: string, scale: number) => {
    const [high, low] = [row[`${name}_high`] ?? "0", row[`${name}_low`] ?? "0"];
    return dialect === "sqlite" ? fromUnits(BigInt(high) * BigInt(PART) + BigInt(low), scale) : decimal(low);
  };
  return {
    shares: sum("shares", tradeActivity.columns.shares?.scale ?? 0),
    trades: Number(sum("trades", 0)),
  };
}
