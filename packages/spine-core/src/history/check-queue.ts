import { type ErrorCode, ValidationError } from "../errors.ts";
import type { QueueSettings, RateLimit } from "./queue-store.ts";

const NAME = /^[a-z0-9._-]{1,100}$/i;

/**
 * The name of a queue as it is.
 *
 * @throws ValidationError at `/queue` for what cannot be one.
 */
export function checkQueueName(name: unknown, code: ErrorCode = "VALIDATION_FAILED"): string {
  if (typeof name === "string" && NAME.test(name)) return name;
  const message = "has 1 to 100 letters, digits, `.`, `_` or `-`";
  throw new ValidationError(`The name of a queue ${message}; ${quoted(name)} cannot be one.`, {
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
    throw refusal("", "are an object", given);
  }
  const checked: { -readonly [K in keyof QueueSettings]?: QueueSettings[K] } = {};
  for (const [field, value] of Object.entries(given)) {
    if (value === undefined) continue;
    switch (field) {
      case "paused":
        if (typeof value !== "boolean") throw refusal(field, "is true or false", value);
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
        throw refusal(field, "is no setting of a queue", value);
    }
  }
  return checked;
}

function rateLimit(value: unknown): RateLimit {
  if (typeof value !== "object" || value === null) {
    throw refusal("rateLimit", "is { runs, periodMs } or null", value);
  }
  const { runs, periodMs } = value as Partial<RateLimit>;
  return { runs: whole("rateLimit/runs", runs), periodMs: whole("rateLimit/periodMs", periodMs, LONGEST_MS) };
}

const MOST_RUNS = 1_000_000_000;
const LONGEST_MS = 366 * 86_400_000;

function whole(field: string, value: unknown, most = MOST_RUNS): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw refusal(field, `is a whole number from 1 to ${most}${field.includes("/") ? "" : ", or null"}`, value);
}

function refusal(field: string, message: string, value: unknown): ValidationError {
  const what = field === "" ? "The settings" : `The setting \`${field.replace("/", ".")}\``;
  return new ValidationError(`${what} of a queue ${message}, not ${quoted(value)}.`, {
    detail: { issues: [{ path: `/${field}`, message }] },
  });
}

function quoted(value: unknown): string {
  return typeof value === "string" ? `"${value.slice(0, 120)}"` : String(value);
}
