import { textFault } from "../../check-text.ts";
import { SpineError } from "../../errors.ts";
import { decodeJson, encodeJson, type JsonValue } from "../../json.ts";
import type { MapStep } from "../../workflow/composite-steps.ts";
import { LONGEST_PATH, longestInside, pathIn } from "../../workflow/step-paths.ts";
import type { StepOutcome, StepScope } from "../step-scope.ts";

/** The most items of one map: each has rows of its own, and its place in the run's memory. */
const MOST_ITEMS = 100_000;
const LONGEST_KEY = 200;

/** Asks for the items, and what each is recognised by. */
export async function planMap(step: MapStep, { context }: StepScope): Promise<StepOutcome> {
  const over: unknown = await step.over(context);
  if (!Array.isArray(over)) {
    throw refusal(
      context.step,
      `its \`over\` returned ${over === null ? "null" : `a ${typeof over}`}, not a list`,
    );
  }
  if (over.length > MOST_ITEMS) {
    throw refusal(
      context.step,
      `it has ${over.length} items; the most is ${MOST_ITEMS}. Let each item stand for several`,
    );
  }
  const items = decodeJson(encodeJson(over, `the items of step "${context.step}"`)) as readonly JsonValue[];
  const keys = items.map((item, index) => keyOf(step, context.step, item, index));
  const seen = new Set<string>();
  const inside = longestInside(step.each);
  for (const key of keys) {
    if (seen.has(key)) throw refusal(context.step, `two of its items have the key "${key}"; keys are unique`);
    seen.add(key);
    const bytes = Buffer.byteLength(pathIn(context.step, key)) + inside;
    if (bytes > LONGEST_PATH) throw refusal(context.step, pathTooLong(bytes));
  }
  const concurrency = step.atOnce?.(context);
  return { output: null, plan: { items, keys, ...(concurrency === undefined ? {} : { concurrency }) } };
}

function keyOf({ key }: MapStep, step: string, item: JsonValue, index: number): string {
  if (key === null) return String(index);
  const given: unknown = key(item, index);
  const fault = given === "" ? "is an empty text" : textFault(given, LONGEST_KEY);
  if (fault === null) return given as string;
  throw refusal(
    step,
    `the key of item ${index} ${fault}; it has to be a text of 1 to ${LONGEST_KEY} characters that every database can hold`,
  );
}

function pathTooLong(bytes: number): string {
  return `the paths inside of its items have up to ${bytes} bytes, and the most is ${LONGEST_PATH}. Use shorter keys, or fewer maps inside of each other`;
}

function refusal(step: string, why: string): SpineError {
  return new SpineError("PAYLOAD_INVALID", `Step "${step}" cannot go through its items: ${why}.`);
}
