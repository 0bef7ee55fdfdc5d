import { type Database, decimal, fromUnits, ValidationError } from "spine-core";
import type { OtcTradeActivity } from "./trade-activity.ts";
import { tradeActivity } from "./trade-activity-table.ts";

/** What the queries need of a Spine's database: `spine.database`. */
export type QueryDatabase = Pick<Database, "dialect" | "kysely">;

/** One partition of the table. */
export interface Week {
  /** Monday, `YYYY-MM-DD`. */
  readonly week_start: string;
  /** T1, T2 or OTCE. */
  readonly tier: string;
}

/** Quantities are exact decimal texts: they are added up in SQL, never as floats. */
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
  const shares = sumDecimal(database, "shares");
  const row = await rowsOf(database, week)
    .select((eb) => [
      eb.cast<string>(eb.fn.countAll(), "text").as("rows"),
      eb.cast<string | null>(eb.fn.sum(shares.column), "text").as("shares"),
      eb.cast<string | null>(eb.fn.sum("trades"), "text").as("trades"),
      eb.cast<string>(eb.fn.count("symbol").distinct(), "text").as("symbols"),
    ])
    .executeTakeFirstOrThrow();
  return {
    rows: Number(row.rows),
    shares: shares.read(row.shares),
    trades: Number(row.trades ?? 0),
    symbols: Number(row.symbols),
  };
}

/** The symbols with the most shares in a week, over all venues and issuers. */
export async function topSymbols(
  database: QueryDatabase,
  week: Week,
  limit = 10,
): Promise<readonly SymbolVolume[]> {
  const shares = sumDecimal(database, "shares");
  const rows = await rowsOf(database, week)
    .select((eb) => [
      "symbol",
      eb.cast<string>(eb.fn.sum(shares.column), "text").as("shares"),
      eb.cast<string>(eb.fn.sum("trades"), "text").as("trades"),
      eb.cast<string>(eb.fn.count("mpid").distinct(), "text").as("venues"),
    ])
    .groupBy("symbol")
    .orderBy((eb) => eb.fn.sum(shares.column), "desc")
    .orderBy("symbol")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    symbol: row.symbol as string,
    shares: shares.read(row.shares),
    trades: Number(row.trades),
    venues: Number(row.venues),
  }));
}

/** The venues with the most shares in a week. */
export async function topVenues(
  database: QueryDatabase,
  week: Week,
  limit = 10,
): Promise<readonly VenueVolume[]> {
  const shares = sumDecimal(database, "shares");
  const rows = await rowsOf(database, week)
    .select((eb) => [
      "mpid",
      eb.fn.max("participant_name").as("participant_name"),
      eb.cast<string>(eb.fn.sum(shares.column), "text").as("shares"),
      eb.cast<string>(eb.fn.sum("trades"), "text").as("trades"),
      eb.cast<string>(eb.fn.count("symbol").distinct(), "text").as("symbols"),
    ])
    .groupBy("mpid")
    .orderBy((eb) => eb.fn.sum(shares.column), "desc")
    .orderBy("mpid")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    mpid: row.mpid as string,
    participant_name: String(row.participant_name),
    shares: shares.read(row.shares),
    trades: Number(row.trades),
    symbols: Number(row.symbols),
  }));
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
    throw new ValidationError(`"${String(at)}" is no time, e.g. 2026-01-08T12:00:00Z.`);
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
 * Which column to add up for an exact sum of a decimal column, and how to read the sum, once it is cast to
 * text. SQLite has no exact decimals: Spine keeps whole units of 10^-6 there, in `<column>_units`.
 */
function sumDecimal({ dialect }: QueryDatabase, column: "shares" | "notional") {
  const scale = tradeActivity.columns[column]?.scale ?? 0;
  return dialect === "sqlite"
    ? { column: `${column}_units`, read: (sum: string | null) => fromUnits(BigInt(sum ?? 0), scale) }
    : { column: column as string, read: (sum: string | null) => decimal(sum ?? "0") };
}
