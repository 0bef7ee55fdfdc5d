import { toMs } from "../duration.ts";
import { checkQueueName } from "../history/check-queue.ts";
import type { NewRun } from "../history/history-store.ts";
import { shown } from "../shown.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { checkOption, wrongOption } from "./check-start.ts";
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
    throw wrongOption(
      "priority",
      `is a whole number from -${HIGHEST} to ${HIGHEST}, not ${shown(priority)}${typeof priority === "string" ? ", a string" : ""}`,
    );
  }
  if (concurrencyKey !== null) {
    checkOption("concurrencyKey", concurrencyKey, LONGEST_KEY);
    if (concurrencyKey === "") throw wrongOption("concurrencyKey", "is empty; leave it out for none");
    if (queue === null) {
      throw wrongOption(
        "concurrencyKey",
        "needs a queue: give the workflow or this start one, or leave it out",
      );
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
  if (startAt !== undefined) throw wrongOption("delay", "and `startAt` were both given; use one of them");
  let ms: number;
  try {
    ms = toMs(delay);
  } catch (error) {
    throw wrongOption("delay", `cannot be used: ${shown(delay)} is no duration such as 500 or "30s"`, error);
  }
  const at = Math.ceil(now + ms);
  if (at > LATEST) throw wrongOption("delay", "ends after the year 9999");
  return at;
}

function timeOf(startAt: Date | string): number {
  const given: unknown = startAt;
  const known = given instanceof Date || (typeof given === "string" && WITH_ZONE.test(given) && isDay(given));
  const ms = known ? new Date(given).getTime() : Number.NaN;
  if (ms <= LATEST) return ms;
  throw wrongOption(
    "startAt",
    `is a Date or an ISO text with its zone, e.g. 2026-01-05T09:00:00Z, of a day that exists, up to the year 9999; ${shown(given)} was given`,
  );
}

/** The 31st of February would quietly be the 3rd of March. */
function isDay(iso: string): boolean {
  const day = iso.slice(0, 10);
  const midnight = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}
