import { z } from "zod";
import {
  aFunction,
  aList,
  anObject,
  anything,
  aSchema,
  aText,
  aTimeLimit,
  checkArgument,
  checkOptions,
  type OptionKind,
  type OptionKinds,
  required,
} from "../check-options.ts";
import type { Partition } from "../context.ts";
import type { Table } from "../data/table.ts";
import { type Duration, toMs } from "../duration.ts";
import { SpineError } from "../errors.ts";
import { checkQueueName } from "../history/check-queue.ts";
import type { Json } from "../json.ts";
import type { Source } from "../sources/source.ts";
import { checkStep, refuseEnding } from "./check-step.ts";
import { checkContract } from "./contract.ts";
import { fingerprint } from "./fingerprint.ts";
import { checkIncremental } from "./incremental.ts";
import { isWorkflow } from "./is-workflow.ts";
import { type LoadHow, mergeOf } from "./load-options.ts";
import { type FetchStep, freezeStep, type PipelineStep, Step, stepData, type Unchanged } from "./step.ts";
import type { ItemContext, StepContext } from "./step-context.ts";
import {
  type AnyStepOptions,
  type Collecting,
  FETCH,
  INGEST,
  LOAD,
  MAP_EACH,
  type Mapping,
  PIPELINE,
  QUALITY,
  TRANSFORM,
  type WaitOptions,
} from "./step-options.ts";
import {
  NO_PARTITION,
  WHEN_CHANGED,
  type WhenChanged,
  type Workflow,
  type WorkflowData,
} from "./workflow.ts";

export interface WorkflowOptions<S extends z.ZodType> {
  /** Dotted lower-case name, unique in a Spine: `finra.otc_transparency.ingest_week`. */
  readonly name: string;
  readonly domain?: string;
  readonly description?: string;
  /**
   * The queue that its runs stand in, unless a start names another: 1 to 100 letters, digits, `.`, `_` and `-`. They are
   * then never begun where they are started but claimed, within the queue's limits (`spine.queues`).
   */
  readonly queue?: string;
  /**
   * A zod schema; parameters that do not fit it are refused before anything is stored. Functions of the workflow see
   * what it makes of them as JSON gives it back: a Date is a string.
   */
  readonly params?: S;
  /** How long a run may take from its start to its end, unless a start says otherwise; it fails with RUN_DEADLINE then. */
  readonly deadline?: Duration;
  /**
   * What becomes of runs that are under way when the step list changes: they fail and say so (`strict`, the default), wait for
   * a process that has their version (`pin`), or go on with the new list, keeping the results of steps of the same path
   * (`adopt`): what is under way of steps that are gone, or that are others by now, is cancelled, and what is new begins when
   * its turn comes. Code may change freely, and a run that has not begun is always one of the new version.
   */
  readonly whenChanged?: WhenChanged;
  /** The slice of the data that a run is about. */
  readonly partition?: (context: { readonly params: Json<z.output<S>> }) => Partition;
  /** Steps as data, for workflows that are generated; their outputs are not typed. */
  readonly steps?: readonly Step[];
}

const NAME = /^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*$/;
const WORKFLOW: OptionKinds<WorkflowOptions<z.ZodType>> = {
  name: required(aText),
  domain: aText,
  description: aText,
  // Checked by itself, as is `whenChanged`.
  queue: anything,
  params: aSchema,
  deadline: aTimeLimit,
  whenChanged: anything,
  partition: aFunction,
  steps: aList,
};

/**
 * Begins a workflow: a value to which `.step`, `.fetch`, `.transform`, `.quality`, `.load`, `.ingest`, `.pipeline`, `.parallel`, `.map`,
 * `.choice`, `.when` and `.wait` add steps. Each call returns a new, frozen workflow, so there is nothing to commit or to close.
 *
 * @throws SpineError WORKFLOW_INVALID for a name, a step name or an option that cannot be used.
 * @example
 * const hello = defineWorkflow({ name: "demo.hello", params: z.object({ name: z.string() }) })
 *   .step("greet", ({ params }) => `Hello ${params.name}`)
 *   .step("count", ({ outputs }) => ({ letters: outputs.greet.length }));
 */
// biome-ignore lint/complexity/noBannedTypes: {} is the empty set of outputs; `object` would not intersect away
export function defineWorkflow<S extends z.ZodType = z.ZodObject<{}>>(
  options: WorkflowOptions<S>,
  // biome-ignore lint/complexity/noBannedTypes: as above
): Workflow<z.input<S>, Json<z.output<S>>, {}> {
  checkOptions(options, WORKFLOW, { of: "defineWorkflow", code: "WORKFLOW_INVALID" });
  if (!NAME.test(options.name)) {
    throw new SpineError(
      "WORKFLOW_INVALID",
      `"${options.name}" cannot name a workflow. Use lower-case words joined by dots, e.g. "finra.ingest_week".`,
    );
  }
  if (options.queue !== undefined) checkQueueName(options.queue, "WORKFLOW_INVALID");
  const partition = options.partition as WorkflowData["partition"] | undefined;
  const names = new Set<string>();
  for (const step of options.steps ?? []) {
    checkStep(options.name, step, names);
    names.add(step.name);
  }
  return build(
    {
      name: options.name,
      domain: options.domain ?? null,
      description: options.description ?? null,
      queue: options.queue ?? null,
      deadlineMs: options.deadline === undefined ? null : toMs(options.deadline),
      whenChanged: whenChangedOf(options),
      params: options.params ?? z.object({}),
      partition: partition ?? NO_PARTITION,
    },
    [...(options.steps ?? [])],
    names,
    // biome-ignore lint/complexity/noBannedTypes: as above
  ) as unknown as Workflow<z.input<S>, Json<z.output<S>>, {}>;
}

function whenChangedOf<S extends z.ZodType>({
  name,
  whenChanged = "strict",
}: WorkflowOptions<S>): WhenChanged {
  if (WHEN_CHANGED.includes(whenChanged)) return whenChanged;
  throw new SpineError(
    "WORKFLOW_INVALID",
    `Workflow "${name}": whenChanged is "${String(whenChanged)}"; use ${WHEN_CHANGED.join(", ")}.`,
  );
}

/** @param outer the names of the steps before the one that the steps are inside of; they may be read. */
type Head = Omit<WorkflowData, "steps" | "fingerprint"> & { readonly outer?: ReadonlySet<string> };
// What the typed builder methods boil down to at run time.
type AnyOptions = AnyStepOptions & Record<string, unknown>;
type Handler = (context: StepContext) => unknown;
/** A step of one function, or several steps, inside of another step. */
type Branch = Handler | WorkflowData;
type Branches = Readonly<Record<string, Branch>>;

/** @param names the names of the steps, which are checked already; later workflows of the chain add theirs. */
function build(head: Head, steps: readonly Step[], names: Set<string>): WorkflowData {
  let known: string | undefined;
  const { outer: _outer, ...data } = head;
  const own = {
    ...data,
    steps: Object.freeze(steps),
    // Computed when it is first read: each call of the builder makes a workflow, and most are never run.
    get fingerprint() {
      known ??= fingerprint(steps);
      return known;
    },
  };
  // The methods stand on the prototype: the workflow's own properties are its data and nothing else.
  return Object.freeze(Object.create(builderOf(head, steps, names), Object.getOwnPropertyDescriptors(own)));
}

function builderOf(head: Head, steps: readonly Step[], names: Set<string>): Record<string, unknown> {
  const add = (step: Step) => {
    // The newest workflow of a chain hands its names on; one that was built upon before has too many in them.
    if (head.outer) refuseEnding(head.name, step);
    const earlier = names.size === steps.length ? names : new Set(steps.map(({ name }) => name));
    checkStep(head.name, step, earlier, head.outer);
    return build(head, [...steps, step], earlier.add(step.name));
  };
  return {
    step: (name: string, run: (context: StepContext) => unknown, options: AnyStepOptions = {}) =>
      add(Step.lambda(name, run, options)),
    fetch: (name: string, options: AnyOptions) =>
      add(
        freezeStep({
          ...stepData(name, options, FETCH),
          kind: "fetch",
          from: options.from as string | Source,
          request: options.request as (context: StepContext) => unknown,
          ...following(name, options),
        }),
      ),
    transform: (name: string, options: AnyOptions) =>
      add(
        freezeStep({
          ...stepData(name, options, TRANSFORM),
          kind: "transform",
          ...pick(options, "from", "row", "schema"),
          contract: checkContract(name, options.contract, options.schema as z.ZodType),
        } as Step),
      ),
    quality: (name: string, options: AnyOptions) =>
      add(
        freezeStep({
          ...stepData(name, options, QUALITY),
          kind: "quality",
          ...pick(options, "on", "checks"),
          through: stepsBefore(options.on as string, steps),
        } as Step),
      ),
    load: (name: string, options: AnyOptions) =>
      add(
        freezeStep({
          ...stepData(name, options, LOAD),
          kind: "load",
          ...pick(options, "from", "into", "disposition"),
          ...loading(name, options),
          database: databaseOf(name, options),
          newColumns: options.newColumns ?? "ignore",
        } as Step),
      ),
    ingest: (name: string, options: AnyOptions) =>
      add(
        freezeStep({
          ...stepData(name, options, INGEST),
          kind: "ingest",
          ...pick(options, "from", "request", "row", "schema", "into", "disposition"),
          ...following(name, options),
          contract: checkContract(name, options.contract, options.schema as z.ZodType),
          checks: options.checks ?? [],
          ...loading(name, options),
        } as Step),
      ),
    pipeline: (name: string, options: AnyOptions) => {
      stepData(name, options, PIPELINE);
      const { run, params, ...own } = options as AnyOptions & Child;
      return add(pipelineOf(name, run, params, own));
    },
    parallel: (name: string, branches: Inside<Branches>, options: AnyOptions & Collecting = {}) =>
      add(Step.parallel(name, branchesOf(name, branches), options)),
    map: (name: string, options: AnyOptions & Collecting & Mapping & Each) => {
      stepData(name, options, MAP_EACH);
      return add(Step.map(name, options.over, eachOf(name, options), mapOptions(options)));
    },
    choice: (name: string, on: Handler, cases: Inside<Branches>, options: AnyOptions = {}) =>
      add(Step.choice(name, on, branchesOf(name, cases), options)),
    when: (
      name: string,
      condition: Handler,
      block: (block: WorkflowData) => Branch,
      options: AnyOptions = {},
    ) => {
      const of = { of: `step "${String(name)}"`, code: "WORKFLOW_INVALID" } as const;
      checkArgument("condition", condition, aFunction, of);
      checkArgument("steps", block, aFunction, of);
      const on = async (context: StepContext) => ((await condition(context)) ? "then" : null);
      return add(Step.choice(name, on, [branchOf(name, "then", block(nested()))], options));
    },
    wait: (name: string, options: AnyOptions & WaitOptions) => add(Step.wait(name, options)),
  };

  /** Where a load goes. */
  function databaseOf(name: string, { database, undo }: AnyOptions): string | null {
    if (database === undefined || undo === undefined) return (database as string | undefined) ?? null;
    throw new SpineError(
      "WORKFLOW_INVALID",
      `Step "${name}" loads into another database, under an id that it can load under once only: \`undo\` would take the rows away, and a retry would not bring them back. Undo it in a step of your own.`,
    );
  }
  /** How a load finds what it changes. */
  function loading(name: string, options: AnyOptions) {
    return {
      merge: mergeOf(name, options.into as Table, options as AnyOptions & LoadHow),
      partition:
        options.partition ?? (options.disposition === "replace-partition" ? runPartition(head.name) : null),
    };
  }
  /** What the steps inside of another step are added to: it sees the steps before that one. */
  function nested(): WorkflowData {
    return build(
      { ...head, outer: new Set([...(head.outer ?? []), ...steps.map((step) => step.name)]) },
      [],
      new Set(),
    );
  }
  function branchesOf(name: string, branches: Inside<Branches>): readonly Step[] {
    const given = typeof branches === "function" ? branches(nested()) : branches;
    checkArgument("branches", given, someBranches, {
      of: `step "${String(name)}"`,
      code: "WORKFLOW_INVALID",
    });
    return Object.entries(given).map(([branch, block]) => branchOf(name, branch, block));
  }
  function eachOf(name: string, { run, steps: block, pipeline, params, each = {} }: Each): Step {
    const refuse = (why: string): never => {
      throw new SpineError("WORKFLOW_INVALID", `Workflow "${head.name}", step "${name}": ${why}`);
    };
    const given = [run, block, pipeline].filter((one) => one !== undefined);
    if (given.length !== 1) {
      const what = given.length === 0 ? "nothing" : "more than one thing";
      refuse(`it says ${what} to do for each item. Give it one of \`run\`, \`steps\` and \`pipeline\`.`);
    }
    if (pipeline) return pipelineOf("each", pipeline, params ?? itemOf, each);
    if (params) refuse("`params` are those of the runs of a `pipeline`; leave them out.");
    if (!block) return Step.lambda("each", run as Handler, each);
    if (Object.keys(each).length > 0)
      refuse("`each` is for one attempt; give these options to the steps of `steps`.");
    return branchOf(name, "each", block(nested()));
  }
}

/** Given as it is, or as a function of what it is built with. */
type Inside<T> = T | ((block: WorkflowData) => T);

interface Child {
  readonly run: WorkflowData;
  readonly params?: Handler;
}

/** What a map does for each of its items. */
interface Each {
  readonly over: Handler;
  readonly run?: Handler;
  readonly steps?: (block: WorkflowData) => WorkflowData;
  readonly pipeline?: WorkflowData;
  readonly params?: Handler;
  /** Options of each item's own attempts. */
  readonly each?: AnyStepOptions;
}

/** Where nothing else is said, an item is the parameters of its own run. */
function itemOf(context: StepContext): unknown {
  return (context as StepContext & Partial<ItemContext>).item;
}

const someBranches: OptionKind = {
  is: "an object of functions and blocks of steps, by their names",
  fits: anObject.fits,
};
const aBranch: OptionKind = {
  is: "a function, or several steps: `block.step(…).step(…)`",
  fits: (value) => typeof value === "function" || isWorkflow(value),
};

function branchOf(around: string, name: string, branch: Branch): Step {
  checkArgument(name, branch, aBranch, {
    called: "branch",
    of: `step "${String(around)}"`,
    code: "WORKFLOW_INVALID",
  });
  return typeof branch === "function" ? Step.lambda(name, branch) : Step.sequence(name, branch.steps);
}

/** It brings the workflow that it runs along: who registers the one registers the other. */
function pipelineOf(
  name: string,
  run: WorkflowData,
  params: Handler | undefined,
  options: AnyStepOptions,
): Step {
  return freezeStep({ ...(Step.pipeline(name, run.name, params, options) as PipelineStep), child: run });
}

function mapOptions(options: AnyOptions & Collecting & Mapping): AnyStepOptions & Collecting & Mapping {
  const {
    over: _over,
    run: _run,
    steps: _steps,
    pipeline: _pipeline,
    params: _params,
    each: _each,
    ...own
  } = options;
  return own;
}

function runPartition(workflow: string): (context: StepContext) => Partition {
  return ({ partition, step }) => {
    if (partition) return partition;
    throw new SpineError(
      "WORKFLOW_INVALID",
      `Step "${step}" of "${workflow}" replaces a partition, but neither the step nor the workflow says which. Give one of them \`partition\`.`,
    );
  };
}

/** What a fetch says about the runs before it. */
function following(name: string, { incremental, unchanged, scope, from }: AnyOptions): Partial<FetchStep> {
  const refuse = (why: string): never => {
    throw new SpineError("WORKFLOW_INVALID", `Step "${name}": ${why}`);
  };
  if (unchanged === "end" && typeof from === "object" && !(from as Source).changed)
    refuse(
      `its source "${(from as Source).name}" cannot say whether it has changed; leave \`unchanged\` out.`,
    );
  return {
    ...(incremental === undefined ? {} : { incremental: checkIncremental(name, incremental) }),
    ...(unchanged === undefined ? {} : { unchanged: unchanged as Unchanged }),
    ...(scope === undefined ? {} : { scope: scope as (context: StepContext) => string }),
  };
}

/** The steps that the rows of a step's dataset came through before it, the nearest first. */
function stepsBefore(name: string, steps: readonly Step[]): readonly string[] {
  const step = steps.find((one) => one.name === name);
  return step?.kind === "transform" ? [step.from, ...stepsBefore(step.from, steps)] : [];
}

function pick(options: AnyOptions, ...names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}
