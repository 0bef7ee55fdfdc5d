// What is particular to Postgres: errors that say what to do, prepared statements, COPY, transactions that are done again.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompiledQuery } from "kysely";
import pg from "pg";
import { createSpine, type Database, defineTable, type Row, silentLogger, systemClock } from "spine-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createTestDatabase, startPostgres } from "../../testing/index.ts";
import { postgres } from "../postgres.ts";
import { CopyIn } from "./copy-in.ts";

let url = "";
let database: Database;
const items = defineTable({
  name: "items",
  columns: { id: "integer", note: "text?", detail: "json?" },
  key: ["id"],
});
const stamp = { loadId: "l", loadedAt: "2026-01-05T09:00:00.000Z" };

beforeAll(async () => {
  url = await createTestDatabase();
  database = postgres(url);
  await database.connect({ clock: systemClock });
  await database.ensureTable(items);
});

afterAll(() => database.close());

async function* once(rows: readonly Row[]) {
  yield rows;
}

const load = (rows: readonly Row[]) =>
  database.transaction((transaction) => transaction.insertRows(items, once(rows), stamp));

const refusalOf = async (at: string): Promise<unknown> => {
  const other = postgres(at);
  try {
    return await other.connect({ clock: systemClock });
  } catch (error) {
    return error;
  } finally {
    await other.close();
  }
};

describe("errors", () => {
  test("a database that is not there", async () => {
    expect(await refusalOf(url.replace(/[^/]*$/, "nowhere"))).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("nowhere"),
    });
  });

  test("a server that is not there", async () => {
    expect(await refusalOf(url.replace(/:\d+\//, ":1/"))).toMatchObject({
      code: "DATABASE_UNAVAILABLE",
      category: "DEPENDENCY",
      retryable: true,
    });
  });

  test("a user without rights", async () => {
    await database.kysely.executeQuery(CompiledQuery.raw("CREATE ROLE nobody LOGIN PASSWORD 's3cr3t'"));
    const refused = await refusalOf(url.replace("postgres@", "nobody:s3cr3t@"));
    expect(refused).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(JSON.stringify(refused)).not.toContain("s3cr3t");
  });

  test("a database that has been closed", async () => {
    const closed = postgres(url);
    await closed.close();
    await expect(closed.connect({ clock: systemClock })).rejects.toMatchObject({
      code: "DATABASE_UNAVAILABLE",
      retryable: false,
    });
  });

  test.each(["a b", "A", "x; drop", ""])("%j is no schema", (schema) => {
    expect(() => postgres({ url, schema })).toThrow(/cannot name a schema/);
  });

  test("a URL with parts beside it", () => {
    expect(() => postgres({ url, user: "u", password: () => "p" })).toThrow(/by a URL and by user, password/);
  });
});

test("a password may come from a function, which the thread of the beats asks too", async () => {
  const folder = mkdtempSync(join(tmpdir(), "spine-hba-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const rules = join(folder, "hba.conf");
  writeFileSync(rules, "host all app all scram-sha-256\nhost all all all trust\n");
  // The server runs as a user of its own.
  chmodSync(folder, 0o755);
  const server = await startPostgres({ settings: { hba_file: rules } });
  onTestFinished(() => server.stop());
  const admin = new pg.Client(server.url());
  await admin.connect();
  await admin.query("CREATE ROLE app LOGIN SUPERUSER PASSWORD 'secret'");
  await admin.end();
  const { hostname: host, port } = new URL(server.url());
  let asked = 0;
  const password = async () => {
    asked += 1;
    return "secret";
  };
  const parts = { host, port: Number(port), user: "app", database: "postgres" };
  const spine = await createSpine({ database: postgres({ ...parts, password }), logger: silentLogger });
  onTestFinished(() => spine.stop());
  const { checks } = await spine.diagnose();
  expect(checks.find(({ name }) => name === "beats")).toMatchObject({ status: "ok", data: { by: "thread" } });
  // Those of the main thread, and that of the beats.
  expect(asked).toBeGreaterThanOrEqual(4);
  const refused = createSpine({
    database: postgres({ ...parts, password: () => "another" }),
    logger: silentLogger,
  });
  await expect(refused).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

describe("queries", () => {
  test("a statement goes on after its table was altered", async () => {
    const { kysely } = database;
    await kysely.executeQuery(CompiledQuery.raw("CREATE TABLE shapes (a int)"));
    await kysely.insertInto("shapes").values({ a: 1 }).execute();
    const all = () => kysely.selectFrom("shapes").selectAll().execute();
    for (let times = 0; times < 4; times += 1) expect(await all()).toEqual([{ a: 1 }]);
    await kysely.executeQuery(CompiledQuery.raw("ALTER TABLE shapes ADD COLUMN b text"));
    for (let times = 0; times < 4; times += 1) expect(await all()).toEqual([{ a: 1, b: null }]);
  });

  test("are prepared once they come again", async () => {
    const { kysely } = database;
    const names = () =>
      kysely
        .selectFrom("pg_prepared_statements")
        .select("name")
        .where("statement", "like", "%prepared_me%")
        .execute();
    const query = () => kysely.selectFrom("items").select("id as prepared_me").execute();
    await query();
    expect(await names()).toEqual([]);
    await query();
    expect(await names()).toHaveLength(1);
  });

  test("beside open transactions do not wait for them", async () => {
    const { kysely } = database;
    let entered = 0;
    await Promise.all(
      Array.from({ length: 6 }, () =>
        database.transaction(async () => {
          entered += 1;
          expect(await kysely.selectFrom("pg_class").select("oid").limit(1).execute()).toHaveLength(1);
        }),
      ),
    );
    expect(entered).toBe(6);
  });

  test("of one process take at most ten connections", async () => {
    const { kysely } = database;
    await Promise.all(Array.from({ length: 30 }, () => kysely.selectFrom("items").selectAll().execute()));
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'spine%'",
    );
    await client.end();
    expect(rows[0]?.n).toBeLessThanOrEqual(10);
  });
});

describe("transactions", () => {
  test("in which a failed statement was hidden are not taken for committed", async () => {
    const hidden = database.transaction(async ({ kysely }) => {
      await kysely
        .selectFrom("no_such_table")
        .selectAll()
        .execute()
        .catch(() => {});
    });
    await expect(hidden).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
  });

  test("in which a failed statement was hidden say so at the next one", async () => {
    const hidden = database.transaction(async ({ kysely }) => {
      const missing = kysely.selectFrom("no_such_table").selectAll();
      await missing.execute().catch(() => {});
      await kysely.selectFrom("items").selectAll().execute();
    });
    await expect(hidden).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
  });

  test("go one by one through queries that are not awaited one by one", async () => {
    const counts = await database.transaction(({ kysely }) =>
      Promise.all(Array.from({ length: 5 }, () => kysely.selectFrom("items").select("id").execute())),
    );
    expect(counts).toHaveLength(5);
  });
});

describe("COPY", () => {
  test("one that is refused at once leaves the connection usable, whatever was sent with it", async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const copy = new CopyIn("COPY no_such_table FROM STDIN", Buffer.from("1\n".repeat(2_000_000)));
    client.query(copy);
    await expect(copy.done).rejects.toMatchObject({ code: "42P01" });
    const { rows } = await client.query("SELECT 1 AS one");
    expect(rows).toEqual([{ one: 1 }]);
  });

  test("keeps every character", async () => {
    const notes = ["\\N", "\\", "a\tb", "a\nb\r\nc", "\\.", "", "ÄÖ € 漢 🙂 '\"", "\u0001\u007f", "\\\\n"];
    await load(notes.map((note, id) => ({ id, note, detail: { note } })));
    const rows = await database.kysely.selectFrom("items").selectAll().orderBy("id").execute();
    expect(rows.map(({ note }) => note)).toEqual(notes);
    expect(rows.map(({ detail }) => detail.note)).toEqual(notes);
    await database.kysely.deleteFrom("items").execute();
  });

  test.each<[string, Row]>([
    ["a NUL character in a text", { id: 2, note: "a\0b" }],
    ["a NUL character in JSON", { id: 2, detail: { a: "\0" } }],
    ["half a surrogate pair", { id: 2, note: "\ud800" }],
  ])("refuses %s, naming row and column", async (_what, bad) => {
    await expect(load([{ id: 1 }, bad])).rejects.toMatchObject({
      code: "LOAD_FAILED",
      context: { table: "items", row: 2, column: Object.keys(bad)[1] },
    });
  });

  test("writes what looks like an escaped NUL and is none", async () => {
    await load([{ id: 1, detail: "\\u0000" }]);
    const [row] = await database.kysely.selectFrom("items").selectAll().execute();
    expect(row?.detail).toBe("\\u0000");
    await database.kysely.deleteFrom("items").execute();
  });

  test("a date that no calendar has is refused by the server, with its row", async () => {
    const days = defineTable({ name: "days", columns: { day: "date" }, key: ["day"] });
    await database.ensureTable(days);
    const refused = database.transaction((transaction) =>
      transaction.insertRows(days, once([{ day: "2025-02-28" }, { day: "2025-02-30" }]), stamp),
    );
    await expect(refused).rejects.toMatchObject({
      code: "LOAD_FAILED",
      context: { table: "days", row: 2, column: "day" },
    });
  });
});
