import { writeFile } from "node:fs/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { Page } from "spine-core";
import { fileSource } from "../file-source.ts";
import { cutAt, mutate } from "./fuzz-changes.ts";
import { codeOf, demand, summary } from "./fuzz-outcome.ts";

const packedRows = Array.from({ length: 40 }, (_none, index) => ({
  id: `${index}`,
  name: `n${index * 7919}`,
}));
const packedText = packedRows.map((row) => `${JSON.stringify(row)}\n`).join("");
const PACKED: readonly (readonly [name: string, bytes: Buffer, checked: boolean])[] = [
  ["rows.jsonl.gz", gzipSync(packedText), true],
  ["rows.jsonl.zst", zstdCompressSync(packedText), false],
  [
    "rows.parquet",
    Buffer.from(
      parquetWriteBuffer({
        columnData: [
          { name: "id", data: packedRows.map(({ id }) => id), type: "STRING" },
          { name: "name", data: packedRows.map(({ name }) => name), type: "STRING" },
          { name: "n", data: packedRows.map((_row, index) => BigInt(index)), type: "INT64" },
          { name: "x", data: packedRows.map((_row, index) => index / 8), type: "DOUBLE" },
        ],
        rowGroupSize: 15,
      }),
    ),
    false,
  ],
];

/** Binary files with bytes changed: an error, or (where the format has a checksum) the very rows. */
export const packed = fc.record({
  which: fc.integer({ min: 0, max: PACKED.length - 1 }),
  changes: fc.array(
    fc.tuple(fc.constantFrom("cut", "insert", "replace", "remove"), cutAt, fc.integer({ min: 0, max: 255 })),
    { minLength: 1, maxLength: 3 },
  ),
});

export async function checkPacked(
  folder: string,
  { which, changes }: { which: number; changes: [string, number, number][] },
): Promise<void> {
  const [name, bytes, checked] = PACKED[which] ?? (PACKED[0] as (typeof PACKED)[number]);
  const path = `${folder}/${name}`;
  await writeFile(path, mutate(bytes, changes));
  const pages: Page[] = [];
  try {
    for await (const page of fileSource({ roots: [folder], maxRowGroupBytes: 16 * 1024 * 1024 }).stream({
      path,
    }))
      pages.push(page);
  } catch (error) {
    codeOf(error);
    return;
  }
  const { rows, rejected } = summary(pages);
  demand(rows.length + rejected.length > 0, "nothing", name);
  if (checked) demand(JSON.stringify(rows) === JSON.stringify(packedRows), "other rows", rows);
}
