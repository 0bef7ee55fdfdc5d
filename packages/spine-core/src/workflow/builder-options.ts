import type { ZodType, z } from "zod";
import type { Partition } from "../context.ts";
import type { DatasetRef } from "../data/dataset.ts";
import type { Table } from "../data/table.ts";
import type { Json } from "../json.ts";
import type { QualityCheck } from "../quality/quality-check.ts";
import type { Source } from "../sources/source.ts";
import type { Contract } from "./contract.ts";
import type { IncrementalOptions, MarkOf, Since } from "./incremental.ts";
import type { LoadHow } from "./load-options.ts";
import type { IngestResult } from "./load-result.ts";
import type { Rejection } from "./rejection.ts";
import type { OnError } from "./step.ts";
import type { ItemContext, StepContext, UndoContext } from "./step-context.ts";
import type { StepOptions } from "./step-options.ts";

// What the builder's methods take, with the types that flow from step to step: P are the run's parameters, O the outputs so far,
// Scope what steps inside of a map see besides.

/** A name that no step has yet. */
export type NewName<N extends string, O> = N extends keyof O ? never : N;
/** The names of the steps whose output is a dataset. */
export type DatasetNames<O> = { [K in keyof O]: O[K] extends DatasetRef<object> ? K : never }[keyof O] &
  string;

/** What steps see: with `Scope`, that of a map's items, for those inside of one. */
export type Context<P, O, Scope> = StepContext<P, O> & Scope;
export type Handler<P, O, R, Scope = unknown> = (context: Context<P, O, Scope>) => R;

export type Optional<P, O, Scope> =
  | { readonly when: Handler<P, O, unknown, Scope>; readonly onError?: OnError }
  | { readonly when?: Handler<P, O, unknown, Scope>; readonly onError: "continue" };
export interface Undo<P, O, Output, Scope> {
  readonly undo?: (context: UndoContext<P, O, NoInfer<Output>> & Scope) => unknown;
}

export interface FetchOptions<Request, R extends object, F extends string, P, O, Scope> extends StepOptions {
  readonly from: Source<Request, R> | string;
  /** With `incremental` it also sees `since` and `until`. */
  readonly request: Handler<P, O, NoInfer<Request>, Scope & Since<MarkOf<R, F>>>;
  readonly incremental?: IncrementalOptions<F, MarkOf<NoInfer<R>, F>, Context<P, O, Scope>>;
  /** Which runs follow each other: a text made of the parameters, e.g. the tier. All runs of the workflow when left out. */
  readonly scope?: Handler<P, O, string, Scope>;
}

/** The rows that a schema makes, as they are stored. */
export type Made<S extends ZodType<object>> = Json<z.output<S>> & object;

export type IngestOptions<
  Request,
  R extends object,
  F extends string,
  S extends ZodType<object>,
  P,
  O,
  Scope,
> = FetchOptions<Request, R, F, P, O, Scope> &
  Undo<P, O, IngestResult, Scope> &
  LoadHow<keyof Made<S> & string> & {
    /** What becomes of a row that was read. */
    readonly row: (row: NoInfer<R>, context: Context<P, O, Scope>) => z.input<S> | Rejection;
    readonly schema: S;
    /** What becomes of fields that the schema does not have, and of values that do not fit it. */
    readonly contract?: Contract;
    /** One that blocks and fails ends the run before the table is touched. */
    readonly checks?: readonly QualityCheck<Made<S>>[];
    /** A table in Spine's own database. */
    readonly into: Table<Made<S>>;
    /** As in `load`. */
    readonly partition?: Handler<P, O, Partition, Scope>;
  };

declare const endsEarly: unique symbol;
/** Marks the outputs of a workflow whose runs may end before its last step. Exists only for the type checker. */
export interface EndsEarly {
  readonly [endsEarly]: true;
}
/** The outputs of a run once it is completed: those of a run that may have ended early are perhaps not there. */
export type Final<O> = typeof endsEarly extends keyof O ? Partial<Omit<O, typeof endsEarly>> : O;

export interface EachItem<T, P, O, Scope> extends StepOptions {
  /** The items, asked for once: the list is recorded before the first of them begins. */
  readonly over: Handler<P, O, readonly T[] | Promise<readonly T[]>, Scope>;
  /** What an item is recognised by when the run is resumed, unique in the list; its position when left out. */
  readonly key?: (item: Json<T>, index: number) => string;
  /** Items at a time; 10 when left out. */
  readonly concurrency?: number;
}
/** Retries and timeouts of each item; those beside it are the ones of making the list. Steps of an item have their own. */
export interface EachAttempt {
  readonly each?: Pick<StepOptions, "retry" | "timeout" | "heartbeatTimeout">;
}
export type NoOther<K extends "run" | "steps" | "pipeline" | "each"> = { readonly [P in K]?: never };
export type ItemScope<T> = ItemContext<Json<T>>;
