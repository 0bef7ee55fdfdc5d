import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SpineError, systemClock } from "spine-core";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../testing/sqlite-harness.ts";
import { databaseFromEnv } from "./from-env.ts";
import { postgres } from "./postgres.ts";

function errorOf(env: Record<string, string>): SpineError {
  return caught(() => databaseFromEnv(env));
}

function caught(work: () => unknown): SpineError {
  try {
    work();
  } catch (error) {
    if (SpineError.is(error)) return error;
    throw error;
  }
  throw new Error("It was accepted.");
}

test("opens the file that the URL names, however it is spelt", async () => {
  const directory = temporaryDirectory();
  const spellings = {
    "a.db": (path: string) => `sqlite:${path}`,
    "b.db": (path: string) => `sqlite://${path}`,
    "c.db": (path: string) => path,
    "d.sqlite": (path: string) => `  ${path} `,
    "with space.db": (path: string) => `sqlite://${path.replace(" ", "%20")}`,
  };
  for (const [name, spell] of Object.entries(spellings)) {
    const path = join(directory, name);
    const database = databaseFromEnv({ SPINE_DB_URL: spell(path) });
    await database.connect({ clock: systemClock });
    await database.close();
    expect(existsSync(path)).toBe(true);
  }
  rmSync(directory, { recursive: true });
});

test.each(["sqlite::memory:", "sqlite://:memory:", ":memory:"])("%s is in memory", async (url) => {
  const database = databaseFromEnv({ SPINE_DB_URL: url });
  await database.connect({ clock: systemClock });
  await database.close();
  expect(existsSync(":memory:")).toBe(false);
});

test("nothing set: the variables are named", () => {
  const error = errorOf({ SPINE_DB_URL: "" });
  expect(error.code).toBe("CONFIG_INVALID");
  expect(error.message).toContain("SPINE_DB_URL=sqlite:spine.db");
});

test("a DB2 database is not supported yet, and its password is not shown", () => {
  const error = errorOf({ SPINE_DB_URL: "db2://db.example:50000/SPINE?user=u&password=s3cr3t" });
  expect(error.code).toBe("DATABASE_UNSUPPORTED");
  expect(error.message).toContain("SPINE_DB_URL");
  expect(error.message).toContain("db.example");
  expect(JSON.stringify(error)).not.toContain("s3cr3t");
});

test.each([
  "postgres://spine:s3cr3t@127.0.0.1:1/spine",
  "postgresql://spine:s3cr3t%2Fwith@127.0.0.1:1/spine?application_name=x",
  "POSTGRES://:s3cr3t@127.0.0.1:1/spine",
])("%s is Postgres; that it cannot be reached is said without the password", async (url) => {
  const database = databaseFromEnv({ SPINE_DB_URL: url });
  expect(database.dialect).toBe("postgres");
  const refused = await database.connect({ clock: systemClock }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "DATABASE_UNAVAILABLE", retryable: true });
  expect(String(refused)).toContain("127.0.0.1:1/spine");
  expect(`${String(refused)}${JSON.stringify(refused)}`).not.toContain("s3cr3t");
});

test.each([
  "mysql://root:s3cr3t@localhost/x",
  "spine:s3cr3t@localhost/x",
  "spine",
  "sqlite:",
  "sqlite://host:s3cr3t@path/x.db",
])("%s names no database, and its password is not shown", (url) => {
  const error = errorOf({ SPINE_DB_URL: url });
  expect(error.code).toBe("CONFIG_INVALID");
  expect(error.message).toContain("SPINE_DB_URL");
  expect(JSON.stringify(error)).not.toContain("s3cr3t");
});

test.each([
  ["postgresql://u:s3cr3t@h:99999/db", "postgresql://u:***@h:99999/db"],
  ["postgres://u:s3cr3t@", "postgres://u:***@"],
  ["postgres://u:s3cr3t", "postgres://u:***"],
  ["postgres://u:s3cr3t/with@h/db", "postgres://u:***@h/db"],
  ["postgres://u:s3cr3t%ff@h/db", "postgres://u:***@h/db"],
  ["postgres://u:s3cr3t@h:0/db", "postgres://u:***@h:0/db"],
  ["postgres://u:s3cr3t@/", "postgres://u:***@/"],
  ["postgres://", "postgres://"],
  ["postgresql:///", "postgresql:///"],
])(
  "%s names no server: refused at once, by the variable and by postgres(), without the password",
  (url, masked) => {
    const error = errorOf({ SPINE_DB_URL: url });
    expect(error).toMatchObject({ code: "CONFIG_INVALID", category: "CONFIGURATION" });
    expect(error.message).toContain(`SPINE_DB_URL is "${masked}", `);
    expect(error.message).toContain("Use postgres://user:password@host:port/database");
    const direct = caught(() => postgres(url));
    expect(direct).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(`"${masked}"`) });
    for (const one of [error, direct]) expect(`${String(one)}${JSON.stringify(one)}`).not.toContain("s3cr3t");
  },
);

test.each([
  "postgres:///db",
  "postgres://u:p@/db",
  "postgres:///?host=/tmp",
  "postgres://%2Fvar%2Frun/db",
  "postgres://[::1]:5432/db",
  "postgres://u:with space@h/db",
  "postgres://h",
])("%s may name a server", (url) => {
  expect(databaseFromEnv({ SPINE_DB_URL: url }).dialect).toBe("postgres");
});

test.each(["sqlite:x.db?password=s3cr3t", "sqlite:///x.db?key=s3cr3t&mode=ro", "SQLITE::memory:?k=s3cr3t"])(
  "%s: a SQLite database has no password, and none becomes a part of its name",
  (url) => {
    const error = errorOf({ SPINE_DB_URL: url });
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toMatch(/^SPINE_DB_URL is "sqlite:.*\?\*\*\*", .*neither a password nor settings/i);
    expect(JSON.stringify(error)).not.toContain("s3cr3t");
  },
);

test("a port that none can be is refused", () => {
  for (const port of [0, 99_999, 1.5, Number.NaN]) {
    expect(caught(() => postgres({ host: "h", port }))).toMatchObject({ code: "CONFIG_INVALID" });
  }
});

test("the variables of a server name a Postgres database; what is missing or wrong is said", async () => {
  const server = { SPINE_DB_HOST: "127.0.0.1", SPINE_DB_PORT: "1", SPINE_DB_NAME: "app" };
  const database = databaseFromEnv({ ...server, SPINE_DB_USER: "u", SPINE_DB_PASSWORD: "s3cr3t" });
  expect(database.dialect).toBe("postgres");
  const refused = await database.connect({ clock: systemClock }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  expect(`${String(refused)}${JSON.stringify(refused)}`).not.toContain("s3cr3t");
  expect(errorOf({ SPINE_DB_HOST: "db.example" }).message).toContain("SPINE_DB_NAME");
  expect(errorOf({ SPINE_DB_NAME: "app" }).message).toContain("SPINE_DB_HOST");
  expect(errorOf({ ...server, SPINE_DB_PORT: "http" }).message).toContain("SPINE_DB_PORT");
  expect(errorOf({ ...server, SPINE_DB_SCHEMA: "a; drop" })).toMatchObject({ code: "CONFIG_INVALID" });
});

test("the URL goes before the variables of a server", () => {
  const env = { SPINE_DB_URL: "sqlite::memory:", SPINE_DB_HOST: "db.example" };
  expect(databaseFromEnv(env).dialect).toBe("sqlite");
});
