import { type Duration, toMs } from "../duration.ts";
import { checkQueueName } from "../history/check-queue.ts";
import type { NewRun } from "../history/history-store.ts";
import { AN_INSTANT, LAST_INSTANT, toInstant } from "../instant.ts";
import { shown } from "../shown.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { checkOption, wrongOption } from "./check-start.ts";
import type { RunOptions } from "./runner.ts";

const LONGEST_KEY = 200;
const HIGHEST = 100;

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
  return endOf("delay", delay, now);
}

/** When a duration ends that an option gives. @throws ValidationError that names the option. */
export function endOf(option: string, duration: unknown, now: number): number {
  const ms = durationOf(option, duration);
  const at = Math.ceil(now + ms);
  if (at > LAST_INSTANT) throw wrongOption(option, "ends after the year 9999");
  return at;
}

/** The duration of an option, in ms. @throws ValidationError that names the option. */
function durationOf(option: string, duration: unknown): number {
  try {
    return toMs(duration as Duration);
  } catch (error) {
    const why = `cannot be used: ${shown(duration)} is no duration such as 500 or "30s"`;
    throw wrongOption(option, why, error);
  }
}

function timeOf(startAt: unknown): number {
  const ms = toInstant(startAt);
  if (ms !== null) return ms;
  throw wrongOption("startAt", `is ${AN_INSTANT}; ${shown(startAt)} was given`);
}
