import { DatabaseSync } from "node:sqlite";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqliteConnection } from "./sqlite-connection.ts";
import { kyselyOn } from "./sqlite-dialect.ts";
import { SqlitePool } from "./sqlite-pool.ts";

let pool: SqlitePool;
beforeEach(async () => {
  pool = new SqlitePool(":memory:", "full");
  await pool.write((connection) => connection.script("CREATE TABLE t (id INTEGER PRIMARY KEY, x ANY)"));
});
afterEach(() => pool.close());

const db = () => kyselyOn(pool);

test("booleans, dates, bytes, big numbers and undefined are bound as SQLite has them", async () => {
  const values = [true, false, new Date(0), new Uint8Array([1, 2]), 2n ** 62n, undefined, null, 1.5, "x"];
  await db()
    .insertInto("t")
    .values(values.map((x, id) => ({ id, x: x === undefined ? null : x })))
    .execute();
  const rows = await db().selectFrom("t").select("x").orderBy("id").execute();
  expect(rows.map((row) => row.x)).toEqual([
    1,
    0,
    "1970-01-01T00:00:00.000Z",
    new Uint8Array([1, 2]),
    2n ** 62n,
    null,
    null,
    1.5,
    "x",
  ]);
});

test("what SQLite cannot hold is refused with a reason", async () => {
  for (const x of [{ a: 1 }, [1], Symbol("s"), Number.NaN]) {
    const insert = db().insertInto("t").values({ id: 1, x }).execute();
    await expect(insert).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
  }
});

test("rows are plain objects", async () => {
  const row = await sql`select 1 as one`.execute(db());
  expect(Object.getPrototypeOf(row.rows[0])).toBe(Object.prototype);
});

test("counts, ids and returned rows are what Kysely promises", async () => {
  const inserted = await db()
    .insertInto("t")
    .values([{ x: 1 }, { x: 2 }])
    .executeTakeFirst();
  expect(inserted).toMatchObject({ insertId: 2n, numInsertedOrUpdatedRows: 2n });
  const updated = await db().updateTable("t").set({ x: 3 }).executeTakeFirst();
  expect(updated.numUpdatedRows).toBe(2n);
  const returned = await db().deleteFrom("t").returning(["id", "x"]).execute();
  expect(returned).toEqual([
    { id: 1, x: 3 },
    { id: 2, x: 3 },
  ]);
});

test("a statement that SQLite refuses is a SpineError with SQLite's words", async () => {
  await expect(sql`selct 1`.execute(db())).rejects.toMatchObject({
    code: "DATABASE_FAILED",
    message: expect.stringContaining('near "selct"'),
  });
});

test("savepoints undo a part of a transaction", async () => {
  const trx = await db().startTransaction().execute();
  await trx.insertInto("t").values({ id: 1 }).execute();
  const after = await trx.savepoint("half").execute();
  await after.insertInto("t").values({ id: 2 }).execute();
  await after.rollbackToSavepoint("half").execute();
  await trx.commit().execute();
  expect(await db().selectFrom("t").select("id").execute()).toEqual([{ id: 1 }]);
});

test("introspection sees the tables", async () => {
  const tables = await db().introspection.getTables();
  expect(tables.map(({ name }) => name)).toEqual(["t"]);
});

test("statements stay prepared, up to a limit", () => {
  let prepared = 0;
  class Counting extends DatabaseSync {
    override prepare(text: string) {
      prepared += 1;
      return super.prepare(text);
    }
  }
  const connection = new SqliteConnection(new Counting(":memory:"));
  for (let time = 0; time < 10; time += 1) connection.get("SELECT 1");
  expect(prepared).toBe(1);
  for (let n = 0; n < 250; n += 1) {
    connection.get(`SELECT ${n} AS n`);
    connection.get("SELECT 1");
  }
  expect(prepared).toBe(251);
  connection.get("SELECT 0 AS n");
  expect(prepared).toBe(252);
  connection.close();
});
