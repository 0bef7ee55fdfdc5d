import type { Spine } from "spine-core";
import type { z } from "zod";
import type { Access } from "./auth/access.ts";
import type { Principal } from "./auth/auth.ts";
import type { HttpRequest, HttpResponse } from "./http-request.ts";
import type { ProblemCode } from "./problems.ts";
import type { Services } from "./services.ts";

export type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";

/** What may be answered, by status. `EVENTS` and `BYTES` say what is no JSON. */
export type Responses = Readonly<Record<number, z.ZodType | typeof EVENTS | typeof BYTES | typeof EMPTY>>;
/** A stream of events (`text/event-stream`). */
export const EVENTS = "events";
/** A file. */
export const BYTES = "bytes";
/** An answer without a body. */
export const EMPTY = "empty";

/** The names in a path: `{name}` of `/pipelines/run/{name}`. */
export type PathParams<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [K in Name extends `${infer N}+` ? N : Name]: string } & PathParams<Rest>
  : unknown;

/** A value as it is only read: what is frozen fits as well. */
export type Plain<T> = T extends readonly (infer I)[]
  ? readonly Plain<I>[]
  : T extends object
    ? { readonly [K in keyof T]: Plain<T[K]> }
    : T;

type ReplyBody<S> = S extends z.ZodType ? Plain<z.input<S>> : S extends "empty" ? null : HttpResponse["body"];

/** An answer of an operation: one of those that it declares. */
export type Reply<R extends Responses> = {
  [S in keyof R & number]: {
    readonly status: S;
    readonly body: ReplyBody<R[S]>;
    readonly headers?: Readonly<Record<string, string>>;
  };
}[keyof R & number];

/** One request to an operation, checked. */
export interface Call<P extends string = string, Q = unknown, B = unknown> {
  readonly spine: Spine;
  readonly params: PathParams<P>;
  readonly query: Q;
  readonly body: B;
  readonly principal: Principal;
  /** What the principal may see: everything about runs and pipelines is asked through it. */
  readonly access: Access;
  readonly request: HttpRequest;
  readonly services: Services;
  /** Asks once more whether the caller may do this: for what goes on for long. */
  stillAllowed(): Promise<boolean>;
  /** Tells `audit` why. */
  remark(reason: string): void;
  /** A path of ours as the other side has it: with the base path. */
  path(path: string): string;
}

/** Whether somebody who may see a part only may call it, and who keeps him to his part. */
export type Scoping =
  /** The operation, by `access`. */
  | "access"
  /** It shows nothing of anybody. */
  | "open"
  /** It is about everything: nobody with a scope may. */
  | "whole";

/** One thing that can be asked or done: the router, OpenAPI, the client, the permissions and the tests are made of the table of these. */
export interface Operation<
  M extends Method = Method,
  P extends string = string,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  R extends Responses = Responses,
> {
  /** `runs.start`: its name in the client's types, in OpenAPI, and for `authorize`. */
  readonly id: string;
  readonly method: M;
  /** `/pipelines/run/{name}`. */
  readonly path: P;
  readonly summary: string;
  /** What the caller has to be allowed; null: everybody may, known or not. */
  readonly permission: string | null;
  readonly scoping: Scoping;
  /** A strict object of zod; lists are repeated members. None when left out. */
  readonly query?: Q;
  /** None when left out. */
  readonly body?: B;
  /** True: a body may be left out, and is `{}` then. */
  readonly bodyOptional?: boolean;
  /** True: an object without `params` is taken as the parameters themselves. */
  readonly bareParams?: boolean;
  /** Headers that it looks at, for the docs. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly responses: R;
  /** Problems beyond those that every operation may answer. */
  readonly problems: readonly ProblemCode[];
  handle(call: Call<P, z.output<Q>, z.output<B>>): Promise<Reply<NoInfer<R>>> | Reply<NoInfer<R>>;
}

// biome-ignore lint/suspicious/noExplicitAny: any operation, for tables of them; what it takes is checked by its own schemas
export type AnyOperation = Operation<Method, string, any, any, any>;

/**
 * An operation, typed by its schemas.
 *
 * @example
 * const hello = operation({
 *   id: "demo.hello",
 *   method: "GET",
 *   path: "/demo/hello/{name}",
 *   summary: "Says hello.",
 *   permission: "demo:read",
 *   scoping: "open",
 *   responses: { 200: z.strictObject({ text: z.string() }) },
 *   problems: [],
 *   handle: ({ params }) => ({ status: 200, body: { text: `Hello ${params.name}` } }),
 * });
 * const handler = createHandler(spine, { auth: apiKeys([]), operations: [hello] });
 */
export function operation<
  const M extends Method,
  const P extends string,
  const R extends Responses,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(spec: Operation<M, P, Q, B, R>): Operation<M, P, Q, B, R> {
  return Object.freeze(spec);
}
