import { checkText } from "../check-text.ts";
import { toMs } from "../duration.ts";
import { ValidationError } from "../errors.ts";
import { checkQueueName } from "../history/check-queue.ts";
import type { NewRun } from "../history/history-store.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { RunOptions } from "./runner.ts";

const LONGEST_KEY = 200;
const HIGHEST = 100;
/** The last time that its ISO text sorts by. */
const LATEST = Date.UTC(9999, 11, 31);
const WITH_ZONE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/;

type Place = Pick<NewRun, "queue" | "priority" | "concurrencyKey" | "availableAt">;

/**
 * Where a new run stands, and when it may begin. One that has a queue or a time of its own waits to be claimed, even
 * where there is room for it: limits and order have one place where they hold.
 *
 * @throws ValidationError whose `detail` names the option.
 */
export function queueing(
  workflow: WorkflowData,
  options: RunOptions,
  now: number,
): Place & { readonly waits: boolean } {
  const { priority = 0, concurrencyKey = null } = options;
  const queue = options.queue === undefined ? workflow.queue : checkQueueName(options.queue);
  if (!Number.isInteger(priority) || Math.abs(priority) > HIGHEST) {
    throw refusal("priority", `is a whole number from -${HIGHEST} to ${HIGHEST}, not ${String(priority)}`);
  }
  if (concurrencyKey !== null) {
    checkText(concurrencyKey, "The `concurrencyKey` of a run", LONGEST_KEY);
    if (concurrencyKey === "") throw refusal("concurrencyKey", "is empty; leave it out for none");
    if (queue === null) {
      throw refusal("concurrencyKey", "needs a queue: give the workflow or this start one, or leave it out");
    }
  }
  const startAt = startOf(options, now);
  return {
    queue,
    priority,
    concurrencyKey,
    // One that is late does not pass those that wait already. At once is the database's word, whose clock may be another.
    availableAt: startAt !== null && startAt > now ? startAt : null,
    waits: queue !== null || startAt !== null,
  };
}

function startOf({ delay, startAt }: RunOptions, now: number): number | null {
  if (delay === undefined) return startAt === undefined ? null : timeOf(startAt);
  if (startAt !== undefined) throw refusal("delay", "and `startAt` were both given; use one of them");
  let ms: number;
  try {
    ms = toMs(delay);
  } catch (error) {
    throw refusal("delay", `cannot be used: ${String(delay)} is no duration such as 500 or "30s"`, error);
  }
  const at = Math.ceil(now + ms);
  if (at > LATEST) throw refusal("delay", "ends after the year 9999");
  return at;
}

function timeOf(startAt: Date | string): number {
  const given: unknown = startAt;
  const known = given instanceof Date || (typeof given === "string" && WITH_ZONE.test(given));
  const ms = known ? new Date(given).getTime() : Number.NaN;
  if (ms <= LATEST) return ms;
  throw refusal("startAt", "is a Date or an ISO text with its zone, e.g. 2026-01-05T09:00:00Z");
}

function refusal(option: string, message: string, cause?: unknown): ValidationError {
  return new ValidationError(`The \`${option}\` of a run ${message}.`, {
    detail: { issues: [{ path: `/${option}`, message }] },
    cause,
  });
}
