export type { Condition, DatabaseRequest } from "./database/database-request.ts";
export { type DatabaseSourceOptions, databaseSource } from "./database/database-source.ts";
export type { FileAmong, FileCursor } from "./file-cursor.ts";
export { COMPRESSIONS, type Compression, FILE_FORMATS, type FileFormat } from "./file-format.ts";
export { type FileRequest, fileSource } from "./file-source.ts";
export type { FileSourceOptions } from "./file-source-options.ts";
export type { BodyPath } from "./http/body-path.ts";
export type { HttpAuth, HttpSecret, HttpText, OAuth2 } from "./http/http-auth.ts";
export type { HttpRequest, QueryValue } from "./http/http-request.ts";
export { httpSource } from "./http/http-source.ts";
export {
  type EntriesAt,
  HTTP_FORMATS,
  type HttpFormat,
  type HttpSourceOptions,
} from "./http/http-source-options.ts";
export type { NumberAt, PageAnswer, Paginate } from "./http/paginate.ts";
export type { HttpTimeouts } from "./http/reply-timer.ts";
export { STATUS_ACTIONS, type StatusAction } from "./http/status-action.ts";
