import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { SAMPLE_WEEK, writeWeekFile } from "spine-finra/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { start, temporaryFolder } from "./testing/command.ts";
import { query, tableHash } from "./testing/inspect.ts";

const HEADER =
  "tierDescription|issueSymbolIdentifier|issueName|marketParticipantName|MPID|totalWeeklyShareQuantity|totalWeeklyTradeCount|lastUpdateDate\n";
const ROW = "OTC|AABB|Asia Broadband Inc Common Stock|OTCN OTC LINK NQB IDQS|OTCN|6753871|171|2025-12-15\n";

const folder = temporaryFolder();
const db = join(folder.path, "spine.db");
let before = "";

beforeAll(async () => {
  const good = await writeWeekFile({ folder: folder.path, weekStart: SAMPLE_WEEK, tier: "OTCE" });
  expect((await start(["--db", db, "--file", good])).code).toBe(0);
  before = tableHash(db);
});
afterAll(() => folder[Symbol.dispose]());

/** Each writes a bad file to the path it is given. */
const cases: readonly (readonly [what: string, code: RegExp, make: (path: string) => void])[] = [
  ["a missing file", /^SOURCE_NOT_FOUND$/, () => {}],
  ["a directory", /^SOURCE_NOT_A_FILE$/, (path) => mkdirSync(path)],
  ["an empty file", /^SOURCE_EMPTY$/, (path) => writeFileSync(path, "")],
  ["a wrong header", /^SOURCE_HEADER$/, (path) => writeFileSync(path, `a|b|c\n${ROW}`)],
  [
    "a wrong delimiter",
    /^SOURCE_DELIMITER$/,
    (path) => writeFileSync(path, (HEADER + ROW).replaceAll("|", ",")),
  ],
  ["no data row", /^SOURCE_NO_ROWS$/, (path) => writeFileSync(path, HEADER)],
  [
    "a last line cut between fields",
    /^SOURCE_TRUNCATED$/,
    (path) => writeFileSync(path, HEADER + ROW + ROW.slice(0, 30)),
  ],
  [
    "a last line cut inside its date",
    /^SOURCE_TRUNCATED$/,
    (path) => writeFileSync(path, HEADER + ROW + ROW.slice(0, -3)),
  ],
  [
    "Latin-1 in the first row",
    /^SOURCE_ENCODING$/,
    (path) => writeFileSync(path, HEADER + ROW.replace("Asia", "Asiá"), "latin1"),
  ],
  [
    "Latin-1 deep in the file",
    /^SOURCE_ENCODING$/,
    (path) => writeFileSync(path, HEADER + ROW.repeat(20_000) + ROW.replace("Asia", "Asiá"), "latin1"),
  ],
  ["UTF-16", /^SOURCE_ENCODING$/, (path) => writeFileSync(path, `\ufeff${HEADER}${ROW}`, "utf16le")],
  [
    "a line of 100 MB",
    /^SOURCE_LINE_TOO_LONG$/,
    (path) => {
      writeFileSync(path, HEADER + ROW);
      const handle = openSync(path, "a");
      for (let i = 0; i < 100; i++) writeSync(handle, "x".repeat(1024 * 1024));
      closeSync(handle);
    },
  ],
  ["an unknown tier", /./, (path) => writeFileSync(path, HEADER + ROW.replace("OTC|", "NMS Tier 9|"))],
  ["no valid date", /./, (path) => writeFileSync(path, HEADER + ROW.replace("2025-12-15", "15.12.2025"))],
  [
    "nothing but rejected rows",
    /^QUALITY_FAILED$/,
    (path) => writeFileSync(path, HEADER + ROW.replace("|AABB|", "||")),
  ],
];

describe("bad input", () => {
  test.each(cases)("%s: a clear error, exit code 1, the target as it was", async (what, code, make) => {
    const path = join(folder.path, `${what.replaceAll(/[^a-z0-9]+/gi, "-")}.csv`);
    make(path);
    const { code: exit, summary, stderr } = await start(["--db", db, "--file", path]);
    expect(exit, stderr).toBe(1);
    expect(summary).toMatchObject({ status: "FAILED", error_code: expect.stringMatching(code) });
    expect(summary.error_category).toMatch(/^[A-Z_]+$/);
    // What happened, where, and what to do: more than a word.
    expect(summary.error.length).toBeGreaterThan(40);
    expect(stderr).toContain(summary.error_code);
    expect(tableHash(db)).toBe(before);
  });

  test("rows of another tier or date are rejected with their reason, the others are loaded", async () => {
    const path = join(folder.path, "mixed.csv");
    const other = ROW.replace("AABB", "ZZZZ");
    writeFileSync(
      path,
      HEADER +
        ROW +
        other.replace("OTC|", "NMS Tier 1|") +
        other.replace("2025-12-15", "2025-12-22") +
        "OTC|short\n",
    );
    const fresh = join(folder.path, "mixed.db");
    const { code, summary } = await start(["--db", fresh, "--file", path]);
    expect(code).toBe(0);
    expect(summary.rows).toEqual({ in: 4, out: 1, rejected: 3 });
    expect(summary.rejects).toEqual({ TIER_MISMATCH: 1, WEEK_MISMATCH: 1, RAGGED_ROW: 1 });
    const lines = query(fresh, "select line from rejects order by line").map((row) => row.line);
    expect(lines).toEqual([3, 4, 5]);
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
