import {
  anything,
  canonicalJson,
  checkOptions,
  type JsonValue,
  type OptionKinds,
  type Page,
  type Row,
  type Source,
  type SourceChange,
  SourceError,
  SpineError,
  type StreamOptions,
} from "spine-core";
import { readCursor } from "./file-cursor.ts";
import { explainFileError } from "./file-error.ts";
import { type FileRules, type FileSourceOptions, fileRules } from "./file-source-options.ts";
import { findFiles, fingerprintOf } from "./find-files.ts";
import { HeaderOfFiles } from "./header-of-files.ts";
import { asSourceError, openInRoots } from "./open-in-roots.ts";
import { readOneFile } from "./read-one-file.ts";

/** One file, or all that match a pattern, in the order of their names, as one source. */
export type FileRequest =
  | {
      /** Relative paths start at the source's first root. */
      readonly path: string;
    }
  | {
      /**
       * `*`, `?`, `[a-z]`, `{a,b}` within a name, `**` for any folders; below the first root, or below one that it begins with.
       * A path is never taken for a pattern.
       */
      readonly glob: string;
    };

/**
 * Reads files piece by piece: csv, psv and tsv as rows of strings exactly as they stand in the file, jsonl, json and parquet
 * as the objects they hold; all but parquet also compressed (gz, zst). Memory stays flat, except for json, which is read as a
 * whole, and for parquet, whose row groups are.
 *
 * Every record of the file comes out as a row or a reject; blank lines, headers and the trailer are neither.
 * Rejects: RAGGED_ROW, MALFORMED_QUOTES, NUL_CHARACTER, REPEATED_HEADER, INVALID_JSON. Where a glob is read, pages and rejects say
 * which file they are of, as its path below the root.
 *
 * Errors: SOURCE_NOT_FOUND, SOURCE_NOT_A_FILE, SOURCE_EMPTY, SOURCE_NO_ROWS, SOURCE_FORMAT, SOURCE_ENCODING,
 * SOURCE_HEADER, SOURCE_DELIMITER, SOURCE_TRAILER, SOURCE_TRUNCATED, SOURCE_MALFORMED, SOURCE_LINE_TOO_LONG,
 * SOURCE_TOO_LARGE, SOURCE_CHANGED, PERMISSION_DENIED, DRIVER_MISSING (parquet without hyparquet), and SOURCE_UNAVAILABLE,
 * which is retried.
 *
 * A resumed stream reads the file again and leaves out what was delivered, provided that it is the same file; of a glob it goes
 * on with the file that it was at, provided that all files are the same; of parquet, with the row group.
 */
export function fileSource(options: FileSourceOptions = {}): Source<FileRequest, Row> {
  const rules = fileRules(options);
  return {
    name: rules.name,
    readsAhead: true,
    describe: (request) => String("glob" in request ? request.glob : request.path),
    async *stream(request, streamOptions = {}) {
      checkRequest(rules, request);
      if ("glob" in request) yield* readGlob(rules, request.glob, streamOptions);
      else yield* readPath(rules, request.path, streamOptions);
    },
    changed: async (request, { since, signal }) => {
      checkRequest(rules, request);
      return await lookAt(rules, request, since, signal);
    },
  };
}

const REQUEST: OptionKinds<{ readonly path: string; readonly glob: string }> = {
  // Whatever is no text leads nowhere, which is said of it when it is opened.
  path: anything,
  glob: anything,
};

/** CONFIG_INVALID where it is not known what is to be read. */
function checkRequest({ name }: FileRules, request: unknown): void {
  const of = `file source "${name}"`;
  checkOptions(request, REQUEST, {
    of,
    called: "part of a request",
    name: "request",
    code: "CONFIG_INVALID",
  });
  if ("path" in (request as object) === "glob" in (request as object)) {
    throw new SpineError("CONFIG_INVALID", `A request to ${of} is either \`{ path }\` or \`{ glob }\`.`);
  }
}

/** A file is the one that it was while its size, its time and its place on the disk are; files that match a pattern, while all of them are. */
async function lookAt(
  rules: FileRules,
  request: FileRequest,
  since: JsonValue | null,
  signal: AbortSignal | undefined,
): Promise<SourceChange> {
  signal?.throwIfAborted();
  const named = "glob" in request ? request.glob : request.path;
  try {
    const mark =
      "glob" in request
        ? { files: fingerprintOf(await findFiles(request.glob, rules.roots, signal)) }
        : await stateOfFile(request.path, rules);
    return { changed: since === null || canonicalJson(since) !== canonicalJson(mark), mark };
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error;
    const known = asSourceError(error, named);
    throw SpineError.is(known) ? explainFileError(known, rules, named) : known;
  }
}

async function stateOfFile(path: string, { roots }: FileRules): Promise<Readonly<Record<string, number>>> {
  const { handle } = await openInRoots(path, roots);
  try {
    const { size, mtimeMs, ino } = await handle.stat();
    return { size, mtimeMs, ino };
  } finally {
    await handle.close();
  }
}

async function* readPath(
  rules: FileRules,
  path: string,
  { cursor, signal }: StreamOptions,
): AsyncGenerator<Page> {
  yield* explained(rules, path, signal, () =>
    readOneFile(rules, { path, cursor: readCursor(cursor, "file"), signal }),
  );
}

async function* readGlob(
  rules: FileRules,
  glob: string,
  { cursor, signal }: StreamOptions,
): AsyncGenerator<Page> {
  let at = glob;
  const pages = () => readFiles(rules, { glob, cursor, signal, at: (file) => (at = file) });
  yield* explained(rules, () => at, signal, pages);
}

async function* readFiles(
  rules: FileRules,
  {
    glob,
    cursor,
    signal,
    at,
  }: {
    readonly glob: string;
    readonly cursor: JsonValue | null | undefined;
    readonly signal: AbortSignal | undefined;
    at(file: string): void;
  },
): AsyncGenerator<Page> {
  signal?.throwIfAborted();
  const before = readCursor(cursor, "files");
  const files = await findFiles(glob, rules.roots, signal);
  const fingerprint = fingerprintOf(files);
  const first = before === null ? 0 : files.findIndex(({ name }) => name === before.among?.file);
  if (before !== null && (first < 0 || before.among?.files !== fingerprint)) {
    throw changed("since their first pages were read");
  }
  const totalBytes = files.reduce((sum, { state }) => sum + state.size, 0);
  const headers = new HeaderOfFiles(before?.among?.header ?? null);
  for (const [index, { name, path, state }] of files.slice(first).entries()) {
    at(name);
    const among = {
      listed: state,
      headers,
      cursor: () => ({ file: name, files: fingerprint, header: headers.fingerprint }),
    };
    for await (const page of readOneFile(rules, {
      path,
      cursor: index === 0 ? before : null,
      signal,
      among,
    })) {
      yield { ...page, file: name, ...(page.totalBytes === undefined ? {} : { totalBytes }) };
    }
  }
  at(glob);
  if (fingerprintOf(await findFiles(glob, rules.roots, signal)) !== fingerprint)
    throw changed("while they were read");
}

function changed(when: string): SourceError {
  return new SourceError(
    `The files are not the same any more: one appeared, disappeared or changed ${when}.`,
    {
      code: "SOURCE_CHANGED",
    },
  );
}

/** Pages, and errors that say which file they are about and what to do. */
async function* explained(
  rules: FileRules,
  path: string | (() => string),
  signal: AbortSignal | undefined,
  pages: () => AsyncIterable<Page>,
): AsyncGenerator<Page> {
  try {
    yield* pages();
  } catch (error) {
    // Whoever aborted gets back the very reason that they gave.
    if (signal?.aborted && error === signal.reason) throw error;
    const named = typeof path === "function" ? path() : path;
    const where = typeof named === "string" ? named : "(no path)";
    const known = asSourceError(error, where);
    throw SpineError.is(known) ? explainFileError(known, rules, where) : known;
  }
}
