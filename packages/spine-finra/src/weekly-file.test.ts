import { existsSync } from "node:fs";
import { mkdtemp, open, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { fromUnits, Rejection, SpineError, toUnits } from "spine-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateWeek } from "./testing/generate-week.ts";
import { writeWeekFile } from "./testing/write-week-file.ts";
import { TIERS } from "./tiers.ts";
import { toTradeActivity } from "./trade-activity.ts";
import { describeFile } from "./weekly-file.ts";
import { WEEKLY_FILE_COLUMNS } from "./weekly-file-columns.ts";
import { finraWeeklyFile } from "./weekly-file-source.ts";

const HEADER = WEEKLY_FILE_COLUMNS.join("|");
const ROW = "OTC|AABB|Asia Broadband Inc Common Stock|OTCN OTC LINK NQB IDQS|OTCN|6753871|171|2025-12-15";

/** What each error says to do: to a caller of the API as well as to one of a command that has no options for it. */
const ADVICE: Readonly<Record<string, RegExp>> = {
  SOURCE_EMPTY: /Its download did not finish\. Get it again/,
  SOURCE_NO_ROWS: /Get it again from FINRA's OTC Transparency site/,
  SOURCE_HEADER: /Check that it is a weekly file/,
  SOURCE_DELIMITER: /spreadsheet.*Get it again/,
  SOURCE_ENCODING: /UTF-8.*Get it again/,
  SOURCE_TRUNCATED: /end is missing\. Get it again/,
  SOURCE_LINE_TOO_LONG: /line ends were lost\. Get it again/,
  SOURCE_MALFORMED: /[Gg]et it again|name the week that they are of/,
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "spine-finra-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function file(content: string | Uint8Array, name = "week.csv"): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function failure(path: string): Promise<SpineError> {
  const error: unknown = await describeFile(path).catch((thrown: unknown) => thrown);
  if (!SpineError.is(error)) throw new Error(`expected a SpineError, got ${String(error)}`);
  return error;
}

describe("describeFile", () => {
  it.each(TIERS)("knows the tier and the week of a generated file of %s", async (tier) => {
    const path = await writeWeekFile({ folder, weekStart: "2023-05-29", tier, symbols: 20 });
    expect(await describeFile(path)).toEqual({
      path,
      tier,
      week_start: "2023-05-29",
      week_ending: "2023-06-02",
      // Three weeks later is Juneteenth; five weeks later is not a holiday.
      last_update_date: tier === "T1" ? "2023-06-20" : "2023-07-03",
    });
  });

  it("makes a relative path absolute", async () => {
    const path = await file(`${HEADER}\n${ROW}\n`);
    expect(await describeFile(relative(process.cwd(), path))).toMatchObject({
      path,
      week_start: "2025-11-10",
    });
  });

  it("takes CRLF and a byte order mark", async () => {
    expect(await describeFile(await file(`\uFEFF${HEADER}\r\n${ROW}\r\n`))).toMatchObject({ tier: "OTCE" });
  });

  it("looks past malformed rows at the top", async () => {
    expect(await describeFile(await file(`${HEADER}\nOTC|X\n${ROW}\n`))).toMatchObject({ tier: "OTCE" });
  });

  it("goes by what most rows say: an odd one at the top does not speak for the file", async () => {
    const rows = `${ROW}\n`.repeat(3);
    for (const odd of [
      ROW.replace("2025-12-15", "2025-12-24"),
      ROW.replace("2025-12-15", "2025-12-22"),
      ROW.replace("2025-12-15", "15.12.2025"),
      ROW.replace("OTC|", "XX|"),
      ROW.replace("OTC|", "NMS Tier 1|"),
    ]) {
      const path = await file(`${HEADER}\n${odd}\n${rows}`);
      const week = { tier: "OTCE", week_start: "2025-11-10" };
      expect(await describeFile(path), odd).toMatchObject({ ...week, last_update_date: "2025-12-15" });
      const named = await describeFile(path, { weekEnding: "2025-11-14" });
      expect(named, odd).toMatchObject({ ...week, last_update_date: null });
    }
  });

  it("is told the week of a restated file, and refuses one that was not published by then", async () => {
    const path = await file(`${HEADER}\n${ROW.replace("2025-12-15", "2026-01-08")}\n`);
    const restated = { path, tier: "OTCE", week_start: "2025-11-10", week_ending: "2025-11-14" };
    for (const weekEnding of ["2025-11-10", "2025-11-14", "2025-11-16"]) {
      expect(await describeFile(path, { weekEnding })).toEqual({ ...restated, last_update_date: null });
    }
    for (const weekEnding of ["2025-12-12", "14.11.2025"]) {
      await expect(describeFile(path, { weekEnding })).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
    }
  });

  it("does not read the rest of a large file", async () => {
    const path = await file(`${HEADER}\n${`${ROW}\n`.repeat(5_000)}`, "large.csv");
    const handle = await open(path, "r+");
    // A sparse gigabyte: reading it would take seconds, and its NULs would be refused.
    await handle.truncate(1 << 30);
    await handle.close();
    const began = performance.now();
    expect(await describeFile(path)).toMatchObject({ tier: "OTCE" });
    expect(performance.now() - began).toBeLessThan(500);
  });

  it.each<[string, string, string | Uint8Array]>([
    ["an empty file", "SOURCE_EMPTY", ""],
    ["a header without rows", "SOURCE_NO_ROWS", `${HEADER}\n`],
    ["another header", "SOURCE_HEADER", `Date|Symbol|ShortVolume\n20200102|A|1\n`],
    [
      "columns in another order",
      "SOURCE_HEADER",
      `${[...WEEKLY_FILE_COLUMNS].reverse().join("|")}\n${ROW}\n`,
    ],
    ["commas", "SOURCE_DELIMITER", `${HEADER.replaceAll("|", ",")}\n${ROW.replaceAll("|", ",")}\n`],
    [
      "bytes that are not UTF-8",
      "SOURCE_ENCODING",
      Buffer.from(`${HEADER}\n${ROW.replace("Asia", "As\xefa")}\n`, "latin1"),
    ],
    ["a file cut off in its first row", "SOURCE_TRUNCATED", `${HEADER}\n${ROW.slice(0, 40)}`],
    ["a file cut off in the date", "SOURCE_TRUNCATED", `${HEADER}\n${ROW.slice(0, -1)}`],
    ["a line of 100 MB", "SOURCE_LINE_TOO_LONG", `${HEADER}\n${"x".repeat(100_000_000)}\n`],
    ["an unknown tier", "SOURCE_MALFORMED", `${HEADER}\n${ROW.replace("OTC|", "NMS Tier 3|")}\n`],
    ["a date that does not exist", "SOURCE_MALFORMED", `${HEADER}\n${ROW.replace("12-15", "02-30")}\n`],
    [
      "a date that is no publication day",
      "SOURCE_MALFORMED",
      `${HEADER}\n${ROW.replace("12-15", "12-18")}\n`,
    ],
    ["nothing but malformed rows", "SOURCE_MALFORMED", `${HEADER}\n${"OTC|X\n".repeat(200)}`],
  ])("refuses %s (%s)", async (_what, code, content) => {
    const path = await file(content);
    const error = await failure(path);
    expect([error.code, error.category, error.retryable]).toEqual([code, "SOURCE", false]);
    expect(error.context.path).toBe(path);
    expect(error.message).toMatch(ADVICE[code] ?? /^no advice is known for this code$/);
    expect(error.message).not.toMatch(/allowNoRows|delimiter`|encoding`|columns`|maxLineBytes|roots/);
  });

  it("refuses a path at which there is no file", async () => {
    expect((await failure(join(folder, "missing.csv"))).code).toBe("SOURCE_NOT_FOUND");
    expect((await failure(folder)).code).toBe("SOURCE_NOT_A_FILE");
  });
});

describe("finraWeeklyFile", () => {
  const read = async (path: string, roots = [folder]) => {
    const rows = [];
    const rejects = [];
    for await (const page of finraWeeklyFile({ roots }).stream({ path })) {
      rows.push(...page.rows);
      rejects.push(...(page.rejects ?? []));
    }
    return { rows, rejects };
  };

  it("takes quotes for what they are and keeps every blank", async () => {
    const odd = 'OTC|TRUE|"Quoted, Inc." Common  "A|OTCN OTC LINK|OTCN|120000.5|1|2025-12-15';
    const { rows } = await read(await file(`${HEADER}\n${odd}\n${ROW}`));
    expect(rows.map((row) => Object.values(row).join("|"))).toEqual([odd, ROW]);
  });

  it("takes a last row without a newline, but not a part of one", async () => {
    expect((await read(await file(`${HEADER}\n${ROW}\n${ROW}`))).rows).toHaveLength(2);
    for (let cut = 1; cut < ROW.length; cut++) {
      const path = await file(`${HEADER}\n${ROW}\n${ROW.slice(0, -cut)}`);
      await expect(read(path), ROW.slice(0, -cut)).rejects.toMatchObject({ code: "SOURCE_TRUNCATED" });
    }
  });

  it("stays in its folders, through links too", async () => {
    const outside = await mkdtemp(join(tmpdir(), "spine-finra-outside-"));
    try {
      const secret = join(outside, "week.csv");
      await writeFile(secret, `${HEADER}\n${ROW}\n`);
      await symlink(secret, join(folder, "link.csv"));
      for (const path of [secret, "../x/week.csv", join(folder, "link.csv")]) {
        await expect(read(path)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
      }
    } finally {
      await rm(outside, { recursive: true });
    }
  });

  it("reads a generated week and refuses its ragged rows with their lines", async () => {
    const options = { weekStart: "2025-11-10", tier: "OTCE", symbols: 50, dirty: { RAGGED_ROW: 2 } } as const;
    const { expected } = generateWeek(options);
    const { rows, rejects } = await read(await writeWeekFile({ ...options, folder }));
    expect(rows).toHaveLength(expected.rows);
    expect(rejects.map(({ code, line }) => [code, typeof line])).toEqual([
      ["RAGGED_ROW", "number"],
      ["RAGGED_ROW", "number"],
    ]);
  });
});

const real = fileURLToPath(new URL("../../../../shared/data/finra-otc-weekly", import.meta.url));
const present = existsSync(real);

describe.skipIf(!present)(`FINRA's own files${present ? "" : " (skipped: real data not present)"}`, () => {
  it.each([
    [
      "20251215",
      "2025-11-10",
      "2025-11-14",
      { rows: 5328, shares: "1335995901", trades: 472_776, symbols: 3111 },
      [],
    ],
    [
      "20251229",
      "2025-11-24",
      "2025-11-28",
      { rows: 4654, shares: "997402635", trades: 309_888, symbols: 2714 },
      ["INVALID_SYMBOL"],
    ],
  ])("%s", async (stamp, week_start, week_ending, golden, codes) => {
    const path = join(real, `finra_otc_weekly_otc_${stamp}.csv`);
    const described = await describeFile(path);
    const last_update_date = `${stamp.slice(0, 4)}-${stamp.slice(4, 6)}-${stamp.slice(6)}`;
    expect(described).toEqual({ path, tier: "OTCE", week_start, week_ending, last_update_date });

    const rejected: string[] = [];
    const symbols = new Set<string>();
    let [rows, trades, units] = [0, 0, 0n];
    for await (const page of finraWeeklyFile({ roots: [real] }).stream({ path })) {
      for (const row of page.rows) {
        const made = toTradeActivity(row, { params: described });
        if (made instanceof Rejection) {
          rejected.push(made.code);
          continue;
        }
        rows += 1;
        trades += made.trades;
        units += toUnits(made.shares, 6);
        symbols.add(made.symbol);
      }
      rejected.push(...(page.rejects ?? []).map(({ code }) => code));
    }
    expect({ rows, shares: fromUnits(units, 6), trades, symbols: symbols.size }).toEqual(golden);
    expect(rejected).toEqual(codes);
  });
});
