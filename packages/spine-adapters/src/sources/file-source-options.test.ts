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

test("a request that does not say what is to be read is refused, and so is a part that does not exist", async () => {
  const source = fileSource({ name: "demo.files" });
  const wrong = [undefined, null, "a.csv", {}, { path: "a.csv", glob: "*.csv" }, { path: "a.csv", limit: 3 }];
  for (const request of wrong as never[]) {
    const refused = { code: "CONFIG_INVALID", message: expect.stringContaining("demo.files") as string };
    const read = source.stream(request)[Symbol.asyncIterator]().next();
    await expect(read, JSON.stringify(request)).rejects.toMatchObject(refused);
    await expect(source.changed?.(request, { since: null })).rejects.toMatchObject(refused);
  }
});
