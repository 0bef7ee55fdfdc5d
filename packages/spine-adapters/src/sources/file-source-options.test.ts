import { expect, test } from "vitest";
import { fileSource } from "./file-source.ts";
import type { FileSourceOptions } from "./file-source-options.ts";

test("options that make no sense, and those that are unknown, are refused by name", () => {
  const wrong: [object, RegExp][] = [
    [{ trailer: /^T,(\d+)$/ }, /`trailer` must be "count", or an expression with the group/],
    [{ trailer: "bare" }, /`trailer`/],
    [{ compression: "zip" }, /`compression` is none of gz, zst/],
    [{ quote: "'" }, /`quote`/],
    [{ maxRatio: 0 }, /`maxRatio`/],
    [{ maxRowGroupBytes: -1 }, /`maxRowGroupBytes`/],
    [{ maxDecodedBytes: Number.NaN }, /`maxDecodedBytes`/],
    [{ trailers: "count", delimeter: "|" }, /no option `trailers`, `delimeter`. There are name, roots/],
  ];
  for (const [options, message] of wrong)
    expect(() => fileSource(options as FileSourceOptions)).toThrow(message);
});
