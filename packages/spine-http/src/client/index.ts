// The typed client of the API, for browsers: no zod and nothing of Node's is loaded.

export type { SpineOperations } from "../operations/index.ts";
export type { Event } from "../wire/event.ts";
export type { Problem } from "../wire/problem.ts";
export type { Run } from "../wire/run.ts";
export type { Attempt, Step } from "../wire/step.ts";
export type * from "./answers.ts";
export type { RunEvents, StreamedEvent, StreamOptions } from "./event-stream.ts";
export { errorOf, SpineHttpError } from "./http-error.ts";
export { type AnyRequest, type ClientOptions, createClient, type SpineClient } from "./spine-client.ts";
export type { AnswerOf, At, ClientOperation, PathOf, RequestOf } from "./types.ts";
