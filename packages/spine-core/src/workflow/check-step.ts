import { textFault } from "../check-text.ts";
import { SpineError } from "../errors.ts";
import { shown } from "../shown.ts";
import type { Step } from "./step.ts";
import { innerSteps, LONGEST_PATH, longestInside, UNDO } from "./step-paths.ts";

const STEP_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const NO_NAME = "The name of a step has 1 to 64 letters, digits, _ or -, and begins with a letter.";

/**
 * Refuses a step that cannot stand where it is to stand.
 *
 * @param earlier the names of the steps before it.
 * @param outer those of the steps before the one that it is inside of.
 * @throws SpineError WORKFLOW_INVALID.
 */
export function checkStep(
  workflow: string,
  step: Step,
  earlier: ReadonlySet<string>,
  outer: ReadonlySet<string> = new Set(),
  isBranch = false,
): void {
  const refuse = (why: string): never => {
    throw new SpineError("WORKFLOW_INVALID", `Workflow "${workflow}", step "${step.name}": ${why}`);
  };
  if (typeof (step as Partial<Step> | null | undefined)?.kind !== "string") {
    throw new SpineError(
      "WORKFLOW_INVALID",
      `Workflow "${workflow}": ${shown(step)} is no step. Make steps with \`Step\`, or with the methods of the workflow.`,
    );
  }
  if (!isStepName(step.name)) refuse(NO_NAME);
  if (step.name === UNDO) refuse("this name is what undoing is recorded under; use another.");
  if (step.kind === "sequence") refuse("a sequence stands inside of another step; add its steps one by one.");
  if (earlier.has(step.name)) refuse("another step has the same name; rename one of them.");
  // The output of a branch stands in that of the step around it: only one of a sequence would hide another.
  if (outer.has(step.name) && !isBranch)
    refuse("a step before the one around it has the same name; rename one of them.");
  const input = inputOf(step);
  if (input !== null && !earlier.has(input) && !outer.has(input))
    refuse(`it reads the dataset of "${input}", but no step before it has that name.`);
  if (step.kind === "choice" && step.cases.length === 0) refuse("it has no cases.");
  const fault = step.kind === "wait" && step.signal !== null ? textFault(step.signal, LONGEST_PATH) : null;
  if (fault) refuse(`nobody can send what it waits for: the name of the signal ${fault}.`);
  if (step.name.length + longestInside(step) > LONGEST_PATH) {
    refuse(`the paths of steps inside of it have more than ${LONGEST_PATH} characters; nest fewer of them.`);
  }
  const around = new Set([...outer, ...earlier]);
  for (const inner of innerSteps(step)) checkInner(workflow, step, inner, around);
}

/** Steps inside of others that were given as data; those of the builder were checked when they were added. */
function checkInner(workflow: string, around: Step, inner: Step, outer: ReadonlySet<string>): void {
  const refuse = (why: string): never => {
    throw new SpineError("WORKFLOW_INVALID", `Workflow "${workflow}", step "${around.name}": ${why}`);
  };
  const same = innerSteps(around).filter(({ name }) => name === inner.name);
  if (same.length > 1) refuse(`two steps inside of it are called "${inner.name}"; rename one of them.`);
  if (!isStepName(inner.name)) refuse(`the name of "${inner.name}" inside of it cannot be used. ${NO_NAME}`);
  refuseEnding(workflow, inner);
  if (inner.kind !== "sequence") {
    checkStep(workflow, inner, new Set(), outer, true);
    return;
  }
  if (inner.steps.length === 0) refuse(`"${inner.name}" has no steps.`);
  const names = new Set<string>();
  for (const step of inner.steps) {
    refuseEnding(workflow, step);
    checkStep(workflow, step, names, outer);
    names.add(step.name);
  }
}

/** Only a step of the workflow's own list can end the run. */
export function refuseEnding(workflow: string, step: Step): void {
  if ((step.kind !== "fetch" && step.kind !== "ingest") || step.unchanged !== "end") return;
  throw new SpineError(
    "WORKFLOW_INVALID",
    `Workflow "${workflow}", step "${step.name}": inside of another step a fetch cannot end the run. Leave \`unchanged: "end"\` out, or put the fetch into the workflow's own list.`,
  );
}

function inputOf(step: Step): string | null {
  if (step.kind === "transform" || step.kind === "load") return step.from;
  return step.kind === "quality" ? step.on : null;
}

function isStepName(name: unknown): boolean {
  return typeof name === "string" && STEP_NAME.test(name);
}
