import { createHash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { encodeJson, type Row, ValidationError } from "spine-core";

/** A chunk as it is stored. */
export interface EncodedChunk {
  readonly data: Uint8Array;
  /** Over the uncompressed encoding: equal rows have an equal hash, whatever compresses them. */
  readonly hash: string;
  /** The lines as JSON text, in runs; null where there are none. */
  readonly lines: string | null;
}

/** Consecutive rows with the same keys in the same order, column by column: half the size of rows as objects. */
interface Block {
  readonly keys: readonly string[];
  readonly rows: number;
  readonly columns: readonly (readonly unknown[])[];
}

/** The first position of a run of consecutive lines, and the line there. */
type LineRun = readonly [position: number, line: number];

const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };
const CELL_LIMITS = { maxLength: 16 * 1024 * 1024, maxDepth: 64 };

/**
 * Encodes rows for storage. Keys with the value `undefined` are left out, as JSON does.
 *
 * @throws ValidationError PAYLOAD_INVALID that names the row and the column of a value that JSON cannot hold.
 */
export function encodeChunk(rows: readonly Row[], lines: readonly number[] | null): EncodedChunk {
  if (lines && lines.length !== rows.length) {
    throw new ValidationError(
      `A chunk has ${rows.length} rows and ${lines.length} lines; they are parallel.`,
      {
        code: "PAYLOAD_INVALID",
      },
    );
  }
  const text = Buffer.from(JSON.stringify(toBlocks(rows)));
  return {
    data: zstdCompressSync(text, LEVEL),
    hash: createHash("sha256").update(text).digest("hex"),
    lines: lines && JSON.stringify(toRuns(lines)),
  };
}

/** The rows of a stored chunk. */
export function decodeRows(data: Uint8Array): readonly Row[] {
  const blocks = JSON.parse(zstdDecompressSync(data).toString()) as readonly Block[];
  return blocks.flatMap(({ keys, rows, columns }) => {
    const decoded: Row[] = [];
    for (let index = 0; index < rows; index += 1) {
      const row: Record<string, unknown> = {};
      for (const [position, key] of keys.entries()) row[key] = columns[position]?.[index];
      decoded.push(row);
    }
    return decoded;
  });
}

/** The lines of a stored chunk of so many rows. */
export function decodeLines(text: string | null, rows: number): readonly number[] | null {
  if (text === null) return null;
  const runs = JSON.parse(text) as readonly LineRun[];
  return runs.flatMap(([start, line], index) => {
    const end = runs[index + 1]?.[0] ?? rows;
    return Array.from({ length: end - start }, (_, offset) => line + offset);
  });
}

function toBlocks(rows: readonly Row[]): readonly Block[] {
  const blocks: { keys: string[]; rows: number; columns: unknown[][] }[] = [];
  let block: (typeof blocks)[number] | undefined;
  for (const [index, row] of rows.entries()) {
    const keys = keysOf(row);
    if (!block || !sameKeys(block.keys, keys)) {
      block = { keys, rows: 0, columns: keys.map(() => []) };
      blocks.push(block);
    }
    block.rows += 1;
    for (const [position, key] of keys.entries()) {
      block.columns[position]?.push(checkCell(row[key], index, key));
    }
  }
  return blocks;
}

/** `__proto__` would change the prototype of the row that is built from it. */
function keysOf(row: Row): string[] {
  return Object.keys(row).filter((key) => row[key] !== undefined && key !== "__proto__");
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}

function checkCell(value: unknown, row: number, column: string): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      break;
    default:
      if (value === null) return value;
  }
  // Throws for what JSON cannot hold, at any depth.
  return JSON.parse(encodeJson(value, `column "${column}" of row ${row + 1}`, CELL_LIMITS)) as unknown;
}

function toRuns(lines: readonly number[]): readonly LineRun[] {
  const runs: LineRun[] = [];
  for (const [position, line] of lines.entries()) {
    if (position === 0 || line !== (lines[position - 1] ?? 0) + 1) runs.push([position, line]);
  }
  return runs;
}
