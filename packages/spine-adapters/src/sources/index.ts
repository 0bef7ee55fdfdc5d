export type { Condition, DatabaseRequest } from "./database/database-request.ts";
export { type DatabaseSourceOptions, databaseSource } from "./database/database-source.ts";
export type { FileCursor } from "./file-cursor.ts";
export { FILE_FORMATS, type FileFormat } from "./file-format.ts";
export { type FileRequest, fileSource } from "./file-source.ts";
export type { FileSourceOptions } from "./file-source-options.ts";
