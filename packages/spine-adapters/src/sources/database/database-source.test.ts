import { rmSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { type Database, type Page, type Row, type Source, systemClock } from "spine-core";
import { testSource } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { postgres } from "../../databases/postgres.ts";
import { sqlite } from "../../databases/sqlite.ts";
import { createTestDatabase } from "../../testing/shared-postgres.ts";
import { temporaryDirectory } from "../../testing/sqlite-harness.ts";
import type { DatabaseRequest } from "./database-request.ts";
import { type DatabaseSourceOptions, databaseSource } from "./database-source.ts";

/** A database with what `setup` made in it. */
interface Place {
  readonly open: () => Database;
  /** Executes statements on another connection. */
  readonly run: (...statements: string[]) => Promise<void>;
}

async function sqlitePlace(): Promise<Place> {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "shop.db");
  const { DatabaseSync } = await import("node:sqlite");
  const run = async (...statements: string[]) => {
    const db = new DatabaseSync(path);
    for (const each of statements) db.exec(each);
    db.close();
  };
  await run("PRAGMA journal_mode = WAL");
  return { open: () => sqlite(path), run };
}

let url: Promise<string> | undefined;
let schemas = 0;
async function postgresPlace(): Promise<Place> {
  url ??= createTestDatabase();
  const target = await url;
  schemas += 1;
  const schema = `shop_${schemas}`;
  const run = async (...statements: string[]) => {
    const client = new pg.Client({ connectionString: target });
    await client.connect();
    try {
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}; SET search_path = ${schema}`);
      for (const each of statements) await client.query(each);
    } finally {
      await client.end();
    }
  };
  await run();
  return { open: () => postgres({ url: target, schema, tableSchema: schema }), run };
}

const PLACES = [
  ["SQLite", sqlitePlace],
  ["Postgres", postgresPlace],
] as const;

function sourceAt(
  { open }: Place,
  options: Partial<DatabaseSourceOptions> = {},
): Source<DatabaseRequest, Row> {
  const database = open();
  onTestFinished(() => database.close());
  return databaseSource({ name: "shop", database, ...options });
}

async function pagesOf(
  source: Source<DatabaseRequest, Row>,
  request: DatabaseRequest,
  cursor: Page["cursor"] = null,
): Promise<readonly Page[]> {
  const pages: Page[] = [];
  for await (const page of source.stream(request, { cursor })) pages.push(page);
  return pages;
}
const rowsIn = (pages: readonly Page[]) => pages.flatMap(({ rows }) => rows);
const text = (value: unknown) => `'${String(value).replaceAll("'", "''")}'`;

describe.each(PLACES)("%s", (name, open) => {
  testSource(`databaseSource on ${name}`, {
    async make(rows, pageRows) {
      const place = await open();
      await place.run(
        "CREATE TABLE t (nth integer PRIMARY KEY, id text, symbol text, note text)",
        ...rows.map(
          ({ id, symbol, note }, index) =>
            `INSERT INTO t VALUES (${index}, ${text(id)}, ${text(symbol)}, ${text(note)})`,
        ),
      );
      const database = place.open();
      const inner = databaseSource({ database, pageRows });
      // The rows of the suite have no number of their own to be read in order by.
      const source: Source<DatabaseRequest, object> = {
        name: inner.name,
        async *stream(request, options) {
          for await (const page of inner.stream(request, options)) {
            yield { ...page, rows: page.rows.map(({ nth: _nth, ...row }) => row) };
          }
        },
      };
      return { source, request: { table: "t" }, dispose: () => database.close() };
    },
    async broken() {
      const database = (await open()).open();
      return {
        source: databaseSource({ database }),
        request: { table: "absent" } as DatabaseRequest,
        dispose: () => database.close(),
      };
    },
  });

  test("reads by a key of several columns, whatever its values, and what is added behind", async () => {
    const place = await open();
    const rows = ["a", "a'b", 'x"y', "Ä", "漢"].flatMap((venue) =>
      [-5, 0, 3, 2 ** 31].map((n) => ({ venue, n })),
    );
    await place.run(
      "CREATE TABLE t (venue text, n bigint, PRIMARY KEY (n, venue))",
      ...rows.map(({ venue, n }) => `INSERT INTO t VALUES (${text(venue)}, ${n})`),
    );
    const source = sourceAt(place, { pageRows: 3 });
    const request: DatabaseRequest = { table: "t", key: ["venue", "n"] };
    const pages = await pagesOf(source, request);
    expect(pages.length).toBe(7);
    const plain = (all: readonly object[]) =>
      all.map((row) => ({ ...row, n: Number((row as { n: unknown }).n) }));
    const read = plain(rowsIn(pages));
    expect(read).toHaveLength(20);
    expect(new Set(read.map((row) => JSON.stringify(row))).size).toBe(20);
    await place.run("DELETE FROM t WHERE n = 3", "INSERT INTO t VALUES ('龍', 1)");
    const [, second] = pages;
    const rest = plain(rowsIn(await pagesOf(source, request, second?.cursor ?? null)));
    expect(rest).toEqual([...read.slice(6).filter((row) => row.n !== 3), { venue: "龍", n: 1 }]);
    // By its own primary key when none is named.
    expect(plain(rowsIn(await pagesOf(source, { table: "t" }))).map((row) => row.n)).toEqual([
      ...Array(5).fill(-5),
      ...Array(5).fill(0),
      1,
      ...Array(5).fill(2 ** 31),
    ]);
  });

  test("a key that is twice only by the rules of the database is an error, and no row is left out", async () => {
    const place = await open();
    const type = name === "SQLite" ? "text COLLATE NOCASE" : "numeric";
    const [first, same, last] = name === "SQLite" ? ["'a'", "'A'", "'b'"] : ["1.0", "1.00", "2"];
    await place.run(
      `CREATE TABLE t (k ${type}, n integer)`,
      `INSERT INTO t VALUES (${first}, 1), (${same}, 2), (${last}, 3)`,
    );
    for (const pageRows of [1, 2]) {
      const read = pagesOf(sourceAt(place, { pageRows }), { table: "t", key: ["k", "n"] });
      expect(rowsIn(await read)).toHaveLength(3);
    }
    await expect(pagesOf(sourceAt(place, { pageRows: 1 }), { table: "t", key: ["k"] })).rejects.toThrow(
      /is not unique/,
    );
  });

  test("a condition that means nothing is refused: it is neither everything nor nothing", async () => {
    const place = await open();
    await place.run("CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (1)");
    for (const id of [undefined, new Date(0)] as unknown as readonly number[]) {
      await expect(pagesOf(sourceAt(place), { table: "t", where: { id } })).rejects.toMatchObject({
        code: "CONFIG_INVALID",
      });
    }
    await expect(
      pagesOf(sourceAt(place), { sql: 'SELECT id, 1 AS "__proto__" FROM t', key: ["id"] }),
    ).rejects.toThrow(/cannot be called "__proto__"/);
  });

  test("reads what a query gives: of the query builder, and of SQL with parameters", async () => {
    const place = await open();
    await place.run(
      "CREATE TABLE t (id integer PRIMARY KEY, tier text)",
      ...[1, 2, 3, 4, 5].map((id) => `INSERT INTO t VALUES (${id}, 'T${id % 2}')`),
    );
    const source = sourceAt(place, { pageRows: 2 });
    const built = await pagesOf(source, {
      query: ({ db }) => db.selectFrom("t").select(["id"]).where("tier", "=", "T1"),
      key: ["id"],
    });
    expect(rowsIn(built)).toEqual([{ id: 1 }, { id: 3 }, { id: 5 }]);
    const mark = name === "SQLite" ? "?" : "$1";
    const sql = `SELECT id, id * 2 AS twice FROM t WHERE tier = ${mark} -- those`;
    expect(rowsIn(await pagesOf(source, { sql, values: ["T0"], key: ["id"] }))).toEqual([
      { id: 2, twice: 4 },
      { id: 4, twice: 8 },
    ]);
    const where = { id: { gte: 2, lt: 5 }, tier: ["T0", "x'; DROP TABLE t; --"] };
    expect(rowsIn(await pagesOf(source, { table: "t", columns: ["id"], where }))).toEqual([
      { id: 2 },
      { id: 4 },
    ]);
    expect(rowsIn(await pagesOf(source, { table: "t", where: { tier: null } }))).toEqual([]);
    expect(rowsIn(await pagesOf(source, { table: "t", where: { id: { gte: null } } }))).toHaveLength(5);
  });

  test("consistent: as of one moment, with a key and without", async () => {
    const place = await open();
    await place.run(
      "CREATE TABLE t (id integer PRIMARY KEY)",
      ...[1, 2, 3, 4, 5].map((id) => `INSERT INTO t VALUES (${id})`),
    );
    const source = sourceAt(place, { pageRows: 2 });
    for (const request of [
      { table: "t", key: ["id"], consistent: true },
      { sql: "SELECT id FROM t", consistent: true },
    ] as const) {
      const got: object[] = [];
      for await (const page of source.stream(request)) {
        if (got.length === 0) await place.run("DELETE FROM t WHERE id = 5", "INSERT INTO t VALUES (6)");
        got.push(...page.rows);
      }
      expect(got).toEqual([1, 2, 3, 4, 5].map((id) => ({ id })));
      await place.run("DELETE FROM t WHERE id = 6", "INSERT INTO t VALUES (5)");
    }
    const [first] = await pagesOf(source, { sql: "SELECT id FROM t", consistent: true });
    await expect(
      pagesOf(source, { sql: "SELECT id FROM t", consistent: true }, first?.cursor ?? null),
    ).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    // Without a moment of its own, what is added behind is read too.
    const behind: object[] = [];
    for await (const page of source.stream({ table: "t" })) {
      if (behind.length === 0) await place.run("INSERT INTO t VALUES (6)");
      behind.push(...page.rows);
    }
    expect(behind).toHaveLength(6);
  });

  test("says what is wrong with a request, and what the database says of it", async () => {
    const place = await open();
    await place.run(
      "CREATE TABLE t (id integer PRIMARY KEY, a text, b text)",
      "INSERT INTO t VALUES (1, 'x', NULL), (2, 'x', 'y'), (3, 'z', 'w')",
      "CREATE TABLE plain (a text)",
    );
    const source = sourceAt(place, { pageRows: 1 });
    const failure = async (request: unknown) =>
      await pagesOf(source, request as DatabaseRequest).then(
        () => "none",
        (error: { code: string; category: string }) => `${error.category} ${error.code}`,
      );
    const format = "SOURCE SOURCE_FORMAT";
    expect(await failure({ table: "absent" })).toBe("SOURCE SOURCE_NOT_FOUND");
    expect(await failure({ sql: "SELECT 1 AS a FROM absent", key: ["a"] })).toBe("SOURCE SOURCE_NOT_FOUND");
    expect(await failure({ table: "t", columns: ["id", "nope"] })).toBe(format);
    expect(await failure({ table: "t", where: { nope: 1 } })).toBe(format);
    expect(await failure({ table: "plain" })).toBe(format);
    expect(await failure({ sql: "SELEC 1", key: ["a"] })).toBe(format);
    expect(await failure({ sql: "SELECT id AS a, a FROM t", key: ["id"] })).toBe(format);
    // SQLite gives the second one another name.
    const twice = await failure({ sql: "SELECT id, a, b AS a FROM t", key: ["id"] });
    expect(twice).toBe(name === "SQLite" ? "none" : format);
    // Two rows of one key are two pages here.
    expect(await failure({ table: "t", key: ["a"] })).toBe(format);
    expect(await failure({ table: "t", key: ["b"] })).toBe(format);
    const config = "CONFIGURATION CONFIG_INVALID";
    expect(await failure({ sql: "SELECT 1" })).toBe(config);
    expect(await failure({ table: "t", tabel: 1 })).toBe(config);
    expect(await failure({ table: "t", sql: "SELECT 1" })).toBe(config);
    expect(await failure({ table: "t", where: { id: { like: 1 } } })).toBe(config);
    expect(await failure({ table: "t", key: ["id"], where: {}, columns: ["a"] })).toBe(format);
    const writes = await failure({ sql: "DELETE FROM t RETURNING id", key: ["id"] });
    expect(writes).toBe(format);
    expect(rowsIn(await pagesOf(source, { table: "t" }))).toHaveLength(3);
  });

  test("a stream of another query does not go on at its cursor", async () => {
    const place = await open();
    await place.run("CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (1), (2), (3)");
    const source = sourceAt(place, { pageRows: 1 });
    const [first] = await pagesOf(source, { table: "t" });
    await expect(
      pagesOf(source, { table: "t", where: { id: { gte: 1 } } }, first?.cursor ?? null),
    ).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  });
});

test("SQLite: values lose nothing, and a file that is not there is not made", async () => {
  const place = await sqlitePlace();
  await place.run(
    "CREATE TABLE t (id INTEGER PRIMARY KEY, big INTEGER, real REAL, blob BLOB, text TEXT, missing TEXT)",
    "INSERT INTO t VALUES (1, 9007199254740993, 0.1, x'00ff', 'ÄÖ 🙂', NULL)",
    "INSERT INTO t VALUES (9223372036854775807, -5, 9e999, x'', '', NULL)",
  );
  const source = sourceAt(place, { pageRows: 1 });
  expect(rowsIn(await pagesOf(source, { table: "t" }))).toEqual([
    { id: 1, big: "9007199254740993", real: 0.1, blob: "AP8=", text: "ÄÖ 🙂", missing: null },
    { id: "9223372036854775807", big: -5, real: "Infinity", blob: "", text: "", missing: null },
  ]);
  const [first] = await pagesOf(source, { table: "t", key: ["blob"] });
  expect(rowsIn(await pagesOf(source, { table: "t", key: ["blob"] }, first?.cursor ?? null))).toHaveLength(1);
  const missing = databaseSource({ database: sqlite(join(temporaryDirectory(), "no.db")) });
  await expect(pagesOf(missing, { table: "t" })).rejects.toMatchObject({ code: "SOURCE_NOT_FOUND" });
});

test("a database in memory is read too, as long as it need not be as of one moment", async () => {
  const database = sqlite(":memory:");
  onTestFinished(() => database.close());
  await database.connect({ clock: systemClock });
  await database.kysely.schema.createTable("t").addColumn("id", "integer").execute();
  await database.kysely
    .insertInto("t")
    .values([{ id: 1 }, { id: 2 }])
    .execute();
  const source = databaseSource({ database, pageRows: 1 });
  expect(rowsIn(await pagesOf(source, { table: "t", key: ["id"] }))).toHaveLength(2);
  await expect(pagesOf(source, { table: "t", consistent: true })).rejects.toMatchObject({
    code: "DATABASE_UNSUPPORTED",
  });
});

test("Postgres: values lose nothing", async () => {
  const place = await postgresPlace();
  await place.run(
    `CREATE TABLE t (id bigint PRIMARY KEY, n numeric, f float8, tz timestamptz, ts timestamp, d date, b bytea, j jsonb,
  ok boolean, u uuid, a int[])`,
    `INSERT INTO t VALUES (9223372036854775807, 12345678901234567890.1234567890, 0.1, '2025-01-01 00:00:00.123456+01',
  '2025-01-01 00:00:00.5', '2025-01-01', '\\x00ff', '{"a":[1,null]}', true, '0190a5e0-0000-7000-8000-000000000000', '{1,2}')`,
    "INSERT INTO t (id, n, f) VALUES (1, 'NaN', '-Infinity')",
  );
  const source = sourceAt(place, { pageRows: 1 });
  const [small, large] = rowsIn(await pagesOf(source, { table: "t" }));
  expect(small).toMatchObject({ id: "1", n: "NaN", f: "-Infinity", tz: null });
  expect(large).toEqual({
    id: "9223372036854775807",
    n: "12345678901234567890.1234567890",
    f: 0.1,
    tz: "2024-12-31T23:00:00.123456Z",
    ts: "2025-01-01T00:00:00.5",
    d: "2025-01-01",
    b: "AP8=",
    j: { a: [1, null] },
    ok: true,
    u: "0190a5e0-0000-7000-8000-000000000000",
    a: "{1,2}",
  });
  for (const key of ["n", "b", "tz", "ts", "u"]) {
    const request: DatabaseRequest = { sql: `SELECT * FROM t WHERE ${key} IS NOT NULL`, key: [key] };
    const pages = await pagesOf(source, request);
    expect(await pagesOf(source, request, pages.at(-1)?.cursor ?? null)).toEqual([]);
  }
});

test("Postgres: a text of several statements is none, so that nothing ends the transaction that cannot write", async () => {
  const place = await postgresPlace();
  await place.run("CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (1)");
  const write = "COMMIT; DELETE FROM t; COMMIT; BEGIN";
  for (const request of [
    { sql: `SELECT id FROM t) AS q; ${write}; SELECT 1 FROM (SELECT id FROM t`, key: ["id"] },
    { sql: `SELECT id FROM t; ${write}`, consistent: true },
  ]) {
    await expect(pagesOf(sourceAt(place), request)).rejects.toMatchObject({ code: "SOURCE_FORMAT" });
  }
  expect(rowsIn(await pagesOf(sourceAt(place), { table: "t" }))).toEqual([{ id: 1 }]);
});

test("Postgres: an abort ends the statement, and so does its timeout", async () => {
  const place = await postgresPlace();
  const sleeps: DatabaseRequest = { sql: "SELECT 1 AS id, pg_sleep(30)::text AS slept", key: ["id"] };
  const controller = new AbortController();
  const reason = new Error("enough");
  setTimeout(() => controller.abort(reason), 300);
  const started = performance.now();
  const stream = sourceAt(place).stream(sleeps, { signal: controller.signal });
  await expect(stream[Symbol.asyncIterator]().next()).rejects.toBe(reason);
  const timed = sourceAt(place, { statementTimeout: "200ms" });
  await expect(pagesOf(timed, sleeps)).rejects.toMatchObject({ category: "TIMEOUT", retryable: true });
  expect(performance.now() - started).toBeLessThan(8_000);
});

test("Postgres: goes on behind the last page when the connection is lost", async () => {
  const place = await postgresPlace();
  await place.run("CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 50)");
  const source = sourceAt(place, { pageRows: 7 });
  const got: number[] = [];
  let cuts = 0;
  for await (const { rows } of source.stream({ table: "t" })) {
    got.push(...rows.map(({ id }) => Number(id)));
    if (cuts < 3) {
      cuts += 1;
      await place.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%-reader'",
      );
    }
  }
  expect(cuts).toBe(3);
  expect(got).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  // As of one moment, what is lost is lost: the step begins again.
  const once = source.stream({ table: "t", consistent: true, key: ["id"] })[Symbol.asyncIterator]();
  await once.next();
  await place.run(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%-reader'",
  );
  await expect(once.next()).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE", retryable: true });
});

test("refuses options that mean nothing", () => {
  const database = sqlite("never-opened.db");
  const invalid = expect.objectContaining({ code: "CONFIG_INVALID" });
  expect(() => databaseSource({ database, pageRows: 0 })).toThrowError(invalid);
  expect(() => databaseSource({ database, statementTimeout: "soon" as "1s" })).toThrowError(invalid);
  expect(() => databaseSource({ database, pagerows: 5 } as never)).toThrowError(invalid);
  expect(() => databaseSource({} as never)).toThrowError(invalid);
});
