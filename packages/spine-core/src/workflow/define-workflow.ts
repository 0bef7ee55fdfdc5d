import { createHash } from "node:crypto";
import { z } from "zod";
import type { Partition } from "../context.ts";
import { SpineError } from "../errors.ts";
import { checkQueueName } from "../history/check-queue.ts";
import { canonicalJson, type Json } from "../json.ts";
import type { Source } from "../sources/source.ts";
import { freezeStep, Step, type StepContext, type StepOptions, stepData } from "./step.ts";
import type { Workflow, WorkflowData } from "./workflow.ts";

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
  /** The slice of the data that a run is about. */
  readonly partition?: (context: { readonly params: Json<z.output<S>> }) => Partition;
  /** Steps as data, for workflows that are generated; their outputs are not typed. */
  readonly steps?: readonly Step[];
}

const NAME = /^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*$/;
const STEP_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/**
 * Begins a workflow: a value to which `.step`, `.fetch`, `.transform`, `.quality`, `.load` and `.pipeline`
 * add steps. Each call returns a new, frozen workflow, so there is nothing to commit or to close.
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
      params: options.params ?? z.object({}),
      partition: partition ?? (() => null),
    },
    [...(options.steps ?? [])],
    names,
    // biome-ignore lint/complexity/noBannedTypes: as above
  ) as unknown as Workflow<z.input<S>, Json<z.output<S>>, {}>;
}

type Head = Omit<WorkflowData, "steps" | "fingerprint">;
// What the typed builder methods boil down to at run time.
type AnyOptions = StepOptions & Record<string, unknown>;

/** @param names the names of the steps, which are checked already; later workflows of the chain add theirs. */
function build(head: Head, steps: readonly Step[], names: Set<string>): WorkflowData {
  let known: string | undefined;
  const own = {
    ...head,
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
    const earlier = names.size === steps.length ? names : new Set(steps.map(({ name }) => name));
    checkStep(head.name, step, earlier);
    return build(head, [...steps, step], earlier.add(step.name));
  };
  return {
    step: (name: string, run: (context: StepContext) => unknown, options: StepOptions = {}) =>
      add(Step.lambda(name, run, options)),
    fetch: (name: string, options: AnyOptions) =>
      add(
        freezeStep({
          ...stepData(name, options),
          kind: "fetch",
          from: options.from as string | Source,
          request: options.request as (context: StepContext) => unknown,
        }),
      ),
    transform: (name: string, options: AnyOptions) =>
      add(
        freezeStep({
          ...stepData(name, options),
          kind: "transform",
          ...pick(options, "from", "row", "schema"),
        } as Step),
      ),
    quality: (name: string, options: AnyOptions) =>
      add(
        freezeStep({
          ...stepData(name, options),
          kind: "quality",
          ...pick(options, "on", "checks"),
          through: stepsBefore(options.on as string, steps),
        } as Step),
      ),
    load: (name: string, options: AnyOptions) =>
      add(
        freezeStep({
          ...stepData(name, options),
          kind: "load",
          ...pick(options, "from", "into", "disposition"),
          partition: options.partition ?? (options.disposition === "append" ? null : runPartition(head.name)),
        } as Step),
      ),
    pipeline: (name: string, options: AnyOptions) =>
      add(
        Step.pipeline(
          name,
          (options.run as WorkflowData).name,
          options.params as (context: StepContext) => unknown,
          options,
        ),
      ),
  };
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

function checkStep(workflow: string, step: Step, earlier: ReadonlySet<string>): void {
  const refuse = (why: string): never => {
    throw new SpineError("WORKFLOW_INVALID", `Workflow "${workflow}", step "${step.name}": ${why}`);
  };
  if (!STEP_NAME.test(step.name))
    refuse("a step's name has 1 to 64 letters, digits, _ or -, and begins with a letter.");
  if (earlier.has(step.name)) refuse("another step has the same name; rename one of them.");
  const input =
    step.kind === "transform" || step.kind === "load" ? step.from : step.kind === "quality" ? step.on : null;
  if (input !== null && !earlier.has(input))
    refuse(`it reads the dataset of "${input}", but no step before it has that name.`);
}

/** Changes when steps are added, removed, renamed, reordered or read something else; code may change freely. */
function fingerprint(steps: readonly Step[]): string {
  const shape = steps.map((step) => [step.name, step.kind, ...inputsOf(step)]);
  return createHash("sha256").update(canonicalJson(shape)).digest("hex").slice(0, 16);
}

function inputsOf(step: Step): readonly string[] {
  switch (step.kind) {
    case "fetch":
      return [typeof step.from === "string" ? step.from : step.from.name];
    case "transform":
      return [step.from];
    case "quality":
      return [step.on];
    case "load":
      return [step.from, step.into.name, step.disposition];
    case "pipeline":
      return [step.pipeline];
    case "lambda":
      return [];
  }
}

/** The steps that the rows of a step's dataset came through before it, the nearest first. */
function stepsBefore(name: string, steps: readonly Step[]): readonly string[] {
  const step = steps.find((one) => one.name === name);
  return step?.kind === "transform" ? [step.from, ...stepsBefore(step.from, steps)] : [];
}

function pick(options: AnyOptions, ...names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}
