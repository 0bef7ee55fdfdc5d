import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SpineError, systemClock } from "spine-core";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../testing/sqlite-harness.ts";
import { databaseFromEnv } from "./from-env.ts";

function errorOf(env: Record<string, string>): SpineError {
  try {
    databaseFromEnv(env);
  } catch (error) {
    if (SpineError.is(error)) return error;
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

test.each([
  "postgres://spine:s3cr3t@db.example:5432/spine",
  "postgresql://spine:s3cr3t/with@and:more@db.example/spine",
  "POSTGRES://:s3cr3t@db.example/spine",
  "db2://db.example:50000/SPINE?user=u&password=s3cr3t",
])("%s is not supported yet, and its password is not shown", (url) => {
  const error = errorOf({ SPINE_DB_URL: url });
  expect(error.code).toBe("DATABASE_UNSUPPORTED");
  expect(error.message).toContain("SPINE_DB_URL");
  expect(error.message).toContain("db.example");
  expect(JSON.stringify(error)).not.toMatch(/s3cr3t|more/);
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

test("the variables of a server are named, without their values", () => {
  const error = errorOf({ SPINE_DB_HOST: "db.example", SPINE_DB_PASSWORD: "s3cr3t" });
  expect(error.code).toBe("DATABASE_UNSUPPORTED");
  expect(error.message).toContain("SPINE_DB_HOST, SPINE_DB_PASSWORD name a database server");
  expect(JSON.stringify(error)).not.toContain("s3cr3t");
});

test("the URL goes before the variables of a server", () => {
  const env = { SPINE_DB_URL: "sqlite::memory:", SPINE_DB_HOST: "db.example" };
  expect(databaseFromEnv(env).dialect).toBe("sqlite");
});
