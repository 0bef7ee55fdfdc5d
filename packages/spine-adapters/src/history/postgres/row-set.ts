/** A value of a row as the driver sends it. */
export type Cell = string | number | boolean | null;

/** The columns of rows that go into a statement: their names and SQL types. */
export class RowColumns {
  readonly #names: string;
  readonly #types: readonly string[];

  constructor(columns: Readonly<Record<string, string>>) {
    this.#names = Object.keys(columns).join(", ");
    this.#types = Object.values(columns);
  }

  /** How many parameters they take. */
  get count(): number {
    return this.#types.length;
  }

  /**
   * The rows in SQL under an alias, where their first parameter has this number: an array for each column, so that
   * the text does not depend on how many rows there are; or, when `single`, the cells of the one row.
   */
  source(alias: string, first: number, single: boolean): string {
    const array = single ? "" : "[]";
    const list = this.#types.map((type, index) => `$${first + index}::${type}${array}`).join(", ");
    return `${single ? `(VALUES (${list}))` : `unnest(${list})`} AS ${alias}(${this.#names})`;
  }
}

/** Rows on their way into a statement, column by column. */
export class RowSet {
  readonly #columns: Cell[][] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Appends a row; its cells are in the order of the columns. */
  add(...cells: readonly Cell[]): void {
    if (this.#count === 0) {
      for (const cell of cells) this.#columns.push([cell]);
    } else {
      for (let index = 0; index < cells.length; index += 1) this.#columns[index]?.push(cells[index] ?? null);
    }
    this.#count += 1;
  }

  /** The parameters: an array per column, or the cells of the one row. */
  parameters(single: boolean): readonly unknown[] {
    return single ? this.#columns.map(([cell]) => cell) : this.#columns;
  }
}
