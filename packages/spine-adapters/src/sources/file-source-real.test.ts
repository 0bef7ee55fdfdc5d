import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { FileCursor } from "./file-cursor.ts";
import { fileSource } from "./file-source.ts";
import type { FileSourceOptions } from "./file-source-options.ts";
import { readPath } from "./testing/scratch-file.ts";

// Real files are not part of the repository: they lie beside it where they have been collected.
const data = fileURLToPath(new URL("../../../../../shared/data/", import.meta.url));
const absent = (folder: string): boolean => !existsSync(`${data}${folder}`);
const note = "(skipped: real data not present)";

const finra: FileSourceOptions = { format: "psv", quote: null };

describe("real files", () => {
  test.skipIf(absent("finra-otc-weekly"))(`FINRA OTC weekly ${note}`, async () => {
    const columns = [
      "tierDescription",
      "issueSymbolIdentifier",
      "issueName",
      "marketParticipantName",
      "MPID",
      "totalWeeklyShareQuantity",
      "totalWeeklyTradeCount",
      "lastUpdateDate",
    ];
    const options: FileSourceOptions = {
      ...finra,
      columns,
      lastRow: ({ lastUpdateDate }) =>
        /^\d{4}-\d\d-\d\d$/.test(String(lastUpdateDate)) ? null : "no whole date",
    };
    const folder = `${data}finra-otc-weekly/`;
    const november10 = await readPath(`${folder}finra_otc_weekly_otc_20251215.csv`, options);
    const november24 = await readPath(`${folder}finra_otc_weekly_otc_20251229.csv`, options);
    const shares = ({ rows }: typeof november10): number =>
      rows.reduce((sum, row) => sum + Number(row.totalWeeklyShareQuantity), 0);
    expect([november10.rows.length, november10.rejects.length]).toEqual([5328, 0]);
    expect([november24.rows.length, november24.rejects.length]).toEqual([4655, 0]);
    expect(shares(november10)).toBe(1_335_995_901);
    // The last row has no symbol: whether it is accepted is not for the source to say.
    expect(november24.rows.at(-1)).toMatchObject({
      issueSymbolIdentifier: "",
      totalWeeklyShareQuantity: "1",
    });
    expect(november24.lines.at(-1)).toBe(4656);
    await expect(readPath(`${folder}finra_otc_weekly_otc_20251215.csv`, { columns })).rejects.toMatchObject({
      code: "SOURCE_DELIMITER",
    });
  });

  test.skipIf(absent("finra-regsho-daily"))(`FINRA Reg SHO daily: the trailers agree ${note}`, async () => {
    const folder = `${data}finra-regsho-daily/`;
    for (const name of await readdir(folder)) {
      const text = await readFile(folder + name, "latin1");
      const trailer = Number(text.trimEnd().split("\r\n").at(-1));
      const { rows, rejects } = await readPath(folder + name, {
        ...finra,
        trailer: "count",
        allowNoRows: true,
      });
      expect([name, rows.length, rejects.length]).toEqual([name, trailer, 0]);
      expect(rows.every((row) => !String(Object.values(row).at(-1)).includes("\r"))).toBe(true);
    }
    const consolidated = await readPath(`${folder}CNMSshvol20200102.txt`, { ...finra, trailer: "count" });
    const symbols = new Set(consolidated.rows.map((row) => row.Symbol));
    expect(symbols.size).toBe(8172);
    for (const symbol of ["TRUE", "NAN", "INF", "BCPC", "BCpC", "ACEL/WS"]) expect(symbols).toContain(symbol);
  });

  test.skipIf(absent("prices-dirty-yahoo"))(
    `dirty Yahoo prices: rows + rejects = records ${note}`,
    async () => {
      const folder = `${data}prices-dirty-yahoo/`;
      for (const name of await readdir(folder)) {
        const records = (await readFile(folder + name, "utf8"))
          .split("\n")
          .filter((line) => line.trim() !== "");
        const { rows, rejects } = await readPath(folder + name);
        expect([name, rows.length + rejects.length]).toEqual([name, records.length - 1]);
        const restored = rows.map((row) => Object.values(row).join(","));
        expect(restored).toEqual(records.slice(1));
      }
    },
  );

  test.skipIf(absent("prices-vix"))(`VIX ${note}`, async () => {
    const { rows, lines } = await readPath(`${data}prices-vix/vix-daily.csv`);
    expect(rows).toHaveLength(9235);
    expect(rows[0]).toMatchObject({ DATE: "1990-01-02", CLOSE: "17.240000" });
    expect(lines.at(-1)).toBe(9236);
  });

  test.skipIf(absent("alpha-vantage-recorded"))(`Alpha Vantage JSON is one record ${note}`, async () => {
    const { rows } = await readPath(`${data}alpha-vantage-recorded/intraday_1min_MSFT_20171218.json`);
    expect(rows).toHaveLength(1);
    expect(Object.keys(rows[0] ?? {})).toEqual(["Meta Data", "Time Series (1min)"]);
  });

  test.skipIf(absent("prices-us-daily"))(`Yahoo crawls, all as one source ${note}`, async () => {
    const folder = `${data}prices-us-daily/`;
    const options: FileSourceOptions = {
      roots: [folder],
      repeatedHeader: "skip",
      allowEmpty: true,
      columns: ["symbol", "date", "open", "high", "low", "close", "volume", "adj_close"],
    };
    // What there is, counted by something else.
    const names = (await readdir(folder)).filter((name) => name.endsWith(".gz")).sort();
    const lines = new Map(
      names.map((name) => {
        const text = gunzipSync(readFileSync(folder + name)).toString();
        return [
          name,
          text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("symbol,")),
        ] as const;
      }),
    );
    const expected = [...lines.values()].reduce((sum, { length }) => sum + length, 0);
    expect([names.length, expected]).toEqual([69, 829_194]);

    let rows = 0;
    let rejects = 0;
    const files = new Set<string>();
    const hash = createHash("sha256");
    for await (const page of fileSource(options).stream({ glob: "prices-*.csv.gz" })) {
      rows += page.rows.length;
      rejects += page.rejects?.length ?? 0;
      files.add((page.cursor as FileCursor).among?.file ?? "");
      hash.update(page.rows.map((row) => `${Object.values(row).join(",")}\n`).join(""));
    }
    expect([rows, rejects]).toEqual([expected, 0]);
    // Two of them are empty.
    expect(files.size).toBe(67);
    const whole = createHash("sha256");
    for (const each of lines.values()) whole.update(each.map((line) => `${line}\n`).join(""));
    expect(hash.digest("hex")).toBe(whole.digest("hex"));

    // Crawls that were appended: without being told, their header is a reject.
    const joined = await readPath(`${folder}prices-20150406.csv.gz`);
    expect(joined.rejects.map(({ code }) => code)).toEqual(["REPEATED_HEADER"]);
    expect(joined.rejects[0]?.line).toBe(12_089);
    expect(joined.rows).toHaveLength(lines.get("prices-20150406.csv.gz")?.length ?? 0);
    await expect(readPath(`${folder}prices-20150610.csv.gz`)).rejects.toMatchObject({ code: "SOURCE_EMPTY" });
  });
});
