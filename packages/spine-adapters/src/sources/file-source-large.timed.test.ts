import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fileSource } from "./file-source.ts";
import type { FileSourceOptions } from "./file-source-options.ts";
import { scratchDirectory } from "./testing/scratch-file.ts";

const MIB = 1024 * 1024;

/** Writes `begin`, then `piece` until the file has `size` bytes; returns the file's path. */
async function largeFile(name: string, begin: string, piece: string, size: number): Promise<string> {
  const path = join(await scratchDirectory(), name);
  const handle = await open(path, "w");
  const block = Buffer.from(piece.repeat(Math.ceil(MIB / piece.length)));
  await handle.write(begin);
  for (let written = 0; written < size; written += block.length) await handle.write(block);
  await handle.close();
  return path;
}

/** Reads a file, and returns its rows, how much the resident memory grew at most, and the milliseconds. */
async function measure(
  path: string,
  options: FileSourceOptions,
): Promise<[rows: number, growth: number, ms: number]> {
  const before = process.memoryUsage.rss();
  let peak = before;
  let rows = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  const start = performance.now();
  try {
    for await (const page of fileSource({ roots: ["/"], ...options }).stream({ path })) {
      rows += page.rows.length;
      peak = Math.max(peak, process.memoryUsage.rss());
    }
  } finally {
    clearInterval(timer);
  }
  return [rows, peak - before, performance.now() - start];
}

describe("large files", () => {
  const lines: [what: string, name: string, begin: string, piece: string, code: string][] = [
    ["one line", "line.csv", "a,b\n1,2\n", "x", "SOURCE_LINE_TOO_LONG"],
    ["a header without an end", "header.csv", "", "x", "SOURCE_LINE_TOO_LONG"],
    ["an unclosed quote", "quote.csv", 'a,b\n1,2\n"', "1,2\n", "SOURCE_LINE_TOO_LONG"],
    ["malformed quotes", "malformed.csv", 'a,b\n1,2\n"x"y,', "1,2\n", "SOURCE_MALFORMED"],
    ["one line of jsonl", "line.jsonl", '{"a":1}\n{"a":"', "x", "SOURCE_LINE_TOO_LONG"],
    ["one document", "document.json", "[", '{"a":1},', "SOURCE_TOO_LARGE"],
  ];
  test.each(lines)("100 MiB of %s is refused early", async (_what, name, begin, piece, code) => {
    const path = await largeFile(name, begin, piece, 100 * MIB);
    const before = process.memoryUsage.rss();
    const start = performance.now();
    await expect(measure(path, {})).rejects.toMatchObject({ code });
    expect(performance.now() - start).toBeLessThan(2000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MIB);
  });

  const row = "OTC|SYMBOL|Some Company Common Stock|OTCN OTC LINK NQB IDQS|OTCN|1234567|123|2025-12-29\n";
  const header = "tier|symbol|name|participant|mpid|shares|trades|date\n";

  test("memory stays flat over 192 MiB of rows", async () => {
    const path = await largeFile("rows.psv", header, row, 192 * MIB);
    const [rows, growth] = await measure(path, {});
    expect(rows).toBe(192 * Math.ceil(MIB / row.length));
    // As objects they would take several times the size of the file.
    expect(growth).toBeLessThan(256 * MIB);
  });

  test("memory stays flat over 200 MiB of rejects with long lines", async () => {
    const path = await largeFile("rejects.psv", header, `${"x".repeat(100_000)}\n`, 200 * MIB);
    const [rows, growth] = await measure(path, {});
    expect(rows).toBe(0);
    expect(growth).toBeLessThan(180 * MIB);
  });

  test("quoted fields are read at a fair speed", async () => {
    const path = await largeFile(
      "quoted.psv",
      header,
      row.replaceAll("|", '"|"').replace(/^(.*)\n/, '"$1"\r\n'),
      64 * MIB,
    );
    const [rows, , ms] = await measure(path, {});
    expect(rows).toBeGreaterThan(500_000);
    // Far below what is measured on any machine: this is about quadratic behaviour, not about speed.
    expect(ms).toBeLessThan(20_000);
  });
});
