import { isAscii } from "node:buffer";
import { createHash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import {
  type ColumnBlock,
  type DatasetSchema,
  encodeJson,
  type JsonType,
  type Row,
  rowsOf,
  ValidationError,
} from "spine-core";
import { Scratch, SEPARATOR, SEPARATOR_BYTE } from "./scratch.ts";

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

/**
 * Consecutive rows with the same keys in the same order, column by column: half the size of rows as objects. A column of texts
 * is one text of so many bytes behind the head, its values separated by {@link SEPARATOR} (a column that holds it is JSON): JSON of many short texts takes
 * several times as long. Null stands for it in `columns`, any other column is there as JSON.
 */
interface Block {
  readonly keys: readonly string[];
  readonly rows: number;
  readonly columns: readonly (readonly unknown[] | null)[];
  /** Bytes of each column of texts, in their order. */
  readonly bytes?: readonly number[];
}

/** The first position of a run of consecutive lines, and the line there. */
type LineRun = readonly [position: number, line: number];

const scratch = new Scratch();
/** Level 1: a twentieth larger than level 3 in two thirds of its time. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** How many times its size a chunk is unpacked, as a rule: it is then unpacked in one go, and no more memory is asked for than that takes. */
const UNPACKED = 8;
const LEAST_BYTES = 64 * 1024;
const MOST_BYTES = 1024 * 1024;
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
  const bytes = toBytes(blocks);
  return {
    data: zstdCompressSync(bytes, LEVEL),
    hash: hashOf(bytes),
    lines: lines && JSON.stringify(toRuns(lines)),
    columns: JSON.stringify(typesOf(blocks)),
  };
}

/** What stands in the place of the rows of a chunk that are kept elsewhere. */
export const NO_DATA: Uint8Array = new Uint8Array(0);

/** What is known of rows that are kept elsewhere: the same as of those that are encoded. */
export function describeRows(rows: readonly Row[]): Pick<EncodedChunk, "hash" | "columns"> {
  const blocks = toBlocks(rows);
  return { hash: hashOf(toBytes(blocks)), columns: JSON.stringify(typesOf(blocks)) };
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The rows of a stored chunk. Throws when they are not those that have this hash. */
export function decodeRows(data: Uint8Array, hash: string): readonly Row[] {
  return decodeBlocks(data, hash).flatMap(rowsOf);
}

/** The same column by column. */
export function decodeBlocks(data: Uint8Array, hash: string): readonly ColumnBlock[] {
  const chunkSize = Math.min(Math.max(UNPACKED * data.length, LEAST_BYTES), MOST_BYTES);
  const bytes = zstdDecompressSync(data, { chunkSize });
  if (hashOf(bytes) !== hash) throw new Error("The rows have another hash than when they were stored.");
  const end = bytes.indexOf("\n");
  // Chunks of earlier versions are nothing but the head.
  const head = bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
  let at = end + 1;
  const blocks = (JSON.parse(head) as readonly Block[]).map(({ keys, rows, columns, bytes: sizes = [] }) => {
    let text = 0;
    const stored = columns.map((column) => {
      if (column !== null) return column;
      const from = at;
      at += sizes[text++] ?? 0;
      return bytes.subarray(from, at);
    });
    return new StoredBlock(keys, rows, stored);
  });
  if (at !== bytes.length && end >= 0) throw new Error(`A chunk has ${bytes.length} bytes, not ${at}.`);
  return blocks;
}

/** A block of a chunk that was read; its columns of texts are bytes until somebody asks for their values. */
class StoredBlock implements ColumnBlock {
  readonly keys: readonly string[];
  readonly rows: number;
  readonly #columns: (readonly unknown[] | Buffer)[];

  constructor(keys: readonly string[], rows: number, columns: (readonly unknown[] | Buffer)[]) {
    this.keys = keys;
    this.rows = rows;
    this.#columns = columns;
  }

  values(position: number): readonly unknown[] {
    const column = this.#columns[position] ?? [];
    if (!Buffer.isBuffer(column)) return column;
    const values = textOf(column).split(SEPARATOR);
    this.#columns[position] = values;
    return values;
  }
}

/** Most are ASCII, which the runtime reads ten times as fast when it is told so. */
function textOf(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? "latin1" : "utf8");
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

/** The encoding of a chunk; good until the next one is made. */
function toBytes(blocks: readonly OpenBlock[]): Uint8Array {
  scratch.clear();
  const head = blocks.map(({ keys, rows, columns, types }): Block => {
    const bytes: number[] = [];
    const kept = columns.map((column, position) => {
      const from = scratch.length;
      if (types[position] !== TEXT || !writeTexts(column as readonly string[])) return column;
      bytes.push(scratch.length - from);
      return null;
    });
    return bytes.length === 0 ? { keys, rows, columns: kept } : { keys, rows, columns: kept, bytes };
  });
  return scratch.behind(`${JSON.stringify(head)}\n`);
}

/** Writes the texts of a column as one. False, and nothing is written, where they would not come back as what they were. */
function writeTexts(column: readonly string[]): boolean {
  const from = scratch.length;
  for (let index = 0; index < column.length; index += 1) {
    if (index > 0) scratch.byte(SEPARATOR_BYTE);
    if (scratch.text(column[index] as string)) continue;
    scratch.length = from;
    return false;
  }
  return true;
}

/** A block while it is filled, with the types of each column as bits. */
interface OpenBlock {
  readonly keys: readonly string[];
  rows: number;
  readonly columns: readonly unknown[][];
  readonly types: number[];
}

function toBlocks(rows: readonly Row[]): readonly OpenBlock[] {
  const blocks: OpenBlock[] = [];
  let block: OpenBlock | undefined;
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index] as Row;
    // Nearly all rows have the keys of the one before.
    if (block !== undefined && follows(block.keys, row)) {
      add(block, row, index);
      continue;
    }
    const keys = Object.keys(row).filter((key) => row[key] !== undefined && key !== "__proto__");
    if (block === undefined || !sameKeys(block.keys, keys)) {
      block = { keys, rows: 0, columns: keys.map(() => []), types: keys.map(() => 0) };
      blocks.push(block);
    }
    add(block, row, index);
  }
  return blocks;
}

/** True for a row that has these keys, in this order, and something in each. */
function follows(keys: readonly string[], row: Row): boolean {
  let position = 0;
  for (const key in row) {
    if (keys[position] !== key || row[key] === undefined) return false;
    position += 1;
  }
  return position === keys.length;
}

function add(block: OpenBlock, row: Row, index: number): void {
  const { keys, columns, types } = block;
  for (let position = 0; position < keys.length; position += 1) {
    const key = keys[position] as string;
    const value = row[key];
    const cell = typeof value === "string" ? value : checkCell(value, index, key);
    (columns[position] as unknown[]).push(cell);
    (types[position] as number) |= bitOf(cell);
  }
  block.rows += 1;
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
const TEXT = 1 << TYPES.indexOf("string");
/** Columns whose types are kept: rows may have any keys. */
const MOST_COLUMNS = 1_000;

function bitOf(cell: unknown): number {
  const type = typeof cell;
  if (type === "string") return TEXT;
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

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
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
