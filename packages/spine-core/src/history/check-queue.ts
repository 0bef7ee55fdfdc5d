import { type ErrorCode, ValidationError } from "../errors.ts";
import { shown } from "../shown.ts";
import { OPEN_QUEUE, type QueueSettings, type RateLimit } from "./queue-store.ts";

const SETTINGS = Object.keys(OPEN_QUEUE)
  .map((setting) => `\`${setting}\``)
  .join(", ");
const NAME = /^[a-z0-9._-]{1,100}$/i;

/**
 * The name of a queue as it is.
 *
 * @throws ValidationError at `/queue` for what cannot be one.
 */
export function checkQueueName(name: unknown, code: ErrorCode = "VALIDATION_FAILED"): string {
  if (typeof name === "string" && NAME.test(name)) return name;
  const message = "has 1 to 100 letters, digits, `.`, `_` or `-`";
  throw new ValidationError(`The name of a queue ${message}; ${shown(name)} cannot be one.`, {
    code,
    detail: { issues: [{ path: "/queue", message }] },
  });
}

/**
 * Settings of a queue that are to be changed; those that are undefined count as left out.
 *
 * @throws ValidationError whose `detail` names the field.
 */
export function checkQueueChange(change: Partial<QueueSettings>): Partial<QueueSettings> {
  const given: unknown = change;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw refusal("", "are an object", { given });
  }
  const checked: { -readonly [K in keyof QueueSettings]?: QueueSettings[K] } = {};
  for (const [field, value] of Object.entries(given)) {
    if (value === undefined) continue;
    switch (field) {
      case "paused":
        if (typeof value !== "boolean") throw refusal(field, "is true or false", { given: value });
        checked.paused = value;
        break;
      case "concurrency":
      case "workerConcurrency":
      case "keyConcurrency":
        checked[field] = value === null ? null : whole(field, value);
        break;
      case "rateLimit":
        checked.rateLimit = value === null ? null : rateLimit(value);
        break;
      default:
        throw refusal(field, `is unknown; there are ${SETTINGS}`);
    }
  }
  return checked;
}

function rateLimit(value: unknown): RateLimit {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refusal("rateLimit", "is { runs, periodMs } or null", { given: value });
  }
  const { runs, periodMs, ...others } = value as Partial<RateLimit>;
  for (const [field, given] of Object.entries(others)) {
    if (given !== undefined) throw refusal(`rateLimit/${field}`, "is unknown; a rate is { runs, periodMs }");
  }
  return { runs: whole("rateLimit/runs", runs), periodMs: whole("rateLimit/periodMs", periodMs, LONGEST_MS) };
}

const MOST_RUNS = 1_000_000_000;
const LONGEST_MS = 366 * 86_400_000;

function whole(field: string, value: unknown, most = MOST_RUNS): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw refusal(field, `is a whole number from 1 to ${most}${field.includes("/") ? "" : ", or null"}`, {
    given: value,
  });
}

/** @param wrong what was given instead, where the value is what is wrong. */
function refusal(field: string, message: string, wrong?: { readonly given: unknown }): ValidationError {
  const what = field === "" ? "The settings" : `The setting \`${field.replace("/", ".")}\``;
  const not = wrong === undefined ? "" : `, not ${shown(wrong.given)}`;
  return new ValidationError(`${what} of a queue ${message}${not}.`, {
    detail: { issues: [{ path: `/${field}`, message }] },
  });
}
