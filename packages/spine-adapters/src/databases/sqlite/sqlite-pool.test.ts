import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { SpineError } from "spine-core";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../testing/sqlite-harness.ts";
import { retryWhileBusy } from "./retry-while-busy.ts";
import { kyselyOn } from "./sqlite-dialect.ts";
import { SqlitePool } from "./sqlite-pool.ts";
import type { SyncFile } from "./wal-sync.ts";

let directory: string;
let pool: SqlitePool;

beforeEach(async () => {
  directory = temporaryDirectory();
  pool = new SqlitePool(join(directory, "pool.db"), "full");
  await pool.write((connection) => connection.script("CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT"));
});

afterEach(async () => {
  await pool.close();
  rmSync(directory, { recursive: true, force: true });
});

const insert = (id: number | string) => pool.write((connection) => connection.insert("t", { id }));
const ids = (from = pool) =>
  from.read((connection) => connection.all<{ id: number }>("SELECT id FROM t").map(({ id }) => id));

describe("shared commits", () => {
  test("writes of one tick share one database commit", async () => {
    const before = pool.commits;
    await Promise.all(Array.from({ length: 20 }, (_, id) => insert(id)));
    expect(pool.commits - before).toBe(1);
    expect(await ids()).toHaveLength(20);
  });

  test("what gathers while a transaction is open shares one commit after it", async () => {
    const before = pool.commits;
    const writes: Promise<number>[] = [];
    await pool.transaction(async (lease) => {
      lease.connection.insert("t", { id: 1000 });
      for (let id = 0; id < 5; id += 1) {
        setTimeout(() => writes.push(insert(id)), id);
      }
      await delay(30);
      expect(await ids()).toEqual([]);
    });
    await Promise.all(writes);
    expect(writes).toHaveLength(5);
    expect(pool.commits - before).toBeLessThan(5);
    expect(await ids()).toHaveLength(6);
  });

  test("nothing is acknowledged before it is committed", async () => {
    const other = new DatabaseSync(pool.path);
    const count = other.prepare("SELECT count(*) AS n FROM t");
    await Promise.all(
      Array.from({ length: 20 }, async (_, id) => {
        await insert(id);
        expect(count.get()?.n).toBe(20);
      }),
    );
    other.close();
  });

  test("a unit that fails takes no other with it, and leaves nothing", async () => {
    const halfway = pool.write((connection) => {
      connection.insert("t", { id: 50 });
      throw new RangeError("mine");
    });
    const results = await Promise.allSettled([insert(1), insert(1), halfway, insert("no"), insert(2)]);
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    expect(results[2]).toMatchObject({ reason: new RangeError("mine") });
    expect(results[1]).toMatchObject({ reason: { code: "DATABASE_FAILED" } });
    expect(await ids()).toEqual([1, 2]);
  });
});

describe("the disk", () => {
  /** A disk that keeps what it is given until it is told to answer. */
  function slowDisk() {
    const asked: ((error: Error | null) => void)[] = [];
    const sync: SyncFile = (_fd, done) => void asked.push(done);
    const slow = new SqlitePool(pool.path, "full", sync);
    onTestFinished(() => slow.close());
    const write = (id: number) => slow.write((connection) => connection.insert("t", { id }));
    const answer = (error: Error | null = null) => {
      for (const done of asked.splice(0)) done(error);
    };
    return { slow, asked, write, answer };
  }

  test("nothing is acknowledged, and nothing told to a reader, before it is on it", async () => {
    const { slow, asked, write, answer } = slowDisk();
    const told: string[] = [];
    // SQLite syncs its log itself until there is one to take over.
    const first = write(1).then(() => told.push("first"));
    await expect.poll(() => asked).toHaveLength(1);
    const read = ids(slow).then((found) => told.push(`read ${found.join()}`));
    const second = slow
      .transaction(async (lease) => void lease.connection.insert("t", { id: 2 }))
      .then(() => told.push("second"));
    await expect.poll(() => asked).toHaveLength(2);
    await delay(30);
    expect(told).toEqual([]);
    answer();
    await Promise.all([first, second, read]);
    expect(told).toHaveLength(3);
  });

  test("the next commit is made while one is on its way", async () => {
    const { slow, asked, write, answer } = slowDisk();
    const writes = Array.from({ length: 150 }, (_, id) => write(id));
    await expect.poll(() => asked).toHaveLength(5);
    expect(slow.commits).toBe(5);
    answer();
    expect(await Promise.all(writes)).toHaveLength(150);
  });

  test("when it refuses, what waits is refused, and nothing more is written", async () => {
    const { slow, asked, write, answer } = slowDisk();
    const refused = expect(write(1)).rejects.toMatchObject({ code: "DATABASE_FAILED" });
    await expect.poll(() => asked).toHaveLength(1);
    answer(new Error("EIO"));
    await refused;
    await expect(write(2)).rejects.toMatchObject({ code: "DATABASE_FAILED" });
    await expect(slow.transaction(async () => {})).rejects.toMatchObject({ code: "DATABASE_FAILED" });
    expect(asked).toEqual([]);
  });
});

describe("when another connection has the database locked", () => {
  test("waits without stopping the event loop, then writes", async () => {
    const other = new DatabaseSync(pool.path);
    other.exec("BEGIN IMMEDIATE");
    const write = insert(1);
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 2);
    await delay(80);
    clearInterval(timer);
    // A loop that was stopped would not tick at all; a busy machine makes it tick less often.
    expect(ticks).toBeGreaterThan(2);
    expect(await ids()).toEqual([]);
    other.exec("COMMIT");
    await write;
    expect(await ids()).toEqual([1]);
    other.close();
  });

  test("gives up after its limit with DATABASE_BUSY", async () => {
    const other = new DatabaseSync(pool.path);
    other.exec("BEGIN IMMEDIATE");
    const mine = new DatabaseSync(pool.path, { timeout: 0 });
    const write = retryWhileBusy(() => mine.exec("BEGIN IMMEDIATE"), pool.path, 50);
    await expect(write).rejects.toMatchObject({ code: "DATABASE_BUSY", retryable: true });
    mine.close();
    other.close();
  });

  test("transactions of two pools on one file lose no update", async () => {
    const second = new SqlitePool(pool.path, "process");
    await insert(0);
    const increment = (on: SqlitePool) =>
      on.transaction(async ({ connection }) => {
        const id = connection.get<{ id: number }>("SELECT id FROM t")?.id ?? 0;
        await delay(1);
        connection.run("UPDATE t SET id = ?", id + 1);
      });
    await Promise.all(Array.from({ length: 20 }, (_, n) => increment(n % 2 === 0 ? pool : second)));
    expect(await ids(second)).toEqual([20]);
    await second.close();
  });
});

describe("misuse", () => {
  test("a transaction inside a transaction is refused instead of waiting for ever", async () => {
    const nested = pool.transaction(async () => await pool.transaction(async () => {}));
    await expect(nested).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
    const kysely = kyselyOn(pool);
    const beside = pool.transaction(async () => await kysely.insertInto("t").values({ id: 1 }).execute());
    await expect(beside).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
    await insert(2);
    expect(await ids()).toEqual([2]);
  });

  test("what was started in a transaction may write once that has ended", async () => {
    let later: Promise<number> | undefined;
    await pool.transaction(async () => {
      later = insert(1);
    });
    await later;
    expect(await ids()).toEqual([1]);
  });

  test("a raw BEGIN does not leave the writer in a transaction", async () => {
    const kysely = kyselyOn(pool);
    const begin = kysely.executeQuery({
      sql: "BEGIN",
      parameters: [],
      query: { kind: "RawNode", sqlFragments: ["BEGIN"], parameters: [] },
      queryId: { queryId: "q" },
    });
    await expect(begin).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
    await insert(1);
    expect(await ids()).toEqual([1]);
  });

  test("a closed database says so", async () => {
    const write = insert(1);
    await pool.close();
    await pool.close();
    await write;
    for (const use of [() => insert(2), () => ids(), () => pool.begin()]) {
      await expect(use()).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", retryable: false });
    }
  });

  test("a directory that appears later is used then", async () => {
    const path = join(directory, "later", "spine.db");
    const late = new SqlitePool(path, "full");
    await expect(late.open()).rejects.toBeInstanceOf(SpineError);
    mkdirSync(join(directory, "later"));
    await late.open();
    await late.close();
  });
});

test("a database that cannot be written says so, and is not tried again", async () => {
  await pool.alone((connection) => connection.script("PRAGMA query_only = ON"));
  await expect(insert(1)).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", retryable: false });
  expect(await ids()).toEqual([]);
});

describe("the disk is full", () => {
  test("everything of the commit is refused, and writing goes on once there is room", async () => {
    await pool.write((connection) => connection.script("CREATE TABLE big (x TEXT) STRICT"));
    await pool.alone((connection) => connection.get("PRAGMA max_page_count = 20"));
    const big = () =>
      pool.write((connection) => connection.run("INSERT INTO big VALUES (?)", "x".repeat(100_000)));
    const results = await Promise.allSettled([insert(1), big(), insert(2)]);
    for (const result of results) expect(result).toMatchObject({ reason: { code: "DATABASE_FULL" } });
    expect(await ids()).toEqual([]);
    const inTransaction = pool.transaction(async (lease) => {
      expect(() => lease.connection.run("INSERT INTO big VALUES (?)", "x".repeat(100_000))).toThrow();
      lease.connection.run("INSERT INTO t VALUES (3)");
    });
    await expect(inTransaction).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
    await pool.alone((connection) => connection.get("PRAGMA max_page_count = 100000"));
    await insert(4);
    expect(await ids()).toEqual([4]);
  });
});

describe("a file that is removed while it is open", () => {
  const writes: Readonly<Record<string, (id: number) => Promise<unknown>>> = {
    write: (id) => insert(id),
    alone: (id) => pool.alone((connection) => connection.insert("t", { id })),
    transaction: (id) => pool.transaction(async (lease) => lease.connection.insert("t", { id })),
  };
  const refused = { code: "DATABASE_UNAVAILABLE", retryable: true };
  /** After so long it is looked again. */
  const LOOKED = 110;

  test.each(Object.entries(writes))("takes nothing (%s) until it is back", async (_, write) => {
    await write(1);
    expect(pool.isRemoved).toBe(false);
    const aside = temporaryDirectory();
    onTestFinished(() => rmSync(aside, { recursive: true, force: true }));
    const move = (from: string, to: string) => {
      for (const end of ["", "-wal", "-shm"])
        renameSync(join(from, `pool.db${end}`), join(to, `pool.db${end}`));
    };
    move(directory, aside);
    await delay(LOOKED);
    await expect(write(2)).rejects.toMatchObject(refused);
    move(aside, directory);
    await write(3);
    expect(await ids()).toEqual([1, 3]);
  });

  test("takes nothing either once another one has its name", async () => {
    await insert(1);
    for (const end of ["", "-wal", "-shm"]) rmSync(`${pool.path}${end}`);
    await delay(LOOKED);
    const other = new SqlitePool(pool.path, "full");
    onTestFinished(() => other.close());
    await other.write((connection) => connection.script("CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT"));
    await expect(insert(2)).rejects.toMatchObject(refused);
    await other.write((connection) => connection.insert("t", { id: 3 }));
    expect(await ids(other)).toEqual([3]);
  });
});
