import type { Page, Row } from "spine-core";
import { describe, expect, test } from "vitest";
import { DelimitedReader } from "./delimited-reader.ts";
import { type FileSourceOptions, fileRules } from "./file-source-options.ts";
import { PageBuilder } from "./page-builder.ts";

/** What a reader makes of a text that arrives in these pieces. */
function read(pieces: readonly string[], options: FileSourceOptions = {}): unknown {
  const pages = new PageBuilder(1_000_000, () => ({ size: 0, mtimeMs: 0, ctimeMs: 0, ino: "" }), 0);
  const reader = new DelimitedReader(fileRules(options), ",", pages);
  try {
    for (const piece of pieces) reader.feed(piece);
    reader.end();
    return pages.rest().map(({ rows, lines, rejects }: Page) => ({ rows, lines, rejects }));
  } catch (error) {
    return String(error);
  }
}

const texts = [
  "a,b\n1,2\n\n3,4\n",
  "a,b\r\n1,2\r\n3\r\n\r\n4,5,6\r\n7,8",
  'a,b\n"x\ny","1""2"\r\n"",""\n"p" ,q\n',
  'a,b\r\n"x\r","y\r"\r\n"\r\n","\n"\r\nz,"w"',
  'a,b\n"x"y",1\n"z",2\n"u"v,3\n"w",4\n5,6\n',
  'a,b\n5" x,6" y\n"""",""""""\n",",""\n',
  'a,b\n"x,1\n2,3\n',
  'a\n"\n"\n\n""\n1\n',
];

describe("where the pieces of a text end does not matter", () => {
  test.each(texts)("%j", (text) => {
    const whole = read([text]);
    for (let at = 1; at < text.length; at++) {
      expect(read([text.slice(0, at), text.slice(at)]), `cut at ${at}`).toEqual(whole);
    }
    expect(read(text.split("")), "character by character").toEqual(whole);
  });
});

/** A small generator of numbers, so that what fails can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("generated files", () => {
  test("well-formed ones come back as they were written", () => {
    for (let seed = 1; seed <= 2000; seed++) {
      const next = random(seed);
      const alphabet = ["a", "ü", "€", ",", '"', "\n", "\r\n", "\r", " ", "|", "𝄞", "1", ""];
      const field = (): string =>
        Array.from({ length: next(5) }, () => alphabet[next(alphabet.length)]).join("");
      const rows = Array.from({ length: 1 + next(6) }, (): Row => ({ a: field(), b: field(), c: field() }));
      const end = (): string => (next(2) === 0 ? "\n" : "\r\n");
      const plain = /^[^",\r\n]*$/;
      const write = (value: unknown): string =>
        plain.test(String(value)) && next(2) === 0
          ? String(value)
          : `"${String(value).replaceAll('"', '""')}"`;
      const lines: number[] = [];
      let text = `a,b,c${end()}`;
      for (const row of rows) {
        if (next(4) === 0) text += end();
        lines.push(text.split("\n").length);
        text += Object.values(row).map(write).join(",") + end();
      }
      const at = next(text.length);
      expect(read([text.slice(0, at), text.slice(at)]), `seed ${seed}: ${JSON.stringify(text)}`).toEqual([
        { rows, lines, rejects: [] },
      ]);
    }
  });

  test("of any other text every line is accounted for, whatever the pieces", () => {
    for (let seed = 1; seed <= 5000; seed++) {
      const next = random(seed);
      const alphabet = ["a", "b", ",", ",", '"', "\n", "\n", "\r\n", " ", "1", "\0"];
      const text = `a,b\n${Array.from({ length: next(40) }, () => alphabet[next(alphabet.length)]).join("")}`;
      const whole = read([text]);
      const at = next(text.length);
      expect(read([text.slice(0, at), text.slice(at)]), JSON.stringify(text)).toEqual(whole);
      if (typeof whole === "string") {
        expect(whole, JSON.stringify(text)).toMatch(/SOURCE_(TRUNCATED|MALFORMED|HEADER)/);
        continue;
      }
      const [page] = whole as Page[];
      const starts = [...(page?.lines ?? []), ...(page?.rejects ?? []).map((reject) => reject.line ?? 0)];
      expect(new Set(starts).size).toBe(starts.length);
      // Between the beginnings of two records there are only lines of the first one, and blank ones.
      const lines = text.split("\n");
      const spanned = new Set(starts);
      for (const [index, row] of (page?.rows ?? []).entries()) {
        const start = page?.lines?.[index] ?? 0;
        const more = Object.values(row).join("").split("\n").length - 1;
        for (let line = start + 1; line <= start + more; line++) spanned.add(line);
      }
      for (const { line, raw } of page?.rejects ?? []) {
        const more = JSON.stringify(raw).split("\\n").length - 1;
        for (let after = 1; after <= more; after++) spanned.add((line ?? 0) + after);
      }
      lines.forEach((line, index) => {
        const blank = line === "" || line === "\r";
        // Asked without Vitest first: there are tens of thousands.
        if (index > 0 && !blank && !spanned.has(index + 1))
          expect(spanned, `line ${index + 1} of ${JSON.stringify(text)}`).toContain(index + 1);
      });
    }
  });
});
