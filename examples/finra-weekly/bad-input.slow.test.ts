import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { SAMPLE_WEEK, writeWeekFile } from "spine-finra/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { start, temporaryFolder } from "./testing/command.ts";
import { query, tableHash } from "./testing/inspect.ts";

const HEADER =
  "tierDescription|issueSymbolIdentifier|issueName|marketParticipantName|MPID|totalWeeklyShareQuantity|totalWeeklyTradeCount|lastUpdateDate\n";
const ROW = "OTC|AABB|Asia Broadband Inc Common Stock|OTCN OTC LINK NQB IDQS|OTCN|6753871|171|2025-12-15\n";

/** So many good rows, of different symbols. */
const rows = (count: number) =>
  Array.from({ length: count }, (_, index) => ROW.replace("AABB", `AA${index}`)).join("");

const folder = temporaryFolder();
const db = join(folder.path, "spine.db");
let before = "";

beforeAll(async () => {
  const good = await writeWeekFile({ folder: folder.path, weekStart: SAMPLE_WEEK, tier: "OTCE" });
  expect((await start(["--db", db, "--file", good])).code).toBe(0);
  before = tableHash(db);
});
afterAll(() => folder[Symbol.dispose]());

const AGAIN = "Get it again from FINRA's OTC Transparency site";

/** Each writes a bad file to the path it is given, and knows what the error says to do. */
const cases: readonly (readonly [
  what: string,
  code: string,
  advice: string,
  make: (path: string) => void,
])[] = [
  ["a missing file", "SOURCE_NOT_FOUND", "Check the path.", () => {}],
  ["a directory", "SOURCE_NOT_A_FILE", "Give the path of one weekly file.", (path) => mkdirSync(path)],
  ["an empty file", "SOURCE_EMPTY", AGAIN, (path) => writeFileSync(path, "")],
  [
    "a wrong header",
    "SOURCE_HEADER",
    "Check that it is a weekly file",
    (path) => writeFileSync(path, `a|b|c\n${ROW}`),
  ],
  [
    "a wrong delimiter",
    "SOURCE_DELIMITER",
    AGAIN,
    (path) => writeFileSync(path, (HEADER + ROW).replaceAll("|", ",")),
  ],
  ["no data row", "SOURCE_NO_ROWS", AGAIN, (path) => writeFileSync(path, HEADER)],
  [
    "a last line cut between fields",
    "SOURCE_TRUNCATED",
    AGAIN,
    (path) => writeFileSync(path, HEADER + ROW + ROW.slice(0, 30)),
  ],
  [
    "a last line cut inside its date",
    "SOURCE_TRUNCATED",
    AGAIN,
    (path) => writeFileSync(path, HEADER + ROW + ROW.slice(0, -3)),
  ],
  [
    "Latin-1 in the first row",
    "SOURCE_ENCODING",
    AGAIN,
    (path) => writeFileSync(path, HEADER + ROW.replace("Asia", "Asiá"), "latin1"),
  ],
  [
    "Latin-1 deep in the file",
    "SOURCE_ENCODING",
    AGAIN,
    (path) => writeFileSync(path, HEADER + ROW.repeat(20_000) + ROW.replace("Asia", "Asiá"), "latin1"),
  ],
  ["UTF-16", "SOURCE_ENCODING", AGAIN, (path) => writeFileSync(path, `\ufeff${HEADER}${ROW}`, "utf16le")],
  [
    "a line of 100 MB",
    "SOURCE_LINE_TOO_LONG",
    AGAIN,
    (path) => {
      writeFileSync(path, HEADER + ROW);
      const handle = openSync(path, "a");
      for (let i = 0; i < 100; i++) writeSync(handle, "x".repeat(1024 * 1024));
      closeSync(handle);
    },
  ],
  [
    "an unknown tier",
    "SOURCE_MALFORMED",
    "Check that it is one of FINRA's weekly files",
    (path) => writeFileSync(path, HEADER + ROW.replace("OTC|", "NMS Tier 9|")),
  ],
  [
    "no date in FINRA's form",
    "SOURCE_MALFORMED",
    "Check that it is one of FINRA's weekly files",
    (path) => writeFileSync(path, HEADER + ROW.replace("2025-12-15", "15.12.2025")),
  ],
  [
    "a date on which no week is first published",
    "SOURCE_MALFORMED",
    "name the week that they are of (--week-ending)",
    (path) => writeFileSync(path, HEADER + ROW.replace("2025-12-15", "2025-12-18")),
  ],
  [
    "no row with eight fields",
    "SOURCE_MALFORMED",
    "Check that it is one of FINRA's weekly files",
    (path) => writeFileSync(path, HEADER + "OTC|X\n".repeat(3)),
  ],
  [
    "nothing but rejected rows",
    "QUALITY_FAILED",
    "Look at the run's rejects",
    (path) => writeFileSync(path, HEADER + ROW.replace("|AABB|", "||")),
  ],
  [
    "more rejected rows than a week can have",
    "QUALITY_FAILED",
    "Look at the run's rejects",
    (path) => writeFileSync(path, HEADER + rows(8) + ROW.replace("2025-12-15", "2025-12-24")),
  ],
];

describe("bad input", () => {
  test.each(cases)(
    "%s: a clear error, exit code 1, the target as it was",
    async (what, code, advice, make) => {
      const path = join(folder.path, `${what.replaceAll(/[^a-z0-9]+/gi, "-")}.csv`);
      make(path);
      const { code: exit, summary, stderr } = await start(["--db", db, "--file", path]);
      expect(exit, stderr).toBe(1);
      expect(summary).toMatchObject({ status: "FAILED", error_code: code });
      expect(summary.error_category).toMatch(/^[A-Z_]+$/);
      expect(summary.error).toContain(advice);
      // Advice that only somebody who writes code could follow is none for whoever typed the command.
      expect(summary.error).not.toMatch(
        /allowNoRows|`delimiter`|`encoding`|`columns`|maxLineBytes|`roots`|week_ending|last_update_date/,
      );
      expect(stderr).toContain(summary.error_code);
      expect(tableHash(db)).toBe(before);
    },
  );

  test("rows of another tier or date are rejected with their reason, the others are loaded", async () => {
    const path = join(folder.path, "mixed.csv");
    const other = ROW.replace("AABB", "ZZZZ");
    writeFileSync(
      path,
      HEADER +
        rows(40) +
        other.replace("OTC|", "NMS Tier 1|") +
        other.replace("2025-12-15", "2025-12-22") +
        "OTC|short\n",
    );
    const fresh = join(folder.path, "mixed.db");
    const { code, summary } = await start(["--db", fresh, "--file", path]);
    expect(code).toBe(0);
    expect(summary.rows).toEqual({ in: 43, out: 40, rejected: 3 });
    expect(summary.rejects).toEqual({ TIER_MISMATCH: 1, WEEK_MISMATCH: 1, RAGGED_ROW: 1 });
    const lines = query(fresh, "select line from rejects order by line").map((row) => row.line);
    expect(lines).toEqual([42, 43, 44]);
    // Seven in a hundred: loaded, and said aloud.
    expect(summary.warnings).toEqual([
      expect.stringContaining("3 of 43 rows refused"),
      expect.stringContaining("--week-ending"),
    ]);
  });

  test("a database below a file is refused with what to do, for a sample week too", async () => {
    const file = join(folder.path, "file.txt");
    writeFileSync(file, "a file");
    const good = join(folder.path, "below.csv");
    writeFileSync(good, HEADER + ROW);
    for (const args of [[], ["--file", good]]) {
      for (const path of [join(file, "x.db"), join(file, "deeper", "x.db")]) {
        const { code, summary } = await start(["--db", path, ...args]);
        expect(code).toBe(1);
        expect(summary).toMatchObject({ status: "FAILED", error_code: "CONFIG_INVALID" });
        expect(summary.error).toContain(path);
        expect(summary.error).toContain("--db PATH");
      }
    }
  });

  test("a database path that is no database is refused and left as it is", async () => {
    const path = join(folder.path, "notes.txt");
    writeFileSync(path, "these are my notes, not a database\n".repeat(100));
    const good = join(folder.path, "good.csv");
    writeFileSync(good, HEADER + ROW);
    const { code, summary } = await start(["--db", path, "--file", good]);
    expect(code).toBe(1);
    expect(summary.error).toContain("notes.txt");
    expect(readFileSync(path, "utf8")).toMatch(/^these are my notes/);
  });
});
