import { extname } from "node:path";
import { SourceError } from "spine-core";

/** What {@link fileSource} can read. The first three differ only in their delimiter. */
export const FILE_FORMATS = ["csv", "psv", "tsv", "jsonl", "json", "parquet"] as const;

export type FileFormat = (typeof FILE_FORMATS)[number];

/** What a file may be compressed with. */
export const COMPRESSIONS = ["gz", "zst"] as const;

export type Compression = (typeof COMPRESSIONS)[number];

export const DELIMITER_OF: Readonly<Partial<Record<FileFormat, string>>> = { csv: ",", psv: "|", tsv: "\t" };

const FORMAT_OF = new Map<string, FileFormat>([
  [".csv", "csv"],
  [".psv", "psv"],
  [".tsv", "tsv"],
  [".json", "json"],
  [".jsonl", "jsonl"],
  [".ndjson", "jsonl"],
  [".parquet", "parquet"],
  [".pq", "parquet"],
]);

const COMPRESSION_OF = new Map<string, Compression>([
  [".gz", "gz"],
  [".gzip", "gz"],
  [".zst", "zst"],
  [".zstd", "zst"],
]);

/** The compression that a path's extension names; null when it names none. */
export function compressionOfPath(path: string): Compression | null {
  return COMPRESSION_OF.get(extname(path).toLowerCase()) ?? null;
}

/**
 * The format that a path's extension names, the one before `.gz` or `.zst` where it ends in that; SOURCE_FORMAT when it
 * names none (`.txt` says nothing).
 */
export function formatOfPath(path: string): FileFormat {
  const inner = compressionOfPath(path) === null ? path : path.slice(0, -extname(path).length);
  const extension = extname(inner).toLowerCase();
  const format = FORMAT_OF.get(extension);
  if (format === undefined) {
    throw new SourceError(
      `The extension "${extension}" does not say what is in the file; set \`format\` or \`delimiter\`.`,
      { code: "SOURCE_FORMAT", detail: { extension, known: [...FORMAT_OF.keys()] } },
    );
  }
  return format;
}
