import { expect } from "vitest";
import { defineTable, type Table } from "../data/table.ts";
import type { Database } from "../database/database.ts";
import type { DatabaseTransaction, RowStamp } from "../database/database-transaction.ts";
import type { Row } from "../sources/source.ts";
import { databaseColumnTests } from "./database-column-tests.ts";
import { databaseMergeTests } from "./database-merge-tests.ts";
import { databaseStagedTests } from "./database-staged-tests.ts";
import { type Check, type DatabaseHarness, databaseSuite, type SuiteOptions } from "./suite.ts";

const stamp: RowStamp = { loadId: "load-1", loadedAt: "2026-01-05T09:00:00.000Z" };

const trades = defineTable({
  name: "suite_trades",
  columns: {
    week: "date",
    tier: "text",
    symbol: "text",
    shares: "decimal",
    notional: "decimal?",
    trades: "integer",
    late: "boolean?",
    seen_at: "timestamp?",
    detail: "json?",
  },
  key: ["symbol", "week", "tier"],
  partition: ["week", "tier"],
  captures: "suite_trades_captures",
});

const plain = defineTable({ name: "suite_plain", columns: { id: "integer", name: "text?" }, key: ["id"] });

/**
 * The conformance suite of databases: transactions, queries, and target tables. Registers its tests with
 * vitest. The stores have suites of their own.
 */
export function testDatabase(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`database: ${name}`, harness, options, (check) => {
    connectTests(check);
    transactionTests(check);
    tableTests(check);
    loadTests(check);
    databaseMergeTests(check);
    databaseColumnTests(check);
    databaseStagedTests(check);
  });
}

function connectTests(check: Check): void {
  check("is connected once: two Spines would share its connections", async ({ database, stores, clock }) => {
    await expect(database.connect({ clock })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    expect(await stores.history.glance([])).toEqual([]);
  });
}

function transactionTests(check: Check): void {
  check("commits what a transaction wrote, and returns its result", async ({ database }) => {
    await database.ensureTable(plain);
    const result = await database.transaction(async (transaction) => {
      await insertPlain(transaction, 1);
      expect(await transaction.kysely.selectFrom(plain.name).selectAll().execute()).toHaveLength(1);
      return "done";
    });
    expect(result).toBe("done");
    expect(await plainIds(database)).toEqual([1]);
  });

  check("undoes everything when a transaction throws", async ({ database }) => {
    await database.ensureTable(plain);
    const work = database.transaction(async (transaction) => {
      await insertPlain(transaction, 1);
      await transaction.insertRows(plain, batches([{ id: 2 }]), stamp);
      throw new RangeError("mine");
    });
    await expect(work).rejects.toThrow(new RangeError("mine"));
    expect(await plainIds(database)).toEqual([]);
  });

  check("keeps transactions apart: no update is lost", async ({ database }) => {
    await database.ensureTable(plain);
    await database.transaction((transaction) => insertPlain(transaction, 0));
    const increment = () =>
      database.transaction(async ({ kysely }) => {
        const { id } = await kysely.selectFrom(plain.name).select("id").executeTakeFirstOrThrow();
        await new Promise((resolve) => setTimeout(resolve, 1));
        await kysely
          .updateTable(plain.name)
          .set({ id: Number(id) + 1 })
          .execute();
      });
    await Promise.all(Array.from({ length: 20 }, increment));
    expect(await plainIds(database)).toEqual([20]);
  });

  check("shows nothing of a transaction before it is committed", async ({ database }) => {
    await database.ensureTable(plain);
    let seen: Promise<readonly number[]> | undefined;
    let go: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      go = resolve;
    });
    const reading = begun.then(() => {
      seen = plainIds(database);
    });
    await database.transaction(async (transaction) => {
      await insertPlain(transaction, 1);
      go();
      await new Promise((resolve) => setTimeout(resolve, 20));
    });
    await reading;
    // Where there is one connection the reader waits for the end; it never sees the middle.
    expect([[], [1]]).toContainEqual(await seen);
    expect(await plainIds(database)).toEqual([1]);
  });

  check("refuses a transaction that has ended", async ({ database }) => {
    await database.ensureTable(plain);
    let kept: DatabaseTransaction | undefined;
    await database.transaction(async (transaction) => {
      kept = transaction;
      await insertPlain(transaction, 1);
    });
    const ended = { code: "TRANSACTION_INVALID" };
    await expect(kept?.insertRows(plain, batches([{ id: 2 }]), stamp)).rejects.toMatchObject(ended);
    await expect(insertPlain(kept as DatabaseTransaction, 3)).rejects.toMatchObject(ended);
    // Not even while another one is open on the same connection.
    await database.transaction(async () => {
      await expect(insertPlain(kept as DatabaseTransaction, 4)).rejects.toMatchObject(ended);
    });
    expect(await plainIds(database)).toEqual([1]);
  });

  check("refuses a transaction inside of another one, which goes on", async ({ database }) => {
    await database.ensureTable(plain);
    await database.transaction(async (transaction) => {
      await insertPlain(transaction, 1);
      const nested = database.transaction(async (inner) => insertPlain(inner, 2));
      await expect(nested).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
      await insertPlain(transaction, 3);
    });
    expect(await plainIds(database)).toEqual([1, 3]);
    // What was begun inside of it and works on after its end is in no transaction any more.
    let later: Promise<unknown> | undefined;
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    await database.transaction(async () => {
      later = ended.then(() => database.transaction((transaction) => insertPlain(transaction, 4)));
    });
    end();
    await later;
    expect(await plainIds(database)).toEqual([1, 3, 4]);
  });

  check(
    "keeps nothing of a transaction whose statement failed and that was told so",
    async ({ database }) => {
      await database.ensureTable(plain);
      const failed = database.transaction(async (transaction) => {
        await insertPlain(transaction, 1);
        await transaction.kysely.selectFrom("no_such_table").selectAll().execute();
      });
      await expect(failed).rejects.toThrow();
      expect(await plainIds(database)).toEqual([]);
    },
  );

  check("runs the query builder's own transactions", async ({ database }) => {
    await database.ensureTable(plain);
    const { kysely } = database;
    const row = (id: number) => ({ id, _spine_load_id: "l", _spine_loaded_at: "t" });
    await kysely.transaction().execute(async (transaction) => {
      await transaction
        .insertInto(plain.name)
        .values([row(1), row(2)])
        .execute();
    });
    const failed = kysely.transaction().execute(async (transaction) => {
      await transaction.deleteFrom(plain.name).execute();
      throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    await Promise.all([
      kysely.insertInto(plain.name).values(row(3)).execute(),
      kysely.transaction().execute((trx) => trx.insertInto(plain.name).values(row(4)).execute()),
      database.transaction((transaction) => insertPlain(transaction, 5)),
    ]);
    expect(await plainIds(database)).toEqual([1, 2, 3, 4, 5]);
    const deleted = await kysely.deleteFrom(plain.name).where("id", ">", 3).executeTakeFirst();
    expect(deleted.numDeletedRows).toBe(2n);
  });
}

function tableTests(check: Check): void {
  check("creates a table once, and again does nothing", async ({ database }) => {
    await database.ensureTable(trades);
    await load(database, trades, [trade("A")]);
    await database.ensureTable(trades);
    await Promise.all([database.ensureTable(trades), database.ensureTable(plain)]);
    expect(await rowsOf(database, trades.name)).toHaveLength(1);
  });

  check("refuses a table of another shape, and says what differs", async ({ database }) => {
    await database.ensureTable(plain);
    const other = defineTable({
      name: plain.name,
      columns: { id: "text", extra: "decimal?" },
      key: ["id"],
    });
    const refused = database.ensureTable(other);
    await expect(refused).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await expect(refused).rejects.toThrow(/suite_plain.*"id".*"extra/s);
  });
}

function loadTests(check: Check): void {
  check("stores every type exactly", async ({ database }) => {
    await database.ensureTable(trades);
    const exact = [
      "0",
      "0.000001",
      "-0.5",
      "-0.000001",
      "1",
      "100",
      "120000.5",
      "-120000.5",
      "9007199254.740993",
      "9223372036854.775807",
      "-9223372036854.775807",
    ];
    await load(
      database,
      trades,
      exact.map((shares, index) => trade(`S${index}`, { shares, notional: index === 0 ? null : shares })),
    );
    await load(database, trades, [
      trade("X", { shares: "+007.500000", late: true, seen_at: "2026-01-05T09:00:00Z", detail: { a: [1] } }),
      trade("Y", { late: false, detail: "text", trades: -9007199254740991 }),
    ]);
    const rows = await rowsOf(database, trades.name);
    const bySymbol = new Map(rows.map((row) => [row.symbol, row]));
    for (const [index, shares] of exact.entries()) {
      const row = bySymbol.get(`S${index}`);
      expect(row?.shares).toBe(shares);
      expect(row?.notional).toBe(index === 0 ? null : shares);
    }
    expect(bySymbol.get("X")).toMatchObject({ shares: "7.5", week: "2025-01-06" });
    expect(Boolean(bySymbol.get("X")?.late)).toBe(true);
    expect(bySymbol.get("Y")?.late).not.toBeNull();
    expect(Boolean(bySymbol.get("Y")?.late)).toBe(false);
    expect(Number(bySymbol.get("Y")?.trades)).toBe(-9007199254740991);
    expect(bySymbol.get("S0")).toMatchObject({ late: null, seen_at: null, detail: null });
    expect(bySymbol.get("X")).toMatchObject({ _spine_load_id: "load-1", _spine_loaded_at: stamp.loadedAt });
    expect(asJson(bySymbol.get("X")?.detail)).toEqual({ a: [1] });
  });

  check("refuses values that do not fit, naming row and column, and keeps nothing", async ({ database }) => {
    await database.ensureTable(trades);
    const bad: Record<string, unknown>[] = [
      { shares: 1.5 },
      { shares: "1e3" },
      { shares: "0.0000001" },
      { shares: "9007199254740993.000001" },
      { shares: null },
      { shares: undefined },
      { notional: "NaN" },
      { trades: 1.5 },
      { trades: "7" },
      { trades: Number.NaN },
      { trades: 2 ** 53 },
      { late: 1 },
      { week: "06.01.2025" },
      { seen_at: "yesterday" },
      { seen_at: "2025-02-29T09:00:00Z" },
      { seen_at: "2025-01-06T09:60:00Z" },
      { seen_at: "2025-01-06T09:00:00+16:00" },
      { symbol: 7 },
    ];
    for (const change of bad) {
      const column = Object.keys(change)[0] as string;
      const refused = load(database, trades, [trade("A"), trade("B", change)]);
      await expect(refused).rejects.toMatchObject({
        code: "LOAD_FAILED",
        message: expect.stringContaining(`"${column}"`),
        context: { table: trades.name, column, row: 2 },
      });
    }
    expect(await rowsOf(database, trades.name)).toEqual([]);
  });

  check("refuses days and times that there are not, and takes those that there are", async ({ database }) => {
    const days = defineTable({ name: "suite_days", columns: { day: "date?", at: "timestamp?" }, key: [] });
    await database.ensureTable(days);
    for (const day of [
      "2026-02-31",
      "2026-02-29",
      "1900-02-29",
      "2026-13-01",
      "2026-00-01",
      "2026-01-00",
      "2026-04-31",
      "0000-01-01",
    ]) {
      await expect(load(database, days, [{ day }]), day).rejects.toMatchObject({ code: "LOAD_FAILED" });
      await expect(load(database, days, [{ at: `${day}T00:00:00Z` }]), day).rejects.toMatchObject({
        code: "LOAD_FAILED",
      });
    }
    for (const time of [
      "99:00Z",
      "24:01Z",
      "09:60Z",
      "09:00:61Z",
      "24:00:00.5Z",
      "09:00:00+16:00",
      "09:00:00+01:60",
    ])
      await expect(load(database, days, [{ at: `2026-01-05T${time}` }]), time).rejects.toMatchObject({
        code: "LOAD_FAILED",
      });
    const taken = ["2024-02-29", "2000-02-29", "2026-12-31", "0001-01-01", "9999-12-31"];
    await load(
      database,
      days,
      taken.map((day) => ({ day })),
    );
    expect((await rowsOf(database, days.name)).map(({ day }) => day)).toEqual(taken);
  });

  check("counts the rows of many batches of any size", async ({ database }) => {
    await database.ensureTable(plain);
    const ids = Array.from({ length: 5_437 }, (_, id) => id);
    const parts = [ids.slice(0, 1), [], ids.slice(1, 100), ids.slice(100, 5_300), ids.slice(5_300)];
    const written = await database.transaction((transaction) =>
      transaction.insertRows(
        plain,
        batches(...parts.map((part) => part.map((id) => ({ id }))).map(rows)),
        stamp,
      ),
    );
    expect(written).toBe(ids.length);
    expect(await plainIds(database)).toEqual(ids);
  });

  check("refuses a key that is there already, naming its values", async ({ database }) => {
    await database.ensureTable(trades);
    const many = Array.from({ length: 250 }, (_, index) => trade(`S${index}`));
    const refused = load(database, trades, [...many, trade("S17")]);
    await expect(refused).rejects.toMatchObject({ code: "LOAD_FAILED" });
    await expect(refused).rejects.toThrow(/suite_trades.*symbol.*S17/s);
    expect(await rowsOf(database, trades.name)).toEqual([]);
    await load(database, trades, many);
    await expect(load(database, trades, [trade("S249")])).rejects.toThrow(/S249/);
    expect(await rowsOf(database, trades.name)).toHaveLength(250);
  });

  check("moves the rows of a partition to the captures, and no others", async ({ database }) => {
    await database.ensureTable(trades);
    await load(database, trades, [trade("A"), trade("B"), trade("C", { tier: "T2" })]);
    const at = "2026-01-06T00:00:00.000Z";
    const superseded = await database.transaction((transaction) =>
      transaction.supersede(trades, { tier: "T1", week: "2025-01-06" }, at),
    );
    expect(superseded).toBe(2);
    expect((await rowsOf(database, trades.name)).map((row) => row.symbol)).toEqual(["C"]);
    const captured = await rowsOf(database, "suite_trades_captures");
    expect(
      captured.map((row) => [row.symbol, row.shares, row._spine_load_id, row._spine_superseded_at]),
    ).toEqual([
      ["A", "1.5", "load-1", at],
      ["B", "1.5", "load-1", at],
    ]);
    // The same key may be captured as often as it was loaded.
    await load(database, trades, [trade("A", { shares: "2" })]);
    await database.transaction((transaction) =>
      transaction.supersede(trades, { week: "2025-01-06", tier: "T1" }, "2026-01-07T00:00:00.000Z"),
    );
    expect(await rowsOf(database, "suite_trades_captures")).toHaveLength(3);
  });

  check("drops superseded rows where no captures are kept", async ({ database }) => {
    const table = defineTable({
      name: "suite_dropped",
      columns: { part: "text", id: "integer" },
      key: ["id"],
      partition: ["part"],
    });
    await database.ensureTable(table);
    await load(database, table, [
      { part: "a", id: 1 },
      { part: "b", id: 2 },
    ]);
    const taken = await database.transaction((transaction) =>
      transaction.supersede(table, { part: "a" }, stamp.loadedAt),
    );
    expect(taken).toBe(1);
    expect((await rowsOf(database, table.name)).map((row) => row.part)).toEqual(["b"]);
  });

  check("refuses a partition whose names are not the table's", async ({ database }) => {
    await database.ensureTable(trades);
    for (const partition of [{}, { week: "2025-01-06" }, { week: "2025-01-06", venue: "X" }]) {
      const refused = database.transaction((transaction) =>
        transaction.supersede(trades, partition as Readonly<Record<string, string>>, stamp.loadedAt),
      );
      await expect(refused).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    }
  });
}

function trade(symbol: string, changes: Row = {}): Row {
  return { week: "2025-01-06", tier: "T1", symbol, shares: "1.5", trades: 3, ...changes };
}

function rows(list: readonly Row[]): readonly Row[] {
  return list;
}

async function* batches(...lists: readonly (readonly Row[])[]): AsyncIterable<readonly Row[]> {
  yield* lists;
}

async function load(database: Database, table: Table, list: readonly Row[]): Promise<number> {
  return await database.transaction((transaction) => transaction.insertRows(table, batches(list), stamp));
}

async function insertPlain({ kysely }: DatabaseTransaction, id: number): Promise<void> {
  const row = { id, _spine_load_id: "l", _spine_loaded_at: "t" };
  await kysely.insertInto(plain.name).values(row).execute();
}

async function plainIds({ kysely }: Database): Promise<readonly number[]> {
  const found = await kysely.selectFrom(plain.name).select("id").orderBy("id").execute();
  return found.map(({ id }) => Number(id));
}

async function rowsOf({ kysely }: Database, table: string): Promise<readonly Record<string, unknown>[]> {
  const found = await kysely.selectFrom(table).selectAll().execute();
  return found as readonly Record<string, unknown>[];
}

function asJson(value: unknown): unknown {
  return typeof value === "string" ? (JSON.parse(value) as unknown) : value;
}
