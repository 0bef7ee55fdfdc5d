import type { z } from "zod";
import type { Method, PathParams, Responses } from "../operation.ts";

// Types only: nothing of the table reaches a browser.

/** What the client has to know of an operation; the table of a Spine is `SpineOperations`. */
export interface ClientOperation {
  readonly method: Method;
  readonly path: string;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly responses: Responses;
}

/** The paths of the operations with a method. */
export type PathOf<Op extends ClientOperation, M extends Method> = Extract<
  Op,
  { readonly method: M }
>["path"];
/** The operation at a path. */
export type At<Op extends ClientOperation, M extends Method, P extends string> = Extract<
  Op,
  { readonly method: M; readonly path: P }
>;

type QueryOf<O> = O extends { readonly query?: infer Q }
  ? NonNullable<Q> extends z.ZodType
    ? z.input<NonNullable<Q>>
    : undefined
  : undefined;
type BodyOf<O> = O extends { readonly body?: infer B }
  ? NonNullable<B> extends z.ZodType
    ? z.input<NonNullable<B>>
    : undefined
  : undefined;
type ParamsOf<O> = O extends { readonly path: infer P extends string } ? PathParams<P> : never;
type JsonOf<S> = S extends z.ZodType ? z.output<S> : S extends "empty" ? null : string;

/** What an operation answers when it is well: one of its declared bodies. */
export type AnswerOf<O extends ClientOperation> = {
  [S in keyof O["responses"]]: S extends 304 ? never : JsonOf<O["responses"][S]>;
}[keyof O["responses"]];

interface Common {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

type Member<Name extends string, T> = T extends undefined
  ? { readonly [K in Name]?: never }
  : Partial<T> extends T
    ? { readonly [K in Name]?: T }
    : { readonly [K in Name]: T };

/** What is given with a request: what stands in the path, the query, the body. */
export type RequestOf<O extends ClientOperation> = Common &
  (unknown extends ParamsOf<O> ? { readonly params?: never } : { readonly params: ParamsOf<O> }) &
  Member<"query", QueryOf<O>> &
  Member<"body", BodyOf<O>>;

/** The arguments behind the path: none are needed where everything in them can be left out. */
export type Rest<O extends ClientOperation> =
  Record<string, never> extends Pick<RequestOf<O>, RequiredKeys<RequestOf<O>>>
    ? readonly [request?: RequestOf<O>]
    : readonly [request: RequestOf<O>];
type RequiredKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? never : K }[keyof T];
