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

/**
 * Consecutive rows with the same keys in the same order, column by column: half the size of rows as objects. A column of texts
 * is one text of so many bytes behind the head, its values separated by {@link SEPARATOR}: JSON of many short texts takes
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

/** Rare in data; a column that holds it is stored as JSON. */
const SEPARATOR = "\x7F";
/** Level 1: a twentieth larger than level 3 in two thirds of its time. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
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
  const bytes = toBytes(toBlocks(rows));
  return {
    data: zstdCompressSync(bytes, LEVEL),
    hash: createHash("sha256").update(bytes).digest("hex"),
    lines: lines && JSON.stringify(toRuns(lines)),
  };
}

/** The rows of a stored chunk. */
export function decodeRows(data: Uint8Array): readonly Row[] {
  const bytes = zstdDecompressSync(data);
  const end = bytes.indexOf("\n");
  // Chunks of earlier versions are nothing but the head.
  const head = bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
  const rows: Row[] = [];
  let at = end + 1;
  for (const { keys, rows: count, columns, bytes: sizes = [] } of JSON.parse(head) as readonly Block[]) {
    let text = 0;
    const values = columns.map((column) => {
      if (column !== null) return column;
      const from = at;
      at += sizes[text++] ?? 0;
      return bytes.toString("utf8", from, at).split(SEPARATOR);
    });
    for (let index = 0; index < count; index += 1) {
      const row: Record<string, unknown> = {};
      for (let position = 0; position < keys.length; position += 1)
        row[keys[position] as string] = values[position]?.[index];
      rows.push(row);
    }
  }
  if (at !== bytes.length && end >= 0) throw new Error(`A chunk has ${bytes.length} bytes, not ${at}.`);
  return rows;
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

function toBytes(blocks: readonly OpenBlock[]): Buffer {
  const texts: Buffer[] = [];
  const head = blocks.map(({ keys, rows, columns }): Block => {
    const bytes: number[] = [];
    const kept = columns.map((column) => {
      const text = textOf(column);
      if (text === null) return column;
      const encoded = Buffer.from(text);
      texts.push(encoded);
      bytes.push(encoded.length);
      return null;
    });
    return bytes.length === 0 ? { keys, rows, columns: kept } : { keys, rows, columns: kept, bytes };
  });
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...texts]);
}

/** The texts of a column as one; null where it holds anything else, or what would not come back. */
function textOf(column: readonly unknown[]): string | null {
  for (let index = 0; index < column.length; index += 1) if (typeof column[index] !== "string") return null;
  const text = column.join(SEPARATOR);
  let separators = 0;
  for (let at = text.indexOf(SEPARATOR); at !== -1; at = text.indexOf(SEPARATOR, at + 1)) separators += 1;
  return separators === column.length - 1 && text.isWellFormed() ? text : null;
}

interface OpenBlock {
  readonly keys: readonly string[];
  rows: number;
  readonly columns: readonly unknown[][];
}

function toBlocks(rows: readonly Row[]): readonly OpenBlock[] {
  const blocks: OpenBlock[] = [];
  let block: OpenBlock | undefined;
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index] as Row;
    const all = Object.keys(row);
    // Nearly all rows have the keys of the one before, and texts for values.
    if (block === undefined || !sameKeys(block.keys, all) || !add(block, row)) {
      const keys = keysOf(row, all);
      if (block === undefined || !sameKeys(block.keys, keys)) {
        block = { keys, rows: 0, columns: keys.map(() => []) };
        blocks.push(block);
      }
      for (const [position, key] of keys.entries())
        block.columns[position]?.push(checkCell(row[key], index, key));
      block.rows += 1;
    }
  }
  return blocks;
}

/** Adds a row all of whose values are texts; otherwise leaves the block as it was. */
function add(block: OpenBlock, row: Row): boolean {
  const { keys, columns } = block;
  for (let position = 0; position < keys.length; position += 1) {
    const value = row[keys[position] as string];
    if (typeof value !== "string") {
      for (let undone = 0; undone < position; undone += 1) columns[undone]?.pop();
      return false;
    }
    columns[position]?.push(value);
  }
  block.rows += 1;
  return true;
}

/** `__proto__` would change the prototype of the row that is built from it. */
function keysOf(row: Row, all: readonly string[]): string[] {
  return all.filter((key) => row[key] !== undefined && key !== "__proto__");
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
