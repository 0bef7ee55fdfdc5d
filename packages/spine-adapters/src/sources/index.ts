export type { FileAmong, FileCursor } from "./file-cursor.ts";
export { COMPRESSIONS, type Compression, FILE_FORMATS, type FileFormat } from "./file-format.ts";
export { type FileRequest, fileSource } from "./file-source.ts";
export type { FileSourceOptions } from "./file-source-options.ts";
