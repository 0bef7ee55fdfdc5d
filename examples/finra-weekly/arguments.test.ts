import { expect, test } from "vitest";
import { readArguments } from "./arguments.ts";

test("reads what is given, with paths from where npm was called", () => {
  expect(readArguments(["--file", "a.csv", "--db", "x.db", "--json"], "/data")).toMatchObject({
    file: "/data/a.csv",
    db: "/data/x.db",
    json: true,
    once: false,
    port: 4111,
    live: false,
    weekEnding: null,
    lastUpdateDate: null,
  });
  const named = ["--file", "a.csv", "--week-ending", "2025-11-14", "--last-update-date", "2025-12-22"];
  expect(readArguments(named)).toMatchObject({ weekEnding: "2025-11-14", lastUpdateDate: "2025-12-22" });
});

test("--live takes a week, and is off unless it is said", () => {
  expect(readArguments([])).toMatchObject({ file: null, live: false });
  expect(readArguments(["--live"])).toMatchObject({ file: null, live: true, weekEnding: null });
  expect(readArguments(["--live", "--week-ending", "2025-11-14"])).toMatchObject({
    weekEnding: "2025-11-14",
  });
});

test.each<[why: string, ...args: string[]]>([
  ["Unknown option '--fiel'", "--fiel", "x"],
  ["argument missing", "--file"],
  ["name it with --file", "--week-ending", "2025-11-14"],
  ["is not a date", "--file", "x", "--week-ending", "soon"],
  ["is not a date", "--live", "--week-ending", "soon"],
  ["exclude each other", "--live", "--file", "x"],
  ["is about a file", "--live", "--week-ending", "2025-11-14", "--last-update-date", "2025-12-22"],
  ["name it with --week-ending", "--file", "x", "--last-update-date", "2025-12-22"],
  ["is not a date", "--file", "x", "--week-ending", "2025-11-14", "--last-update-date", "soon"],
  ["--file is empty: give the path", "--file", ""],
  ["--port is", "--port", "http"],
  ["--port is", "--port", "70000"],
  ["--db is empty: give the path", "--db", ""],
  ["give the path of a file", "--db", ":memory:"],
])("refuses, and says %s", (why, ...args) => {
  expect(() => readArguments(args)).toThrow(why);
});
