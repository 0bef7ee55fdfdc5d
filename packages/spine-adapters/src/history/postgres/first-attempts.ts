import type { FirstAttempts } from "spine-core";
import { writeOpenSteps } from "../open-steps.ts";

/** The number of the first one's event, counted from the run's version before the claim, whose own event comes first. */
export const FIRST_EVENT = 2;

/** Texts of what is asked for again and again. */
const texts = new WeakMap<ReadonlyMap<string, FirstAttempts>, string>();

/**
 * What runs that have never begun begin with, as the claim's parameter: a row for each workflow, with the attempts as they
 * stand in `open_steps`.
 */
export function firstAttemptsText(first: ReadonlyMap<string, FirstAttempts> | undefined): string {
  if (!first) return "[]";
  const known = texts.get(first);
  if (known !== undefined) return known;
  const rows = [...first].map(([workflow, { fingerprint, begun }]) => ({
    workflow,
    fingerprint,
    begun: begun.length,
    steps: JSON.parse(
      writeOpenSteps(
        begun.map(({ name, kind, attempt }, index) => ({
          name,
          kind,
          attempt,
          seq: index + 1,
          pos: index + FIRST_EVENT,
        })),
      ) ?? "null",
    ) as unknown,
  }));
  const text = JSON.stringify(rows);
  texts.set(first, text);
  return text;
}
