import { extname } from "node:path";
import { SourceError } from "spine-core";

/** What {@link fileSource} can read. The first three differ only in their delimiter. */
export const FILE_FORMATS = ["csv", "psv", "tsv", "jsonl", "json"] as const;

export type FileFormat = (typeof FILE_FORMATS)[number];

export const DELIMITER_OF: Readonly<Partial<Record<FileFormat, string>>> = { csv: ",", psv: "|", tsv: "\t" };

const FORMAT_OF = new Map<string, FileFormat>([
  [".csv", "csv"],
  [".psv", "psv"],
  [".tsv", "tsv"],
  [".json", "json"],
  [".jsonl", "jsonl"],
  [".ndjson", "jsonl"],
]);

/** The format that a path's extension names; SOURCE_FORMAT when it names none (`.txt` says nothing). */
export function formatOfPath(path: string): FileFormat {
  const extension = extname(path).toLowerCase();
  const format = FORMAT_OF.get(extension);
  if (format === undefined) {
    throw new SourceError(
      `The extension "${extension}" does not say what is in the file; set \`format\` or \`delimiter\`.`,
      { code: "SOURCE_FORMAT", detail: { extension, known: [...FORMAT_OF.keys()] } },
    );
  }
  return format;
}
