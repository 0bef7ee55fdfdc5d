import { checkText } from "../check-text.ts";
import { textOf, ValidationError } from "../errors.ts";

const LONGEST_NAME = 200;
const LONGEST_TEXT = 4 * 1024;

/**
 * Refuses a metric that could not be stored: PAYLOAD_INVALID.
 *
 * @param whose names it in the error, e.g. `of step "fetch"`.
 */
export function checkMetric(name: string, value: number | string, whose: string): void {
  checkText(name, `The name of a metric ${whose}`, LONGEST_NAME, "PAYLOAD_INVALID");
  if (typeof value === "number" ? Number.isFinite(value) : typeof value === "string") {
    if (typeof value === "string") {
      checkText(value, `Metric "${name}" ${whose}`, LONGEST_TEXT, "PAYLOAD_INVALID");
    }
    return;
  }
  throw new ValidationError(
    `Metric "${name}" ${whose} is ${textOf(value)}; a metric is a finite number or a text.`,
    { code: "PAYLOAD_INVALID" },
  );
}
