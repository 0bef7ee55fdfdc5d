import { expect, test } from "vitest";
import { fileSource } from "./file-source.ts";
import type { FileSourceOptions } from "./file-source-options.ts";

test("options that make no sense, and those that are unknown, are refused by name", () => {
  const wrong: [object, RegExp][] = [
    [{ trailer: /^T,(\d+)$/ }, /`trailer` of a file source is "count", or an expression with the group/],
    [{ trailer: "bare" }, /`trailer`/],
    [{ compression: "zip" }, /`compression` of a file source is "gz" or "zst", or null; "zip" was given/],
    [{ format: "xls" }, /`format`/],
    [{ roots: [] }, /`roots`/],
    [{ columns: ["a", "a"] }, /`columns`/],
    [{ delimiter: "||" }, /`delimiter`/],
    [{ encoding: "latin-17" }, /`encoding`/],
    [{ quote: "'" }, /`quote`/],
    [{ maxRatio: 0 }, /`maxRatio`/],
    [{ maxRowGroupBytes: -1 }, /`maxRowGroupBytes`/],
    [{ maxDecodedBytes: Number.NaN }, /`maxDecodedBytes`/],
    [{ trailers: "count" }, /`trailers` is no option of a file source. There are `name`, `roots`/],
    [["data"], /options of a file source/],
  ];
  for (const [options, message] of wrong) {
    const refused = () => fileSource(options as FileSourceOptions);
    expect(refused).toThrow(message);
    expect(refused).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }) as Error);
  }
});
