import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Hint } from "spine-core";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { memory, sqlite } from "../../databases/sqlite.ts";
import { temporaryDirectory } from "../../testing/sqlite-harness.ts";
import { SqliteHints, type WatchFile } from "./sqlite-hints.ts";

/** Another program on the file, which knows nothing of Spine: it commits a row when it is told to. */
const WRITER = `
const { DatabaseSync } = require("node:sqlite");
const db = new DatabaseSync(process.argv[1], { timeout: 5000 });
const insert = db.prepare("INSERT INTO t DEFAULT VALUES");
process.on("message", (message) => {
  if (message === "sync") db.exec("PRAGMA synchronous = FULL");
  else insert.run();
  process.send("done");
});
process.send("ready");
`;

let directory: string;
let path: string;
let pool: SqlitePool;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = temporaryDirectory();
  path = join(directory, "hints.db");
  pool = new SqlitePool(path, "process");
  await pool.write((connection) => connection.script("CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT"));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await pool.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Returns how another process commits. */
async function otherProcess(): Promise<(message?: string) => Promise<void>> {
  const child = spawn(process.execPath, ["--no-warnings", "-e", WRITER, path], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  children.push(child);
  child.setMaxListeners(0);
  await once(child, "message");
  return async (message = "commit") => {
    child.send(message);
    await once(child, "message");
  };
}

/** Listens; how many hints there were, and the next of them. */
async function listening(watchFile?: WatchFile): Promise<{
  readonly hints: readonly Hint[];
  readonly next: () => Promise<Hint>;
}> {
  const told = new SqliteHints(pool, path, watchFile);
  onTestFinished(() => told.close());
  const hints: Hint[] = [];
  let wake: (hint: Hint) => void = () => {};
  await told.listen((hint) => {
    hints.push(hint);
    wake(hint);
  });
  return {
    hints,
    next: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
  };
}

const insert = (from = pool) => from.write((connection) => connection.run("INSERT INTO t DEFAULT VALUES"));

const unwatchable: WatchFile = () => {
  throw new Error("ENOSPC: no more watchers");
};

test("a commit of another process is told at once, each of them", async () => {
  const commit = await otherProcess();
  const { hints, next } = await listening();
  const took: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    await delay(30);
    const told = next();
    const start = performance.now();
    await commit();
    expect(await told).toEqual({ work: true, changed: "any" });
    took.push(performance.now() - start);
  }
  expect(hints).toHaveLength(8);
  // The poll comes every 200 ms: eight at random would take 800 ms together, and half as much in the median.
  expect(took.sort((a, b) => a - b)[4]).toBeLessThan(60);
});

test("a commit that waits for its disk between the log and its end is told as well", async () => {
  const commit = await otherProcess();
  await commit("sync");
  const { next } = await listening();
  for (let round = 0; round < 5; round += 1) {
    const told = next();
    await commit();
    await told;
  }
});

test("where files cannot be watched, looking every 200 ms finds it", async () => {
  const commit = await otherProcess();
  const { next } = await listening(unwatchable);
  const told = next();
  const start = performance.now();
  await commit();
  await told;
  expect(performance.now() - start).toBeLessThan(1_500);
});

test("a watcher that breaks is closed, and looking every 200 ms finds the rest", async () => {
  const commit = await otherProcess();
  let fail: (error: Error) => void = () => {};
  let closed = 0;
  const { next } = await listening(() => ({
    on: (_event, listener) => {
      fail = listener;
    },
    close: () => {
      closed += 1;
    },
  }));
  fail(new Error("EMFILE"));
  expect(closed).toBe(1);
  const told = next();
  await commit();
  await told;
});

test("what this process itself commits is not told, however much it is", async () => {
  const { hints } = await listening();
  for (let round = 0; round < 200; round += 1) await Promise.all([insert(), insert(), insert()]);
  await pool.transaction(async ({ connection }) => {
    connection.run("INSERT INTO t DEFAULT VALUES");
    await delay(250);
  });
  await delay(250);
  expect(hints).toEqual([]);
});

test("while this process writes all the time, the commits of others are told, and the last one too", async () => {
  const commit = await otherProcess();
  const { hints, next } = await listening();
  let writing = true;
  const own = (async () => {
    while (writing) await insert();
  })();
  for (let round = 0; round < 20; round += 1) await commit();
  await delay(50);
  const before = hints.length;
  const last = next();
  await commit();
  await last;
  writing = false;
  await own;
  expect(before).toBeGreaterThan(0);
});

test("many commits are told together", async () => {
  const commit = await otherProcess();
  const { hints } = await listening();
  const start = performance.now();
  await Promise.all(Array.from({ length: 300 }, () => commit()));
  const ms = performance.now() - start;
  await delay(60);
  expect(hints.length).toBeGreaterThan(0);
  expect(hints.length).toBeLessThanOrEqual((ms + 60) / 5 + 2);
});

test("a look inside of an open transaction does not disturb it, and nothing is missed", async () => {
  const commit = await otherProcess();
  const { hints, next } = await listening();
  await pool.transaction(async ({ connection }) => {
    connection.run("INSERT INTO t DEFAULT VALUES");
    await delay(450);
    connection.run("INSERT INTO t DEFAULT VALUES");
  });
  expect(hints).toEqual([]);
  const told = next();
  await commit();
  await told;
  const rows = await pool.read((connection) => connection.get<{ n: number }>("SELECT count(*) AS n FROM t"));
  expect(rows?.n).toBe(3);
});

test("two Spines on one file in one process tell each other, and do not tell themselves", async () => {
  const other = new SqlitePool(path, "process");
  onTestFinished(() => other.close());
  await other.open();
  const here = await listening();
  const there = new SqliteHints(other, path);
  onTestFinished(() => there.close());
  let heard = 0;
  await there.listen(() => {
    heard += 1;
  });
  const told = here.next();
  await insert(other);
  await told;
  await delay(250);
  expect([here.hints.length, heard]).toEqual([1, 0]);
});

test("the log is watched again when it is another file", async () => {
  const watched: (() => void)[] = [];
  let open = 0;
  await listening((_file, _options, call) => {
    watched.push(() => call("change"));
    open += 1;
    return {
      on: () => {},
      close: () => {
        open -= 1;
      },
    };
  });
  expect(watched).toHaveLength(1);
  rmSync(`${path}-wal`);
  await expect.poll(() => open).toBe(0);
  await pool.close();
  pool = new SqlitePool(path, "process");
  await insert().catch(() => {});
  await expect.poll(() => watched.length, { timeout: 3_000 }).toBe(2);
});

test("a log that was removed is watched again, even where the new one has its number", async () => {
  const watched: ((event: string) => void)[] = [];
  await listening((_file, _options, call) => {
    watched.push(call);
    return { on: () => {}, close: () => {} };
  });
  watched[0]?.("rename");
  await expect.poll(() => watched.length).toBe(2);
});

test("after close nothing is told", async () => {
  const commit = await otherProcess();
  const hints = new SqliteHints(pool, path);
  let told = 0;
  await hints.listen(() => {
    told += 1;
  });
  await hints.close();
  await commit();
  await delay(300);
  expect(told).toBe(0);
});

test("listening keeps no process alive", async () => {
  const url = new URL("../../databases/sqlite.ts", import.meta.url).href;
  const code = `
    const { sqlite } = await import(${JSON.stringify(url)});
    const database = sqlite(${JSON.stringify(join(directory, "alone.db"))});
    const { hints } = await database.connect({ clock: { now: Date.now, after: () => () => {} } });
    await hints.listen(() => {});
  `;
  const child = spawn(
    process.execPath,
    ["--no-warnings", "--conditions=spine-source", "--input-type=module", "-e", code],
    { stdio: "inherit" },
  );
  children.push(child);
  expect((await once(child, "exit"))[0]).toBe(0);
});

test("a database in a file has hints, and closing it ends them; one in memory has nobody to hear of", async () => {
  const clock = { now: () => Date.now(), after: () => () => {} };
  const database = sqlite(path, { durability: "process" });
  const { hints } = await database.connect({ clock });
  let told = 0;
  await hints.listen(() => {
    told += 1;
  });
  await insert();
  await expect.poll(() => told).toBe(1);
  await database.close();
  await insert();
  await delay(250);
  expect(told).toBe(1);
  expect(hints.pollMs).toBe(1_000);

  const alone = memory();
  const stores = await alone.connect({ clock });
  expect(stores.hints).not.toBeInstanceOf(SqliteHints);
  expect(stores.hints.pollMs).toBe(1_000);
  await alone.close();
});
