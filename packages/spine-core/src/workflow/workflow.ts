import type { ZodType, z } from "zod";
import type { Partition } from "../context.ts";
import type { DatasetRef, RowOf } from "../data/dataset.ts";
import type { Table } from "../data/table.ts";
import type { Duration } from "../duration.ts";
import type { Json, JsonValue } from "../json.ts";
import type { QualityCheck, QualityReport } from "../quality/quality-check.ts";
import type { Row } from "../sources/source.ts";
import type {
  Context,
  DatasetNames,
  EachAttempt,
  EachItem,
  EndsEarly,
  FetchOptions,
  Final,
  Handler,
  IngestOptions,
  ItemScope,
  NewName,
  NoOther,
  Optional,
  Undo,
} from "./builder-options.ts";
import type { Approval, Collected } from "./composite-steps.ts";
import type { Contract } from "./contract.ts";
import type { LoadHow } from "./load-options.ts";
import type { IngestResult, LoadResult } from "./load-result.ts";
import type { Rejection } from "./rejection.ts";
import type { NewColumns, Step, Unchanged } from "./step.ts";
import type { StepOptions, Waiting } from "./step-options.ts";

/** What becomes of runs that are under way when the steps of their workflow change. */
export const WHEN_CHANGED = ["strict", "pin", "adopt"] as const;
export type WhenChanged = (typeof WHEN_CHANGED)[number];

/** A workflow as every engine, store and user interface sees it: frozen plain data. */
export interface WorkflowData {
  readonly name: string;
  readonly domain: string | null;
  readonly description: string | null;
  /** The queue that its runs stand in, unless a start names another; null for none. */
  readonly queue: string | null;
  /** How long a run may take; null for as long as it takes. */
  readonly deadlineMs: number | null;
  readonly whenChanged: WhenChanged;
  /** Checks and completes the parameters of a run before anything is stored. */
  readonly params: ZodType;
  readonly steps: readonly Step[];
  /** Hash over the step list; stored with each run. */
  readonly fingerprint: string;
  partition(context: { readonly params: unknown }): Partition | null;
}

/** The partition function of a workflow whose runs have none. */
export const NO_PARTITION = (): null => null;

declare const types: unique symbol;

/** A step of one function, or steps one after another, inside of a `parallel`, a `choice` or a `when`. */
// biome-ignore lint/suspicious/noExplicitAny: inference only; what stands here is taken apart by BranchOutput
type Branch<P, O, Scope> = Handler<P, O, any, Scope> | Steps;
/** Several steps, whatever they are. */
type Steps = WorkflowData & { readonly [types]?: { readonly last: unknown } };
type Branches<P, O, Scope> = Readonly<Record<string, Branch<P, O, Scope>>>;
/** What the builder of steps inside of another step begins with: it sees what that step sees. */
type Block<P, O, Scope> = Workflow<never, P, O, undefined, Scope>;
type Inside<P, O, Scope, B> = B | ((block: Block<P, O, Scope>) => B);

/** A function's result as JSON; of several steps, the output of the last one. */
type BranchOutput<B> = B extends (...args: never) => infer R
  ? Json<Awaited<R>>
  : B extends { readonly [types]?: { readonly last: infer L } }
    ? L
    : never;

/**
 * A workflow with the types of its parameters and outputs. Every builder method returns a new, complete
 * workflow; none changes the one that it is called on.
 */
// The outputs are a plain intersection, spelt out in each method: behind an alias the compiler gives up (TS2589)
// near a hundred steps, behind a mapped type near fifty. `Last` is the output of the newest step, `Scope` what steps inside of
// a map see besides.
export interface Workflow<Input = never, Params = unknown, Outputs = unknown, Last = unknown, Scope = unknown>
  extends WorkflowData {
  /** Exists only for the type checker. */
  readonly [types]?: {
    readonly input: (input: Input) => void;
    readonly params: Params;
    readonly outputs: Outputs;
    readonly last: Last;
  };

  /**
   * A step of your own code. What it returns is stored as JSON and is `outputs.<name>` afterwards: undefined where `when`
   * skipped it, or where it failed and the run went on (`onError: "continue"`).
   */
  step<N extends string, R>(
    name: NewName<N, Outputs>,
    run: Handler<Params, Outputs, R, Scope>,
    options: StepOptions & Optional<Params, Outputs, Scope> & Undo<Params, Outputs, Json<Awaited<R>>, Scope>,
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: Json<Awaited<R>> | undefined },
    Json<Awaited<R>> | undefined,
    Scope
  >;
  step<N extends string, R>(
    name: NewName<N, Outputs>,
    run: Handler<Params, Outputs, R, Scope>,
    options?: StepOptions & Undo<Params, Outputs, Json<Awaited<R>>, Scope>,
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: Json<Awaited<R>> }, Json<Awaited<R>>, Scope>;

  /**
   * Reads a source into a dataset, page by page; after a crash it goes on at the page that was under way.
   *
   * With `incremental` it reads what is new since the last run that was completed; with `unchanged: "end"` the run ends here,
   * COMPLETED, when the source says that nothing is new: the steps behind are SKIPPED, and their outputs undefined.
   *
   * @example
   * flow.fetch("orders", {
   *   from: shop,
   *   incremental: { field: "updated_at", start: "2025-01-01T00:00:00Z", lag: "5m", key: ["id"] },
   *   request: ({ since }) => ({ table: "orders", key: ["id"], where: { updated_at: { gte: since } } }),
   * });
   */
  fetch<N extends string, Request, R extends object = Row, F extends keyof R & string = never>(
    name: NewName<N, Outputs>,
    options: FetchOptions<Request, R, F, Params, Outputs, Scope> & { readonly unchanged: "end" },
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: DatasetRef<R> } & EndsEarly,
    DatasetRef<R>,
    Scope
  >;
  fetch<N extends string, Request, R extends object = Row, F extends keyof R & string = never>(
    name: NewName<N, Outputs>,
    options: FetchOptions<Request, R, F, Params, Outputs, Scope> & { readonly unchanged?: "read" },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: DatasetRef<R> }, DatasetRef<R>, Scope>;

  /** Makes a new dataset row by row; a row that is refused goes to the rejects with its reason and line. */
  transform<N extends string, From extends DatasetNames<Outputs>, S extends ZodType<object>>(
    name: NewName<N, Outputs>,
    options: StepOptions & {
      readonly from: From;
      readonly row: (
        row: RowOf<Outputs[From]>,
        context: Context<Params, Outputs, Scope>,
      ) => z.input<S> | Rejection;
      readonly schema: S;
      /** What becomes of fields that the schema does not have, and of values that do not fit it. */
      readonly contract?: Contract;
    },
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: DatasetRef<Json<z.output<S>> & object> },
    DatasetRef<Json<z.output<S>> & object>,
    Scope
  >;

  /** Runs checks over a dataset; a blocking one that fails ends the run before anything is loaded. */
  quality<N extends string, On extends DatasetNames<Outputs>>(
    name: NewName<N, Outputs>,
    options: StepOptions & {
      readonly on: On;
      readonly checks: readonly QualityCheck<RowOf<Outputs[On]>>[];
    },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: QualityReport }, QualityReport, Scope>;

  /** Writes a dataset into a table, in one transaction with the step's own record. */
  load<N extends string, From extends DatasetNames<Outputs>>(
    name: NewName<N, Outputs>,
    options: StepOptions &
      Undo<Params, Outputs, LoadResult, Scope> &
      LoadHow<keyof RowOf<Outputs[From]> & string> & {
        readonly from: From;
        readonly into: Table<RowOf<Outputs[From]>>;
        /**
         * The database that the table is in (`createSpine({ databases })`); Spine's own when left out. Another one cannot commit together
         * with the record of the step: the load commits there under an id that no attempt can load under again.
         */
        readonly database?: string;
        /** `add`: fields that the rows have and the table has not (`contract: { columns: "evolve" }`) become nullable columns of it. */
        readonly newColumns?: NewColumns;
        /**
         * The partition that is replaced, the run's own when left out; with `append`, `merge` and `scd2` the one that the rows
         * are of, if they are of one (`scd2` then closes rows of it only).
         */
        readonly partition?: Handler<Params, Outputs, Partition, Scope>;
      },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: LoadResult }, LoadResult, Scope>;

  /**
   * Reads a source, makes rows of it, checks them and loads them, page by page in one pass: for much data, where nobody needs
   * the datasets in between. After a crash it goes on at the page that was under way, and the table changes in one transaction
   * after the verdict of the checks, or not at all.
   *
   * @example
   * flow.ingest("trades", {
   *   from: venue,
   *   request: ({ params }) => params.day,
   *   row: ({ shares, ...trade }) => ({ ...trade, shares: Number(shares) }),
   *   schema: z.object({ symbol: z.string(), shares: z.int() }),
   *   checks: [recordCount({ min: 1 })],
   *   into: trades,
   *   disposition: "append",
   * });
   */
  ingest<
    N extends string,
    Request,
    R extends object,
    S extends ZodType<object>,
    F extends keyof R & string = never,
    U extends Unchanged = "read",
  >(
    name: NewName<N, Outputs>,
    options: IngestOptions<Request, R, F, S, Params, Outputs, Scope> & { readonly unchanged?: U },
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: IngestResult } & (U extends "end" ? EndsEarly : unknown),
    IngestResult,
    Scope
  >;

  /** Runs another workflow as a child and waits for it; its outputs are this step's output. It is cancelled with this run. */
  pipeline<N extends string, I, P, O>(
    name: NewName<N, Outputs>,
    options: StepOptions &
      Undo<Params, Outputs, Final<O>, Scope> & {
        readonly run: Workflow<I, P, O>;
        readonly params: Handler<Params, Outputs, NoInfer<I> | Promise<NoInfer<I>>, Scope>;
      },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: Final<O> }, Final<O>, Scope>;

  /**
   * Steps at the same time: functions, or several steps each (`block.step(...).step(...)`, whose output is that of the last
   * one). When one fails for good the others are cancelled, unless failures are collected.
   *
   * @example
   * const quotes = defineWorkflow({ name: "demo.quotes" }).parallel("prices", (block) => ({
   *   nyse: () => 101.5,
   *   nasdaq: block.step("fetch", () => [99, 100]).step("last", ({ outputs }) => outputs.fetch[1]),
   * }));
   */
  parallel<N extends string, const B extends Branches<Params, Outputs, Scope>>(
    name: NewName<N, Outputs>,
    branches: Inside<Params, Outputs, Scope, B>,
    options: Pick<StepOptions, "onError" | "timeout"> & { readonly collect: true },
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: { readonly [C in keyof B]: Collected<BranchOutput<B[C]>> } },
    { readonly [C in keyof B]: Collected<BranchOutput<B[C]>> },
    Scope
  >;
  parallel<N extends string, const B extends Branches<Params, Outputs, Scope>>(
    name: NewName<N, Outputs>,
    branches: Inside<Params, Outputs, Scope, B>,
    options?: Pick<StepOptions, "onError" | "timeout"> & { readonly collect?: false },
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: { readonly [C in keyof B]: BranchOutput<B[C]> } },
    { readonly [C in keyof B]: BranchOutput<B[C]> },
    Scope
  >;

  /**
   * Does the same for each item of a list: a function (`run`), several steps (`steps`), or a run of another workflow
   * (`pipeline`). The output has theirs in the order of the items.
   *
   * @example
   * const venues = defineWorkflow({ name: "demo.venues" }).map("volumes", {
   *   over: () => ["XNYS", "XNAS"],
   *   key: (venue) => venue,
   *   run: ({ item }) => item.length,
   * });
   */
  map<N extends string, T, R>(
    name: NewName<N, Outputs>,
    options: EachItem<T, Params, Outputs, Scope> &
      EachAttempt &
      NoOther<"steps" | "pipeline"> & {
        readonly run: Handler<Params, Outputs, R, ItemScope<T>>;
        readonly collect: true;
      },
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: readonly Collected<Json<Awaited<R>>>[] },
    readonly Collected<Json<Awaited<R>>>[],
    Scope
  >;
  map<N extends string, T, R>(
    name: NewName<N, Outputs>,
    options: EachItem<T, Params, Outputs, Scope> &
      EachAttempt &
      NoOther<"steps" | "pipeline"> & {
        readonly run: Handler<Params, Outputs, R, ItemScope<T>>;
        readonly collect?: false;
      },
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: readonly Json<Awaited<R>>[] },
    readonly Json<Awaited<R>>[],
    Scope
  >;
  map<N extends string, T, B extends Steps>(
    name: NewName<N, Outputs>,
    options: EachItem<T, Params, Outputs, Scope> &
      NoOther<"run" | "pipeline" | "each"> & {
        readonly steps: (block: Block<Params, Outputs, ItemScope<T>>) => B;
      },
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: readonly BranchOutput<B>[] },
    readonly BranchOutput<B>[],
    Scope
  >;
  map<N extends string, T, I, P, O>(
    name: NewName<N, Outputs>,
    options: EachItem<T, Params, Outputs, Scope> &
      EachAttempt &
      NoOther<"run" | "steps"> & {
        readonly pipeline: Workflow<I, P, O>;
        readonly params: Handler<Params, Outputs, NoInfer<I>, ItemScope<T>>;
      },
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: readonly Final<O>[] },
    readonly Final<O>[],
    Scope
  >;

  /**
   * One of several steps: the one that `on` names when its turn comes.
   *
   * @example
   * const sized = defineWorkflow({ name: "demo.sized", params: z.object({ rows: z.number() }) }).choice(
   *   "path",
   *   ({ params }) => (params.rows > 1_000 ? "bulk" : "single"),
   *   { bulk: () => "copied", single: () => "inserted" },
   * );
   */
  choice<N extends string, const B extends Branches<Params, Outputs, Scope>>(
    name: NewName<N, Outputs>,
    on: Handler<Params, Outputs, (keyof NoInfer<B> & string) | Promise<keyof NoInfer<B> & string>, Scope>,
    cases: Inside<Params, Outputs, Scope, B>,
    options?: StepOptions,
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: BranchOutput<B[keyof B]> },
    BranchOutput<B[keyof B]>,
    Scope
  >;

  /** Steps that run only if the condition holds when their turn comes; their output is undefined otherwise. */
  when<N extends string, const B extends Branch<Params, Outputs, Scope>>(
    name: NewName<N, Outputs>,
    condition: Handler<Params, Outputs, boolean | Promise<boolean>, Scope>,
    steps: (block: Block<Params, Outputs, Scope>) => B,
    options?: StepOptions,
  ): Workflow<
    Input,
    Params,
    Outputs & { readonly [K in N]: BranchOutput<B> | undefined },
    BranchOutput<B> | undefined,
    Scope
  >;

  /**
   * Waits until somebody approves (`spine.approve`); one that refuses fails the step, as does the end of its timeout. The run
   * takes no memory meanwhile.
   */
  wait<N extends string>(
    name: NewName<N, Outputs>,
    options: Waiting<StepOptions> & { readonly approval: true },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: Approval }, Approval, Scope>;
  /** Waits for a signal (`spine.signal`), which may have come before; its payload, as the schema makes it, is the output. */
  wait<N extends string, S extends ZodType>(
    name: NewName<N, Outputs>,
    options: Waiting<StepOptions> & { readonly signal: string; readonly schema: S },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: Json<z.output<S>> }, Json<z.output<S>>, Scope>;
  /** The same for any payload. */
  wait<N extends string>(
    name: NewName<N, Outputs>,
    options: Waiting<StepOptions> & { readonly signal: string },
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: JsonValue }, JsonValue, Scope>;
  /** Waits for so long, or until then. */
  wait<N extends string>(
    name: NewName<N, Outputs>,
    options: Pick<StepOptions, "onError"> &
      (
        | { readonly for: Duration | Handler<Params, Outputs, Duration, Scope> }
        | { readonly until: Date | string | Handler<Params, Outputs, Date | string, Scope> }
      ),
  ): Workflow<Input, Params, Outputs & { readonly [K in N]: null }, null, Scope>;
}

export type InputOf<W> = W extends Workflow<infer I, infer _P, infer _O> ? I : never;
export type OutputsOf<W> = W extends Workflow<infer _I, infer _P, infer O> ? Final<O> : never;
