import { describe, expect, test } from "vitest";
import type { FileSourceOptions } from "./file-source-options.ts";
import { readContent } from "./testing/scratch-file.ts";

const date = ({ date }: Readonly<Record<string, unknown>>): string | null =>
  /^\d{4}-\d\d-\d\d$/.test(String(date)) ? null : "its date is not whole";

const fixtures: [what: string, content: string, options: FileSourceOptions, name: string][] = [
  [
    "pipes, CRLF, a trailer",
    "symbol|shares|date\r\nTRUE|12|2025-11-10\r\nBCpC||2025-11-11\r\n|7|2025-11-12\r\n3\r\n",
    { format: "psv", quote: null, trailer: "count", columns: ["symbol", "shares", "date"] },
    "f.txt",
  ],
  [
    "quotes over lines, judged by the last field",
    'name,n,date\n"Zürich, ""A""\nSE",1,2025-11-10\n"x",2,2025-11-11\n€,3,2025-11-12\n',
    { lastRow: date },
    "f.csv",
  ],
  [
    "quoted to the end, CRLF",
    '\uFEFFname,date\r\n"a","2025-11-10"\r\n"b","2025-11-11"\r\n',
    { lastRow: date },
    "f.csv",
  ],
  ["jsonl", '{"a":"ü","b":[1,2]}\n\n{"a":"y","b":{"c":null}}\n{"a":"z","b":-12.5e3}\n', {}, "f.jsonl"],
  ["json", '[{"a":"ü","b":[1,2]}, {"a":"y","b":{"c":null}}]\n', {}, "f.json"],
];

describe("a file cut at every byte is an error, or a beginning of whole and unchanged rows", () => {
  test.each(fixtures)("%s", async (_what, content, options, name) => {
    const bytes = Buffer.from(content);
    const whole = await readContent(bytes, options, name);
    expect(whole.rejects).toEqual([]);
    let errors = 0;
    for (let length = 0; length < bytes.length; length++) {
      const cut = await readContent(bytes.subarray(0, length), options, name).catch(
        (error: unknown) => error,
      );
      if (cut instanceof Error) {
        expect(cut, `cut at ${length}`).toHaveProperty("code", expect.stringMatching(/^SOURCE_/));
        errors += 1;
        continue;
      }
      const { rows, rejects } = cut as typeof whole;
      expect(rejects, `cut at ${length}`).toEqual([]);
      expect(rows, `cut at ${length}`).toEqual(whole.rows.slice(0, rows.length));
      // With a trailer, or as one document, nothing but the whole file is right.
      if (options.trailer === "count" || name === "f.json") expect(rows).toEqual(whole.rows);
    }
    expect(errors).toBeGreaterThan(bytes.length / 3);
  });
});
