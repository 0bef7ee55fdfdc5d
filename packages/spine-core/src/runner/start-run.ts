import { hash } from "node:crypto";
import { anything, checkOptions, type OptionKinds, required } from "../check-options.ts";
import type { Clock } from "../clock.ts";
import type { Partition } from "../context.ts";
import { SpineError, textOf, ValidationError } from "../errors.ts";
import { checkPartition } from "../history/check-partition.ts";
import type { CreateCommit, NewRun } from "../history/history-store.ts";
import { checkTags } from "../history/tags.ts";
import { newId } from "../ids.ts";
import { canonicalJson, decodeJson, encodeJson } from "../json.ts";
import { schemaIssues } from "../schema-issues.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { firstAdvance, hasUndo } from "./advance.ts";
import { checkOption, wrongOption } from "./check-start.ts";
import { endOf, queueing } from "./queueing.ts";
import { apply, newRun, type RunState } from "./run-state.ts";
import type { Debounce, RunOptions } from "./runner.ts";

/** What stands in indexes is short. */
const LONGEST_NAME = 200;
/** Each is checked by itself. */
const DEBOUNCE: OptionKinds<Debounce> = {
  key: required(anything),
  wait: required(anything),
  longest: anything,
};

export interface NewRunPlan {
  readonly commit: CreateCommit;
  /** The state of a run that starts at once; where the commit begins nothing, that is still to be recorded. */
  readonly state: RunState;
}

/**
 * Checks the parameters and plans the first write of a run. Nothing is stored yet.
 *
 * @param worker the worker that starts it at once, or null to queue it. A run with a queue or a time of its own is always queued.
 * @throws ValidationError whose `detail` lists each issue with its path.
 */
export async function planRun(
  workflow: WorkflowData,
  input: unknown,
  options: RunOptions,
  worker: string | null,
  clock: Clock,
): Promise<NewRunPlan> {
  if (workflow.steps.length === 0) {
    throw new SpineError(
      "WORKFLOW_INVALID",
      `Workflow "${workflow.name}" has no steps. Builder methods return a new workflow: use the value that the last one returned.`,
    );
  }
  const parsed = await workflow.params.safeParseAsync(input);
  if (!parsed.success) {
    const issues = schemaIssues(parsed.error);
    const list = issues
      .map(({ path, message }) => `${path === "/" ? "params" : path.slice(1)}: ${message}`)
      .join("; ");
    throw new ValidationError(`The parameters of "${workflow.name}" do not fit its schema: ${list}.`, {
      detail: { issues },
      context: { workflow: workflow.name },
    });
  }
  const tags = checkTags(options.tags);
  const { key = null, scope = "", triggeredBy = "api", parentRunId = null } = options;
  if (key !== null) checkOption("key", key, LONGEST_NAME);
  if (key === "") throw wrongOption("key", "is empty; leave it out for none");
  checkOption("scope", scope, LONGEST_NAME);
  checkOption("triggeredBy", triggeredBy, LONGEST_NAME);
  if (parentRunId !== null) checkOption("parentRunId", parentRunId, LONGEST_NAME);
  const now = clock.now();
  const debounce = options.debounce === undefined ? undefined : debouncing(options, now);
  const { waits, ...place } = queueing(workflow, debounce ? { ...options, ...debounce.place } : options, now);
  const owner = waits ? null : worker;
  const params = encodeJson(parsed.data, `the parameters of "${workflow.name}"`);
  // Functions of the run see what a resumed run would see: the parameters as JSON gives them back.
  const stored: unknown = decodeJson(params);
  const deadline = deadlineOf(workflow, options, now);
  const state = newRun(deadline);
  const first = owner === null ? null : firstAdvance(workflow, state, now);
  if (first) apply(state, first);
  return {
    state,
    commit: {
      kind: "create",
      run: {
        runId: newId(now),
        workflow: workflow.name,
        domain: workflow.domain,
        partition: partitionOf(workflow, stored),
        tags,
        key,
        scope,
        fingerprint: workflow.fingerprint,
        params,
        paramsHash: hash("sha256", canonicalJson(stored)),
        triggeredBy,
        parentRunId,
        ...place,
        // One whose deadline comes before its time ends at its deadline.
        ...(deadline !== null && place.availableAt !== null && deadline < place.availableAt
          ? { availableAt: deadline }
          : {}),
        ...(deadline === null ? {} : { deadline }),
        ...(hasUndo(workflow) ? { hasUndo: true } : {}),
        ...(debounce ? { debounce: debounce.store } : {}),
        worker: owner,
      },
      begun: first?.transition.begun ?? [],
    },
  };
}

function partitionOf(workflow: WorkflowData, params: unknown): Partition | null {
  try {
    return checkPartition(workflow.partition({ params }) ?? null, `of "${workflow.name}"`);
  } catch (error) {
    if (SpineError.is(error)) throw error;
    throw new SpineError(
      "WORKFLOW_INVALID",
      `The partition function of "${workflow.name}" threw: ${textOf(error)}. It only gets the parameters.`,
      { cause: error },
    );
  }
}

function deadlineOf(workflow: WorkflowData, { deadline }: RunOptions, now: number): number | null {
  if (deadline !== undefined) return endOf("deadline", deadline, now);
  return workflow.deadlineMs === null ? null : endOf("deadline", workflow.deadlineMs, now);
}

/** A debounced start: when its run may begin, and what the store compares. */
function debouncing(
  { debounce, key, delay, startAt }: RunOptions,
  now: number,
): { readonly place: Pick<RunOptions, "startAt">; readonly store: NonNullable<NewRun["debounce"]> } {
  checkOptions(debounce, DEBOUNCE, { of: "`debounce`", name: "debounce" });
  const { key: name, wait, longest } = debounce as Debounce;
  checkOption("debounce.key", name, LONGEST_NAME);
  if (name === "") throw wrongOption("debounce.key", "is empty; starts with one key are one");
  const others = { key, delay, startAt };
  for (const [option, value] of Object.entries(others)) {
    if (value === undefined) continue;
    throw new ValidationError(
      `The \`debounce\` of a run and its \`${option}\` were both given; use one of them.`,
      {
        detail: { issues: [{ path: "/debounce", message: `cannot be together with ${option}` }] },
      },
    );
  }
  const latest = longest === undefined ? null : endOf("debounce.longest", longest, now) - now;
  const begins = new Date(endOf("debounce.wait", wait, now));
  return { place: { startAt: begins }, store: { key: name, latest } };
}
