import { type KeyCells, rowsByKey } from "../key-order.ts";
import { CopyBuffer } from "./copy-buffer.ts";

/** It grows with what comes. */
const FIRST_BYTES = 256 * 1024;

/** Rows of some megabytes that are about to be copied, as lines of COPY in the order in which they came. Used again and again. */
export class CopyBlock {
  readonly #lines = new CopyBuffer(FIRST_BYTES);
  /** Where each line ends. */
  readonly #ends: number[] = [];
  /** The cells of the key's columns; none where the order is the one in which they came. */
  readonly #keys: readonly { readonly at: number; readonly isNumber: boolean; readonly cells: KeyCell[] }[];
  /** Rows of the load before this block. */
  before = 0;

  constructor(keys: readonly KeyColumn[]) {
    this.#keys = keys.map((key) => ({ ...key, cells: [] }));
  }

  /** Empties it for the rows that come next. */
  begin(before: number): void {
    this.before = before;
    this.#lines.length = 0;
    this.#ends.length = 0;
    for (const { cells } of this.#keys) cells.length = 0;
  }

  get bytes(): number {
    return this.#lines.length;
  }

  /** Adds a row of columns; `stamp` is what every line ends with. */
  add(columns: readonly (readonly KeyCell[])[], row: number, stamp: Buffer | null): void {
    for (const cells of columns) this.#lines.cell(cells[row] ?? null);
    if (stamp) this.#lines.endRow(stamp);
    else this.#lines.endCells();
    this.#ends.push(this.#lines.length);
    for (const { at, cells } of this.#keys) cells.push(columns[at]?.[row] ?? null);
  }

  /** The rows in the order of their key, from 0. */
  order(): Uint32Array {
    return rowsByKey(this.#keys, this.#ends.length);
  }

  /** Writes the line of a row behind what is in a buffer. */
  writeTo(buffer: CopyBuffer, row: number): void {
    buffer.append(this.#lines, row === 0 ? 0 : (this.#ends[row - 1] as number), this.#ends[row] as number);
  }
}

type KeyCell = KeyCells["cells"][number];

/** A column of the key: its position among the columns that are written. */
export interface KeyColumn {
  readonly at: number;
  readonly isNumber: boolean;
}
