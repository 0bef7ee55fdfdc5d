import {
  innerSteps,
  pathIn,
  type RunDetail,
  STEP_STATUSES,
  type Step as StepData,
  type StepRecord,
  type WorkflowData,
} from "spine-core";
import { z } from "zod";
import { secondsBetween } from "./list.ts";
import { FAILURE, failureOf, Metrics } from "./run.ts";

export const RowCounts = z
  .strictObject({ in: z.number(), out: z.number(), rejected: z.number() })
  .meta({ id: "RowCounts" });

const Progress = z
  .strictObject({
    rows: RowCounts.nullable(),
    done: z.number().nullable(),
    total: z.number().nullable(),
    unit: z.string().nullable(),
    message: z.string().nullable(),
    at: z.iso.datetime(),
  })
  .meta({ id: "Progress" });

/** One attempt of a step. */
export const Attempt = z
  .strictObject({
    step_id: z.string(),
    seq: z.int(),
    name: z.string(),
    kind: z.string(),
    attempt: z.int(),
    status: z.enum(STEP_STATUSES),
    started_at: z.iso.datetime(),
    completed_at: z.iso.datetime().nullable(),
    duration: z.number().nullable(),
    ...FAILURE,
    rows: RowCounts.nullable(),
    metrics: Metrics,
    retry_at: z.iso.datetime().nullable(),
  })
  .meta({ id: "Attempt" });
export type Attempt = z.output<typeof Attempt>;

/** A step of a run: its newest attempt, or that it has not begun. */
export const Step = z
  .strictObject({
    name: z.string().describe("Its path: `load`, or `venues/XNYS/load` inside of others."),
    kind: z.string(),
    parent: z.string().nullable().describe("The step that it is inside of."),
    status: z.enum(STEP_STATUSES),
    attempts: z.int().describe("How often it was begun; 0 for one that has not begun."),
    started_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
    duration: z.number().nullable().describe("Seconds of the newest attempt; null before its end."),
    ...FAILURE,
    rows: RowCounts.nullable(),
    metrics: Metrics,
    retry_at: z.iso.datetime().nullable(),
    waiting_for: z.string().nullable(),
    waiting_until: z.iso.datetime().nullable(),
    skip_reason: z.string().nullable(),
    progress: Progress.nullable(),
    history: z
      .array(Attempt)
      .describe("All its attempts, the oldest first; none unless `attempts` are included."),
  })
  .meta({ id: "Step" });
export type Step = z.output<typeof Step>;

/** Whether this process knows the steps that a run was started with. */
export const DEFINITIONS = ["CURRENT", "CHANGED", "UNKNOWN"] as const;

/** What the steps of a run are shown with. */
export interface StepOptions {
  readonly progress: boolean;
  readonly attempts: boolean;
}

/**
 * The steps of a run in their order: those that have begun, and those that its pipeline declares and that have not. The items of a
 * map are known once they are begun.
 *
 * @param workflow the pipeline as this process knows it; undefined where it does not.
 */
export function stepsOf(
  { run, steps }: RunDetail,
  workflow: WorkflowData | undefined,
  options: StepOptions,
): { readonly definition: (typeof DEFINITIONS)[number]; readonly steps: readonly Step[] } {
  const recorded = Map.groupBy(steps, ({ name }) => name);
  const definition =
    workflow === undefined ? "UNKNOWN" : workflow.fingerprint === run.fingerprint ? "CURRENT" : "CHANGED";
  const wire: Step[] = [];
  const add = (path: string, kind: string, parent: string | null) => {
    const found = recorded.get(path);
    recorded.delete(path);
    wire.push(found ? begun(found, parent, options) : pending(path, kind, parent));
  };
  const walk = (declared: readonly StepData[], parent: string | null) => {
    for (const step of declared) {
      const path = pathIn(parent, step.name);
      // A sequence is an order only: it has no attempts.
      if (step.kind !== "sequence") add(path, step.kind, parent);
      if (step.kind === "map") addBegun(path);
      else if (step.kind !== "choice" || [...recorded.keys()].some((name) => name.startsWith(`${path}/`)))
        walk(
          innerSteps(step).filter((inner) => step.kind !== "choice" || isBegun(pathIn(path, inner.name))),
          path,
        );
    }
  };
  const isBegun = (path: string) =>
    [...recorded.keys()].some((name) => name === path || name.startsWith(`${path}/`));
  const addBegun = (path: string) => {
    for (const name of recorded.keys()) if (name.startsWith(`${path}/`)) add(name, "", parentOf(name));
  };
  if (definition === "CURRENT") walk(workflow?.steps ?? [], null);
  for (const name of recorded.keys()) add(name, "", parentOf(name));
  return { definition, steps: wire };
}

function parentOf(path: string): string | null {
  const end = path.lastIndexOf("/");
  return end === -1 ? null : path.slice(0, end);
}

function pending(name: string, kind: string, parent: string | null): Step {
  return {
    name,
    kind,
    parent,
    status: "PENDING",
    attempts: 0,
    started_at: null,
    completed_at: null,
    duration: null,
    ...failureOf(null),
    rows: null,
    metrics: {},
    retry_at: null,
    waiting_for: null,
    waiting_until: null,
    skip_reason: null,
    progress: null,
    history: [],
  };
}

/** @param attempts of the step, the newest last. */
function begun(attempts: readonly StepRecord[], parent: string | null, options: StepOptions): Step {
  const step = attempts.at(-1) as StepRecord;
  return {
    name: step.name,
    kind: step.kind,
    parent,
    status: step.status,
    attempts: attempts.length,
    started_at: step.startedAt,
    completed_at: step.completedAt,
    duration: secondsBetween(step.startedAt, step.completedAt),
    ...failureOf(step.error),
    rows: step.rows,
    metrics: { ...step.metrics },
    retry_at: step.retryAt,
    waiting_for: step.waitingFor,
    waiting_until: step.waitingUntil,
    skip_reason: skipReasonOf(step),
    progress: options.progress ? step.progress : null,
    history: options.attempts ? attempts.map(attemptOf) : [],
  };
}

function skipReasonOf({ status, output }: StepRecord): string | null {
  if (status !== "SKIPPED") return null;
  const reason = (output as { readonly skip_reason?: unknown } | null)?.skip_reason;
  return typeof reason === "string" ? reason : null;
}

export function attemptOf(step: StepRecord): Attempt {
  return {
    step_id: `${step.runId}-${step.seq}`,
    seq: step.seq,
    name: step.name,
    kind: step.kind,
    attempt: step.attempt,
    status: step.status,
    started_at: step.startedAt,
    completed_at: step.completedAt,
    duration: secondsBetween(step.startedAt, step.completedAt),
    ...failureOf(step.error),
    rows: step.rows,
    metrics: { ...step.metrics },
    retry_at: step.retryAt,
  };
}

/** The declared steps of a pipeline, those inside of others included. */
export const DeclaredStep = z
  .strictObject({
    name: z.string(),
    kind: z.string(),
    parent: z.string().nullable(),
    from: z.string().nullable().describe("The step whose rows it reads."),
    runs: z.string().nullable().describe("The pipeline that it runs as a child."),
    into: z.string().nullable().describe("The table that it loads."),
  })
  .meta({ id: "DeclaredStep" });

export function declaredSteps(workflow: WorkflowData): readonly z.output<typeof DeclaredStep>[] {
  const walk = (steps: readonly StepData[], parent: string | null): z.output<typeof DeclaredStep>[] =>
    steps.flatMap((step) => {
      const path = pathIn(parent, step.name);
      const own = {
        name: path,
        kind: step.kind,
        parent,
        from: readBy(step),
        runs: step.kind === "pipeline" ? step.pipeline : null,
        into: step.kind === "load" || step.kind === "ingest" ? step.into.name : null,
      };
      return [own, ...walk(innerSteps(step), path)];
    });
  return walk(workflow.steps, null);
}

function readBy(step: StepData): string | null {
  switch (step.kind) {
    case "transform":
    case "load":
      return step.from;
    case "quality":
      return step.on;
    case "fetch":
    case "ingest":
      return typeof step.from === "string" ? step.from : step.from.name;
    default:
      return null;
  }
}
