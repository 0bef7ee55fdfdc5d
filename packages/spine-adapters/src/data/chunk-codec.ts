import { createHash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type DatasetSchema, encodeJson, type JsonType, type Row, ValidationError } from "spine-core";

/** A chunk as it is stored. */
export interface EncodedChunk {
  readonly data: Uint8Array;
  /** Over the uncompressed encoding: equal rows have an equal hash, whatever compresses them. */
  readonly hash: string;
  /** The lines as JSON text, in runs; null where there are none. */
  readonly lines: string | null;
  /** The columns with the types seen in each, as `mergeColumns` takes them. */
  readonly columns: string;
}

/** Consecutive rows with the same keys in the same order, column by column: half the size of rows as objects. */
interface Block {
  readonly keys: readonly string[];
  readonly rows: number;
  readonly columns: readonly (readonly unknown[])[];
}

/** A block while it is filled, with the types of each column as bits. */
interface OpenBlock {
  readonly keys: string[];
  rows: number;
  readonly columns: unknown[][];
  readonly types: number[];
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
  const blocks = toBlocks(rows);
  const stored: Block[] = blocks.map(({ keys, rows: count, columns }) => ({ keys, rows: count, columns }));
  const text = Buffer.from(JSON.stringify(stored));
  return {
    data: zstdCompressSync(text, LEVEL),
    hash: hashOf(text),
    lines: lines && JSON.stringify(toRuns(lines)),
    columns: JSON.stringify(typesOf(blocks)),
  };
}

function hashOf(text: Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The rows of a stored chunk. Throws when they are not those that have this hash. */
export function decodeRows(data: Uint8Array, hash: string): readonly Row[] {
  const text = zstdDecompressSync(data);
  if (hashOf(text) !== hash) throw new Error("The rows have another hash than when they were stored.");
  const blocks = JSON.parse(text.toString()) as readonly Block[];
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

function toBlocks(rows: readonly Row[]): readonly OpenBlock[] {
  const blocks: OpenBlock[] = [];
  let block: OpenBlock | undefined;
  for (const [index, row] of rows.entries()) {
    const keys = keysOf(row);
    if (!block || !sameKeys(block.keys, keys)) {
      block = { keys, rows: 0, columns: keys.map(() => []), types: keys.map(() => 0) };
      blocks.push(block);
    }
    block.rows += 1;
    for (const [position, key] of keys.entries()) {
      const cell = checkCell(row[key], index, key);
      block.columns[position]?.push(cell);
      block.types[position] = (block.types[position] ?? 0) | bitOf(cell);
    }
  }
  return blocks;
}

/** The types of columns in the order of their bits. */
const TYPES = [
  "array",
  "boolean",
  "null",
  "number",
  "object",
  "string",
] as const satisfies readonly JsonType[];
/** Columns whose types are kept: rows may have any keys. */
const MOST_COLUMNS = 1_000;

function bitOf(cell: unknown): number {
  const type = typeof cell;
  if (type === "string") return 32;
  if (type === "number") return 8;
  if (cell === null) return 4;
  if (type === "boolean") return 2;
  return Array.isArray(cell) ? 1 : 16;
}

/** By column, the bits of its types. */
function typesOf(blocks: readonly OpenBlock[]): readonly (readonly [column: string, types: number])[] {
  const found = new Map<string, number>();
  for (const { keys, types } of blocks) {
    for (const [position, key] of keys.entries()) {
      const before = found.get(key);
      if (before === undefined && found.size === MOST_COLUMNS) continue;
      found.set(key, (before ?? 0) | (types[position] ?? 0));
    }
  }
  return [...found];
}

/** The columns of a dataset from those of its chunks; chunks of an older version have none. */
export function mergeColumns(chunks: readonly (string | null)[]): DatasetSchema {
  const merged = new Map<string, number>();
  for (const chunk of chunks) {
    if (chunk === null) continue;
    for (const [column, types] of JSON.parse(chunk) as readonly (readonly [string, number])[]) {
      const before = merged.get(column);
      if (before === undefined && merged.size === MOST_COLUMNS) continue;
      merged.set(column, (before ?? 0) | types);
    }
  }
  return Object.fromEntries([...merged].map(([column, bits]) => [column, namesOf(bits)]));
}

function namesOf(bits: number): readonly JsonType[] {
  return TYPES.filter((_, index) => (bits & (1 << index)) !== 0);
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
