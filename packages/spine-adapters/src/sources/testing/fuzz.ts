import fc from "fast-check";
import { cutAt, mutate, mutations } from "./fuzz-changes.ts";
import { demand, read, same } from "./fuzz-outcome.ts";
import { checkPacked, packed } from "./fuzz-packed.ts";

const field = fc.string({
  unit: fc.constantFrom("a", "B", "1", " ", "ü", "€", "𝄞", "'", ";", "\t", "\v", "\u2028", "#", "="),
  maxLength: 6,
});
const wild = fc.string({
  unit: fc.constantFrom("a", "1", ",", "|", '"', "\n", "\r", "ü", " ", "𝄞"),
  maxLength: 8,
});
const lineEnd = fc.constantFrom("\n", "\r\n");

/** A reader of a few lines for text whose quotes are regular: RFC 4180 with blank lines left out. */
function reference(text: string, delimiter: string): string[][] {
  const records: string[][] = [];
  const pattern = new RegExp(
    `(?:"((?:[^"]|"")*)"|([^${delimiter === "|" ? "\\|" : delimiter}\n]*))(${delimiter === "|" ? "\\|" : delimiter}|\r?\n|\r?$)`,
    "g",
  );
  let fields: string[] = [];
  let quoted = false;
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text);
    if (found === null) break;
    const ends = found[3] !== delimiter;
    quoted ||= found[1] !== undefined;
    const plain = found[2] ?? "";
    fields.push(
      found[1]?.replaceAll('""', '"') ?? (ends && plain.endsWith("\r") ? plain.slice(0, -1) : plain),
    );
    if (!ends) continue;
    if (fields.length > 1 || fields[0] !== "" || quoted) records.push(fields);
    fields = [];
    quoted = false;
  }
  return records;
}

/** Well-formed files with every kind of field come back as the reference reads them, wherever their pieces end. */
const regular = fc
  .record({
    delimiter: fc.constantFrom(",", "|", ";", "\t"),
    width: fc.integer({ min: 1, max: 4 }),
    rows: fc.array(
      fc.tuple(fc.array(wild, { minLength: 4, maxLength: 4 }), fc.boolean(), lineEnd, fc.boolean()),
      { maxLength: 8 },
    ),
    bom: fc.boolean(),
    cut: cutAt,
  })
  .map(({ delimiter, width, rows, bom, cut }) => {
    const needs = new RegExp(`["\r\n${delimiter === "|" ? "\\|" : delimiter}]`);
    const header = ["k0", "k1", "k2", "k3"].slice(0, width);
    let text = `${header.join(delimiter)}\n`;
    for (const [values, quote, end, blank] of rows) {
      const written = values
        .slice(0, width)
        .map((value) => (needs.test(value) || quote ? `"${value.replaceAll('"', '""')}"` : value));
      text += written.join(delimiter) + end + (blank ? end : "");
    }
    return { text, delimiter, bom, cut };
  });

function checkRegular({
  text,
  delimiter,
  bom,
  cut,
}: {
  text: string;
  delimiter: string;
  bom: boolean;
  cut: number;
}): void {
  const bytes = Buffer.from(bom ? `\uFEFF${text}` : text);
  const found = read(bytes, Math.floor(cut * bytes.length), delimiter, {});
  const [header = [], ...records] = reference(text, delimiter);
  const expected = records.map((fields) =>
    Object.fromEntries(header.map((name, index) => [name, fields[index]])),
  );
  demand(typeof found !== "string", "an error", found);
  if (typeof found === "string") return;
  demand(
    found.rejected.length === 0 && JSON.stringify(found.rows) === JSON.stringify(expected),
    "other rows",
    { found, expected },
  );
}

const table = fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });

/** Without quotes every line is its own record: each one that is not blank is the header, a row of its very fields, or a reject. */
const unquoted = fc.record({
  text: fc
    .tuple(table, lineEnd)
    .map(([rows, end]) => `k0|k1|k2${end}${rows.map((fields) => fields.join("|") + end).join("")}`),
  changes: mutations,
  cut: cutAt,
});

function checkUnquoted({
  text,
  changes,
  cut,
}: {
  text: string;
  changes: [string, number, number][];
  cut: number;
}): void {
  const bytes = mutate(Buffer.from(text), changes);
  if (bytes.length === 0) return;
  const found = read(bytes, Math.floor(cut * bytes.length), "|", { quote: null });
  demand(same(read(bytes, 0, "|", { quote: null }), found), "pieces matter", found);
  if (typeof found === "string") return;
  const lines = bytes
    .toString()
    .replace(/^\uFEFF/, "")
    .split("\n")
    .map((line, index) => ({ number: index + 1, fields: line.replace(/\r$/, "").split("|") }))
    .filter(({ fields }) => fields.length > 1 || fields[0] !== "");
  const [header, ...records] = lines;
  const numbers = [...found.lines, ...found.rejected].sort((a, b) => a - b);
  demand(
    JSON.stringify(numbers) === JSON.stringify(records.map(({ number }) => number)),
    "lines that are neither",
    { numbers, lines },
  );
  const byLine = new Map(records.map(({ number, fields }) => [number, fields]));
  found.rows.forEach((row, index) => {
    const fields = byLine.get(found.lines[index] ?? 0);
    const expected = Object.fromEntries((header?.fields ?? []).map((name, at) => [name, fields?.[at]]));
    demand(JSON.stringify(row) === JSON.stringify(expected), "another row", { row, expected });
  });
}

/** With quotes: whatever the text, an error, or every line that is not blank belongs to a row or a reject. */
const quoted = fc.record({ inner: regular, changes: mutations, cut: cutAt });

function checkQuoted({
  inner,
  changes,
  cut,
}: {
  inner: { text: string; delimiter: string };
  changes: [string, number, number][];
  cut: number;
}): void {
  const bytes = mutate(Buffer.from(inner.text), changes);
  if (bytes.length === 0) return;
  const found = read(bytes, Math.floor(cut * bytes.length), inner.delimiter, {});
  demand(same(read(bytes, 0, inner.delimiter, {}), found), "pieces matter", found);
  if (typeof found === "string") return;
  const numbers = [...found.lines, ...found.rejected];
  demand(new Set(numbers).size === numbers.length, "a line twice", numbers);
  demand(found.lines.length === found.rows.length, "rows without a line", found);
  // As many line ends in the values as lines between records, at least: nothing stands there that nobody has.
  const lines = bytes.toString().split("\n");
  const blank = (line: string | undefined) =>
    line === undefined || line === "" || line === "\r" || line === "\uFEFF";
  const starts = new Set(numbers);
  const spanned = new Set<number>();
  found.rows.forEach((row, index) => {
    const start = found.lines[index] ?? 0;
    const more = Object.values(row).reduce(
      (sum: number, value) => sum + String(value).split("\n").length - 1,
      0,
    );
    for (let line = start; line <= start + more; line++) spanned.add(line);
  });
  // The header may span lines too; where no row tells its names, only the lines from the first record on are looked at.
  const [first] = found.rows;
  const begin = lines.findIndex((line) => !blank(line)) + 1;
  const names = first === undefined ? "" : Object.keys(first).join("");
  const unknown = first === undefined && bytes.includes('"');
  const firstData = unknown ? Math.min(lines.length + 1, ...numbers) : begin + names.split("\n").length;
  const rejected = new Set(found.rejected);
  let inReject = false;
  for (let number = firstData; number <= lines.length; number++) {
    if (starts.has(number)) inReject = rejected.has(number);
    demand(blank(lines[number - 1]) || spanned.has(number) || inReject, `line ${number} is lost`, {
      lines,
      numbers,
    });
  }
}

/** JSON lines: each that is not blank is a row, which it parses to, or a reject. */
const jsonLines = fc.record({
  text: fc
    .array(
      fc.tuple(
        fc.json({ maxDepth: 1 }),
        fc.dictionary(field, fc.oneof(field, fc.integer(), fc.constant(null))),
        fc.boolean(),
        lineEnd,
      ),
      { minLength: 1, maxLength: 6 },
    )
    .map((lines) =>
      lines.map(([any, object, isAny, end]) => (isAny ? any : JSON.stringify(object)) + end).join(""),
    ),
  changes: mutations,
  cut: cutAt,
});

function checkJsonLines({
  text,
  changes,
  cut,
}: {
  text: string;
  changes: [string, number, number][];
  cut: number;
}): void {
  const bytes = mutate(Buffer.from(text), changes);
  if (bytes.length === 0) return;
  const found = read(bytes, Math.floor(cut * bytes.length), null, {});
  if (typeof found === "string") return;
  const lines = bytes
    .toString()
    .replace(/^\uFEFF/, "")
    .split("\n");
  const numbers = [...found.lines, ...found.rejected].sort((a, b) => a - b);
  const expected = lines.flatMap((line, index) => (line.trim() === "" ? [] : [index + 1]));
  demand(JSON.stringify(numbers) === JSON.stringify(expected), "lines that are neither", { numbers, lines });
  found.rows.forEach((row, index) => {
    const parsed = JSON.parse(lines[(found.lines[index] ?? 0) - 1] ?? "") as object;
    const kept = JSON.stringify(parsed, (key, value: unknown) => (key === "__proto__" ? undefined : value));
    demand(JSON.stringify(asNumbers(row, parsed)) === kept, "another row", { row, parsed });
  });
}

/** The row with numbers for the texts that keep their digits, where a parser that does not keep them has numbers. */
function asNumbers(row: unknown, parsed: unknown): unknown {
  if (typeof row === "string" && typeof parsed === "number") return Number(row);
  if (Array.isArray(row)) return row.map((each, index) => asNumbers(each, (parsed as unknown[])[index]));
  if (typeof row !== "object" || row === null) return row;
  const members = parsed as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(row).map(([key, each]) => [key, asNumbers(each, members[key])]));
}

/** One kind of input, and what has to hold of what is read of it. */
interface Fuzzed {
  readonly name: string;
  /** How many of all inputs are of this kind. */
  readonly share: number;
  run(runs: number, seed: number, folder: string): Promise<void> | void;
}

function texts<T>(name: string, share: number, inputs: fc.Arbitrary<T>, check: (input: T) => void): Fuzzed {
  return {
    name,
    share,
    run: (numRuns, seed) => fc.assert(fc.property(inputs, check), { numRuns, seed }),
  };
}

/** All kinds; of those that need a file there are the fewest. */
export const FUZZED: readonly Fuzzed[] = [
  texts("regular files, as a reference reads them", 0.24, regular, checkRegular),
  texts("lines without quotes, changed", 0.3, unquoted, checkUnquoted),
  texts("records with quotes, changed", 0.24, quoted, checkQuoted),
  texts("JSON lines, changed", 0.2, jsonLines, checkJsonLines),
  {
    name: "gzip, zstd and parquet, changed",
    share: 0.02,
    run: (numRuns, seed, folder) =>
      fc.assert(
        fc.asyncProperty(packed, (one) => checkPacked(folder, one)),
        { numRuns, seed },
      ),
  },
];
