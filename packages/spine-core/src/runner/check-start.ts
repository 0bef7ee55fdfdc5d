import { textFault } from "../check-text.ts";
import { ValidationError } from "../errors.ts";
import { shown } from "../shown.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { RunItem, RunOptions } from "./runner.ts";

/** Every option of a start: the compiler refuses one that is missing here. */
const OPTIONS: Readonly<Record<keyof RunOptions, true>> = {
  key: true,
  scope: true,
  triggeredBy: true,
  tags: true,
  parentRunId: true,
  queue: true,
  priority: true,
  concurrencyKey: true,
  delay: true,
  startAt: true,
  deadline: true,
  debounce: true,
  transaction: true,
};
/** Instead of an option that does not exist. */
const KNOWN = Object.keys(OPTIONS)
  .map((option) => `\`${option}\``)
  .join(", ");

/**
 * The options of a start. One that is misspelt would be ignored, and the run would stand somewhere else than it should.
 *
 * @throws ValidationError that names the option.
 */
export function checkOptions(options: unknown): asserts options is RunOptions {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrongArgument("options", "The options of a run", "are an object, or left out", options);
  }
  refuseUnknown(options);
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
  refuseUnknown(options);
}

/** A workflow that is given as it is. @throws ValidationError for what is none. */
export function checkWorkflow(workflow: WorkflowData): WorkflowData {
  if (Array.isArray((workflow as Partial<WorkflowData> | null | undefined)?.steps)) return workflow;
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

function refuseUnknown(options: object): void {
  const unknown = Object.entries(options).find(
    ([name, value]) => value !== undefined && !Object.hasOwn(OPTIONS, name),
  )?.[0];
  if (unknown === undefined) return;
  const message = `is no option. The options are ${KNOWN}`;
  throw new ValidationError(`\`${unknown.slice(0, 120)}\` ${message}.`, {
    detail: { issues: [{ path: `/${unknown}`, message }] },
  });
}

function wrongArgument(argument: string, what: string, expected: string, given: unknown): ValidationError {
  return new ValidationError(`${what} (\`${argument}\`) ${expected}; ${shown(given)} was given.`, {
    detail: { issues: [{ path: `/${argument}`, message: expected }] },
  });
}
