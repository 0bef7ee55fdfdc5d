import {
  anything,
  aText,
  checkArgument,
  checkOptions,
  type OptionKinds,
  oneOf,
  required,
} from "../check-options.ts";
import { textFault } from "../check-text.ts";
import { ValidationError } from "../errors.ts";
import { shown } from "../shown.ts";
import type { Approval } from "../workflow/composite-steps.ts";
import { isWorkflow } from "../workflow/is-workflow.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { type BulkOptions, CONTROLS, type RerunOptions, type RunItem, type RunOptions } from "./runner.ts";

/** The options of a start, each of which is checked by itself. */
const RUN: OptionKinds<RunOptions> = {
  key: anything,
  scope: anything,
  triggeredBy: anything,
  tags: anything,
  parentRunId: anything,
  queue: anything,
  priority: anything,
  concurrencyKey: anything,
  delay: anything,
  startAt: anything,
  deadline: anything,
  debounce: anything,
  transaction: anything,
};
const { key, scope, triggeredBy, tags, queue, priority, deadline } = RUN;
const RERUN: OptionKinds<RerunOptions> = {
  key,
  scope,
  triggeredBy,
  tags,
  queue,
  priority,
  deadline,
  params: anything,
  from: aText,
};
const BULK: OptionKinds<BulkOptions> = { expect: required(anything) };
const SIGNAL = { id: anything };
const APPROVAL: OptionKinds<Omit<Approval, "approved">> = { by: aText, comment: aText };

/** The options of a start. @throws ValidationError that names the one that does not exist. */
export function checkRunOptions(options: unknown): asserts options is RunOptions {
  checkOptions(options, RUN, { of: "a run" });
}

/** The options of a repetition. @throws ValidationError that names the one that does not exist. */
export function checkRerunOptions(options: unknown): asserts options is RerunOptions {
  checkOptions(options, RERUN, { of: "a rerun" });
}

/** What is done to many runs, and how many. @throws ValidationError that names what is wrong. */
export function checkBulk(control: unknown, options: unknown): asserts options is BulkOptions {
  checkArgument("control", control, oneOf(CONTROLS), { of: "controlAll" });
  checkOptions(options, BULK, { of: "controlAll" });
}

/** The options of a signal. @throws ValidationError that names the one that does not exist. */
export function checkSignalOptions(options: unknown): void {
  checkOptions(options, SIGNAL, { of: "a signal" });
}

/** Who approved or refused. @throws ValidationError that names what is wrong. */
export function checkApproval(by: unknown): void {
  checkOptions(by, APPROVAL, { of: "an approval", called: "member", name: "by" });
}

/** The runs of a batch. @throws ValidationError that names what is wrong. */
export function checkItems(items: unknown): asserts items is readonly RunItem[] {
  if (Array.isArray(items)) return;
  throw wrongArgument(
    "items",
    "The items of `runMany`",
    "are a list of { params, … }, one for each run",
    items,
  );
}

/** One run of a batch: its parameters, and options as for a single one. @throws ValidationError that names the option. */
export function checkItem(item: unknown): asserts item is RunItem {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    throw wrongArgument("item", "An item of `runMany`", "is an object { params, … }", item);
  }
  const { params: _, ...options } = item as RunItem;
  checkRunOptions(options);
}

/** A workflow that is given as it is. @throws ValidationError for what is none. */
export function checkWorkflow(workflow: WorkflowData): WorkflowData {
  if (isWorkflow(workflow)) return workflow;
  const expected = "is what `defineWorkflow` returned, or its name";
  throw wrongArgument("workflow", "The workflow to run", expected, workflow);
}

/** The id of a run as it was given. @throws ValidationError for what is no text; one that is no id is of no run. */
export function checkRunId(runId: unknown): string {
  if (typeof runId === "string") return runId;
  throw wrongArgument("runId", "The id of a run", "is a text, as `run.id` has it", runId);
}

/** The text of an option that stands in an index. @throws ValidationError that names the option and does not repeat the text. */
export function checkOption(option: string, value: unknown, maxLength: number): void {
  const fault = textFault(value, maxLength);
  if (fault !== null) throw wrongOption(option, fault);
}

/** @param message what is wrong, behind the name of the option. */
export function wrongOption(option: string, message: string, cause?: unknown): ValidationError {
  return new ValidationError(`The \`${option}\` of a run ${message}.`, {
    detail: { issues: [{ path: `/${option.replace(".", "/")}`, message }] },
    cause,
  });
}

function wrongArgument(argument: string, what: string, expected: string, given: unknown): ValidationError {
  return new ValidationError(`${what} (\`${argument}\`) ${expected}; ${shown(given)} was given.`, {
    detail: { issues: [{ path: `/${argument}`, message: expected }] },
  });
}
