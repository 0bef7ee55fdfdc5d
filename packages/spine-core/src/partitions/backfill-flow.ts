import { z } from "zod";
import type { Partition } from "../context.ts";
import { SpineError } from "../errors.ts";
import type { PartitionStore } from "../history/partition-store.ts";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import { Step } from "../workflow/step.ts";
import type { ItemContext, StepContext } from "../workflow/step-context.ts";
import type { WorkflowData } from "../workflow/workflow.ts";

/** What stands before the name of a workflow in that of the one which fills partitions with its runs. */
const BACKFILL = "spine.backfill.";

/** The name of the workflow that fills partitions with runs of another one. */
export function backfillOf(workflow: string): string {
  return `${BACKFILL}${workflow}`;
}

const item = z.object({
  partition: z.record(z.string(), z.string()),
  key: z.string(),
  params: z.unknown(),
  /** `missing`: only if it is not there. `again`: unless it was loaded since (by another load than `was`). `always`. */
  load: z.enum(["missing", "again", "always"]),
  was: z.string().nullable(),
});
/** A partition of a backfill as it is stored. */
export type BackfillStep = z.infer<typeof item>;

export const backfillParams = z.object({
  table: z.string(),
  concurrency: z.number(),
  items: z.array(item),
});
export type BackfillParams = z.infer<typeof backfillParams>;

/** What became of one partition. */
export interface BackfillOutcome {
  readonly partition: Partition;
  readonly key: string;
  /** SKIPPED: it was loaded already when its turn came. */
  readonly status: "LOADED" | "SKIPPED" | "FAILED";
  /** The run that loaded it; null where that is not known. */
  readonly runId: string | null;
  /** Of one that FAILED. */
  readonly error: { readonly code: string; readonly category: string; readonly message: string } | null;
}

/** The output of a backfill: `report` of its run. */
export interface BackfillReport {
  readonly loaded: number;
  readonly skipped: number;
  readonly failed: number;
  /** In the order in which they were begun. */
  readonly partitions: readonly BackfillOutcome[];
}

/** The longest text that recognises an item; longer ones are recognised by their position. */
const LONGEST_KEY = 200;

type Context = StepContext<BackfillParams> & ItemContext<BackfillStep>;
type Ended =
  | { readonly status: "COMPLETED"; readonly output: { readonly runId: string } | null }
  | { readonly status: "FAILED"; readonly error: NonNullable<BackfillOutcome["error"]> };

/**
 * The workflow that fills partitions: a map over them, each of which is a run of its own (a child), unless the partition is loaded
 * when its turn comes. One that fails does not end the others.
 */
export function backfillFlow(partitions: PartitionStore, workflow: string): WorkflowData {
  const loadOf = ({ params, item: { partition } }: Context) => partitions.get(params.table, partition);
  const isToDo = async (context: Context) => {
    const { load, was } = context.item;
    const loaded = load === "always" ? undefined : await loadOf(context);
    return loaded && (load === "missing" || loaded.loadId !== was) ? null : "load";
  };
  const run = Step.pipeline("run", workflow, (context) => (context as Context).item.params);
  const check = Step.lambda("check", async (context) => {
    const { params, item: each } = context as Context;
    const loaded = await loadOf(context as Context);
    if (loaded) return { runId: loaded.runId };
    throw new SpineError(
      "LOAD_FAILED",
      `The run of "${workflow}" for partition ${each.key} is COMPLETED, but nothing was loaded into that partition of "${params.table}". Its load step has to say this partition.`,
    );
  });
  const each = Step.choice("partition", (context) => isToDo(context as Context), [
    Step.sequence("load", [run, check]),
  ]);
  const map = Step.map("partitions", ({ params }) => (params as BackfillParams).items, each, {
    collect: true,
    key: (given, index) => {
      const { key } = given as BackfillStep;
      return key.length <= LONGEST_KEY ? key : String(index);
    },
  });
  const report = Step.lambda("report", ({ params, outputs }) =>
    reportOf(
      (params as BackfillParams).items,
      (outputs as { readonly partitions: readonly Ended[] }).partitions,
    ),
  );
  return defineWorkflow({
    name: backfillOf(workflow),
    description: `Fills partitions, each by a run of "${workflow}".`,
    params: backfillParams,
    steps: [
      Object.freeze({ ...map, atOnce: ({ params }: StepContext) => (params as BackfillParams).concurrency }),
      report,
    ],
  });
}

function reportOf(items: readonly BackfillStep[], ended: readonly Ended[]): BackfillReport {
  const partitions = items.map(({ partition, key }, index): BackfillOutcome => {
    const end = ended[index];
    const of = { partition, key, runId: null, error: null };
    if (end?.status === "FAILED") return { ...of, status: "FAILED", error: end.error };
    return end?.output ? { ...of, status: "LOADED", runId: end.output.runId } : { ...of, status: "SKIPPED" };
  });
  const count = (status: BackfillOutcome["status"]) =>
    partitions.filter((one) => one.status === status).length;
  return { loaded: count("LOADED"), skipped: count("SKIPPED"), failed: count("FAILED"), partitions };
}
