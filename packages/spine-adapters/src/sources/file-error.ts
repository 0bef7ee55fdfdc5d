import type { SpineError } from "spine-core";

/** What to do about an error, by its code. */
export type FileAdvice = Readonly<Record<string, string>>;

/** The readers say what they found, this says how to go on. */
const ADVICE: FileAdvice = {
  SOURCE_NOT_FOUND: "Check the path; relative paths start at the source's first root.",
  SOURCE_NOT_A_FILE: "Give the path of one file.",
  SOURCE_EMPTY:
    "Check that its download finished, and get it again; where an empty file is right, set `allowEmpty`.",
  SOURCE_NO_ROWS: "Check that its download finished; where an empty file is right, set `allowNoRows`.",
  SOURCE_HEADER: "Check that this is the right file, or give the source the `columns` that it has.",
  SOURCE_DELIMITER: "Check that this is the right file, or set `delimiter`.",
  SOURCE_ENCODING: "Convert it to UTF-8, or set `encoding`.",
  SOURCE_TRUNCATED: "Its end is missing: get it again.",
  SOURCE_TRAILER: "Rows may be missing: get it again.",
  SOURCE_MALFORMED: "Correct it, or get it again; where quotes mean nothing, set `quote: null`.",
  SOURCE_LINE_TOO_LONG: "Check that it is a text file with line ends, or raise `maxLineBytes`.",
  SOURCE_TOO_LARGE: "Check where it comes from, or raise the limit; large data belongs into jsonl or csv.",
  SOURCE_CHANGED: "Start again once nothing writes to it any more.",
  PERMISSION_DENIED: "Check `roots` and the file's permissions.",
};

/** The error with the file that it is about, and what to do: in the source's own words where it has some. */
export function explainFileError(
  error: SpineError,
  { name: source, advice: own }: { readonly name: string; readonly advice: FileAdvice },
  path: string,
): SpineError {
  const explained = error.withContext({ source, path });
  const where = error.message.includes(path) ? "" : `${path}: `;
  const advice = own[error.code] ?? ADVICE[error.code];
  explained.message = `${where}${error.message}${advice ? ` ${advice}` : ""}`;
  return explained;
}
