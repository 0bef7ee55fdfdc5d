import type { ZodType, z } from "zod";
import type { Partition } from "../context.ts";
import type { DatasetRef, RowOf } from "../data/dataset.ts";
import type { Table } from "../data/table.ts";
import type { Json } from "../json.ts";
import type { QualityCheck, QualityReport } from "../quality/quality-check.ts";
import type { Row, Source } from "../sources/source.ts";
import type { Disposition, LoadResult, Rejection, Step, StepContext, StepOptions } from "./step.ts";

/** A workflow as every engine, store and user interface sees it: frozen plain data. */
export interface WorkflowData {
  readonly name: string;
  readonly domain: string | null;
  readonly description: string | null;
  /** The queue that its runs stand in, unless a start names another; null for none. */
  readonly queue: string | null;
  /** Checks and completes the parameters of a run before anything is stored. */
  readonly params: ZodType;
  readonly steps: readonly Step[];
  /** Hash over the step list; stored with each run. */
  readonly fingerprint: string;
  partition(context: { readonly params: unknown }): Partition | null;
}

declare const types: unique symbol;

/** A name that no step has yet. */
type NewName<N extends string, O> = N extends keyof O ? never : N;
/** The names of the steps whose output is a dataset. */
export type DatasetNames<O> = { [K in keyof O]: O[K] extends DatasetRef<object> ? K : never }[keyof O] &
  string;

type Handler<P, O, R> = (context: StepContext<P, O>) => R;

/**
 * A workflow with the types of its parameters and outputs. Every builder method returns a new, complete
 * workflow; none changes the one that it is called on.
 */
// The outputs are a plain intersection, spelt out in each method: behind an alias the compiler gives up (TS2589)
// near a hundred steps, behind a mapped type near fifty.
export interface Workflow<Input = never, Params = unknown, Outputs = unknown> extends WorkflowData {
  /** Exists only for the type checker. */
  readonly [types]?: {
    readonly input: (input: Input) => void;
    readonly params: Params;
    readonly outputs: Outputs;
  };

  /** A step of your own code. What it returns is stored as JSON and is `outputs.<name>` afterwards. */
  step<N extends string, R>(
    name: NewName<N, Outputs>,
    run: Handler<Params, Outputs, R>,
    options?: StepOptions,
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: Json<Awaited<R>> }>;

  /** Reads a source into a dataset, page by page; after a crash it goes on at the page that was under way. */
  fetch<N extends string, Request, R extends object = Row>(
    name: NewName<N, Outputs>,
    options: StepOptions & {
      readonly from: Source<Request, R> | string;
      readonly request: Handler<Params, Outputs, NoInfer<Request>>;
    },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: DatasetRef<R> }>;

  /** Makes a new dataset row by row; a row that is refused goes to the rejects with its reason and line. */
  transform<N extends string, From extends DatasetNames<Outputs>, S extends ZodType<object>>(
    name: NewName<N, Outputs>,
    options: StepOptions & {
      readonly from: From;
      readonly row: (
        row: RowOf<Outputs[From]>,
        context: StepContext<Params, Outputs>,
      ) => z.input<S> | Rejection;
      readonly schema: S;
    },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: DatasetRef<Json<z.output<S>> & object> }>;

  /** Runs checks over a dataset; a blocking one that fails ends the run before anything is loaded. */
  quality<N extends string, On extends DatasetNames<Outputs>>(
    name: NewName<N, Outputs>,
    options: StepOptions & {
      readonly on: On;
      readonly checks: readonly QualityCheck<RowOf<Outputs[On]>>[];
    },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: QualityReport }>;

  /** Writes a dataset into a table, in one transaction with the step's own record. */
  load<N extends string, From extends DatasetNames<Outputs>>(
    name: NewName<N, Outputs>,
    options: StepOptions & {
      readonly from: From;
      readonly into: Table<RowOf<Outputs[From]>>;
      readonly disposition: Disposition;
      /** The partition that is replaced; the run's own when left out. */
      readonly partition?: Handler<Params, Outputs, Partition>;
    },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: LoadResult }>;

  /** Runs another workflow as a child and waits for it; its outputs are this step's output. */
  pipeline<N extends string, I, P, O>(
    name: NewName<N, Outputs>,
    options: StepOptions & {
      readonly run: Workflow<I, P, O>;
      readonly params: Handler<Params, Outputs, NoInfer<I>>;
    },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: O }>;
}

export type InputOf<W> = W extends Workflow<infer I, infer _P, infer _O> ? I : never;
export type OutputsOf<W> = W extends Workflow<infer _I, infer _P, infer O> ? O : never;
