import { sql } from "kysely";
import { type ColumnBlock, columnOf } from "../data/column-block.ts";
import { SpineError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { type Failures, failures, MAX_SAMPLES } from "./define-check.ts";
import type {
  QualityAccumulator,
  QualityFinding,
  QualityInput,
  QualityInspection,
  QualityRows,
} from "./quality-check.ts";

/** Distinct keys that a check keeps in memory. */
const MOST_KEYS = 100_000;
/** Characters of all of them together. */
const MOST_CHARACTERS = 16_000_000;

/** Distinct keys as they are counted: in memory while they are few, and by the database once they are many. */
export interface KeyTally {
  readonly add: (row: object) => void;
  readonly addColumns: (block: ColumnBlock) => void;
  readonly inspect: () => QualityInspection | null;
  readonly distinct: () => number;
  readonly save: () => JsonValue;
  readonly restore: (state: JsonValue) => void;
}

interface Saved {
  /** Null where there were too many. */
  readonly keys: readonly string[] | null;
  readonly kinds: readonly { readonly texts: boolean; readonly others: boolean }[];
}

interface TallyOptions {
  /** Whether a key with a null in it counts. */
  readonly nulls: boolean;
  /** Is given the keys that were met before, in memory. */
  readonly again?: (key: string) => void;
  /** Looks at the rows themselves once they are in SQL. */
  readonly look?: (
    rows: QualityRows,
    keyText: (row: Readonly<Record<string, unknown>>) => string,
  ) => Promise<void>;
}

/** Counts the distinct keys of these columns. */
export function keyTally(columns: readonly string[], input: QualityInput, options: TallyOptions): KeyTally {
  const { mostKeys = MOST_KEYS } = input;
  /** Null once there are too many of them. */
  let seen: Set<string> | null = new Set();
  let characters = 0;
  let counted: number | null = null;
  const kinds = columns.map(() => ({ texts: false, others: false }));
  const single = columns.length === 1;

  const note = (at: number, value: unknown) => {
    const kind = kinds[at];
    if (kind === undefined || value === null || value === undefined) return;
    if (typeof value === "string") kind.texts = true;
    else kind.others = true;
  };
  const take = (values: readonly unknown[]) => {
    for (let at = 0; at < values.length; at++) note(at, values[at]);
    if (seen === null) return;
    if (!options.nulls && values.some((value) => value === null || value === undefined)) return;
    const key = single ? shortKey(values[0]) : JSON.stringify(values.map((value) => value ?? null));
    const { size } = seen;
    seen.add(key);
    if (seen.size === size) {
      options.again?.(single ? JSON.stringify([values[0] ?? null]) : key);
      return;
    }
    characters += key.length;
    if (seen.size > mostKeys || characters > MOST_CHARACTERS) seen = null;
  };
  const keyText = (row: Readonly<Record<string, unknown>>) =>
    `[${columns.map((column, at) => cellText(row[column], kinds[at]?.others === true)).join(",")}]`;

  return {
    add: (row) => take(columns.map((column) => (row as Readonly<Record<string, unknown>>)[column])),
    addColumns(block) {
      const values = columns.map((column) => columnOf(block, column));
      const cells: unknown[] = [];
      for (let index = 0; index < block.rows; index++) {
        for (let at = 0; at < values.length; at++) cells[at] = values[at]?.[index];
        take(cells);
      }
    },
    inspect() {
      if (seen !== null) return null;
      return {
        columns: Object.fromEntries(columns.map((column) => [column, "text" as const])),
        async look({ rows }) {
          if (rows === null) throw new SpineError("INTERNAL", "The dataset is no table.");
          for (const [at, { texts, others }] of kinds.entries()) {
            if (texts && others) throw mixed(columns[at] ?? "", mostKeys);
          }
          counted = await countKeys(rows, columns, options.nulls);
          await options.look?.(rows, keyText);
        },
      };
    },
    distinct() {
      if (counted !== null) return counted;
      if (seen !== null) return seen.size;
      throw new SpineError("INTERNAL", "There are more keys than fit into memory, and nobody counted them.");
    },
    save: () => ({ keys: seen && [...seen], kinds: kinds.map((kind) => ({ ...kind })) }),
    restore(state) {
      const saved = state as unknown as Saved;
      seen = saved.keys && new Set(saved.keys);
      characters = saved.keys?.reduce((sum, key) => sum + key.length, 0) ?? 0;
      for (const [at, kind] of saved.kinds.entries()) Object.assign(kinds[at] ?? {}, kind);
    },
  };
}

/** No two rows have one key: what `unique` counts. */
export function uniqueKeys(
  columns: readonly string[],
  input: QualityInput,
  verdict: (bad: Pick<Failures, "count" | "samples">) => QualityFinding,
): QualityAccumulator<object> {
  let bad = failures();
  let rowsSeen = 0;
  const tally = keyTally(columns, input, {
    nulls: true,
    again: (key) => bad.add(`${key} once more`),
    async look(rows, keyText) {
      const count = rowsSeen - tally.distinct();
      bad = { ...failures(), count };
      if (count === 0) return;
      for (const row of await repeatedRows(rows, columns)) bad.samples.push(`${keyText(row)} once more`);
    },
  });
  return {
    add(row) {
      rowsSeen += 1;
      tally.add(row);
    },
    addColumns(block) {
      rowsSeen += block.rows;
      tally.addColumns(block);
    },
    inspect: tally.inspect,
    finish() {
      tally.distinct();
      return verdict(bad);
    },
    save: () => ({ rows: rowsSeen, bad: bad.save(), tally: tally.save() }),
    restore(state) {
      const saved = state as { readonly rows: number; readonly bad: JsonValue; readonly tally: JsonValue };
      rowsSeen = saved.rows;
      bad.restore(saved.bad);
      tally.restore(saved.tally);
    },
  };
}

async function countKeys(
  { db, table }: QualityRows,
  columns: readonly string[],
  nulls: boolean,
): Promise<number> {
  const keys = sql.join(columns.map((column) => sql.id(column)));
  const whole = sql.join(
    columns.map((column) => sql`${sql.id(column)} IS NOT NULL`),
    sql` AND `,
  );
  const where = nulls ? sql`` : sql`WHERE ${whole}`;
  const { rows } = await sql<{ n: unknown }>`SELECT count(*) AS n FROM (
SELECT ${keys} FROM ${sql.id(table)} ${where} GROUP BY ${keys}) AS k`.execute(db);
  return Number(rows[0]?.n);
}

/** The first rows whose key another row before them has, in their order. */
async function repeatedRows(
  { db, table }: QualityRows,
  columns: readonly string[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const keys = sql.join(columns.map((column) => sql.id(column)));
  const { rows } = await sql<Readonly<Record<string, unknown>>>`SELECT _spine_row, ${keys} FROM (
SELECT _spine_row, ${keys}, row_number() OVER (PARTITION BY ${keys} ORDER BY _spine_row) AS _spine_n
FROM ${sql.id(table)}) AS k WHERE _spine_n > 1 ORDER BY _spine_row LIMIT ${sql.lit(MAX_SAMPLES)}`.execute(db);
  return rows;
}

/** A text stands for itself; everything else is its JSON behind a character that no other key begins with. */
function shortKey(value: unknown): string {
  if (typeof value === "string" && value.charCodeAt(0) !== 0) return value;
  return `\0${JSON.stringify(value ?? null)}`;
}

/** What the table holds of a value: a text as it is, anything else as its JSON. */
function cellText(cell: unknown, isJson: boolean): string {
  if (cell === null || cell === undefined) return "null";
  return isJson && typeof cell === "string" ? cell : JSON.stringify(cell);
}

function mixed(column: string, most: number): SpineError {
  return new SpineError(
    "VALIDATION_FAILED",
    `The column "${column}" holds texts and other values, and there are more than ${most} keys: the database would not tell the text "1" from the number 1. Make them one type in the transform.`,
  );
}
