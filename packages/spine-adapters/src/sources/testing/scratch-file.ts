import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page, Reject, Row, StreamOptions } from "spine-core";
import { onTestFinished } from "vitest";
import { fileSource } from "../file-source.ts";
import type { FileSourceOptions } from "../file-source-options.ts";

/** A directory that is removed when the test is over. */
export async function scratchDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "spine-file-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a file into a directory of its own, and returns its path. */
export async function scratchFile(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(await scratchDirectory(), name);
  await writeFile(path, content);
  return path;
}

export interface ReadFile {
  readonly pages: readonly Page[];
  readonly rows: readonly Row[];
  readonly lines: readonly number[];
  readonly rejects: readonly Reject[];
}

/** Everything that a file source makes of a file. The file's own root is the file system's. */
export async function readPath(
  path: string,
  options: FileSourceOptions = {},
  stream: StreamOptions = {},
): Promise<ReadFile> {
  const pages: Page[] = [];
  for await (const page of fileSource({ roots: ["/"], ...options }).stream({ path }, stream))
    pages.push(page);
  return {
    pages,
    rows: pages.flatMap((page) => page.rows),
    lines: pages.flatMap((page) => page.lines ?? []),
    rejects: pages.flatMap((page) => page.rejects ?? []),
  };
}

/** {@link readPath} for content that is written to a file first. */
export async function readContent(
  content: string | Uint8Array,
  options: FileSourceOptions = {},
  name = "file.csv",
): Promise<ReadFile> {
  return await readPath(await scratchFile(name, content), options);
}

/** What becomes of content: an error's code, or `rows` with each reject as `CODE@line`. */
export async function outcomeOf(
  content: string | Uint8Array,
  options: FileSourceOptions = {},
  name = "f.csv",
): Promise<unknown> {
  return await readContent(content, options, name).then(
    ({ rows, rejects }) =>
      [rows.length, ...rejects.map((reject) => `${reject.code}@${reject.line}`)].join(" "),
    (error: { code?: string }) => error.code ?? error,
  );
}
