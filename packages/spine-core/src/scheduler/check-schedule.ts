import { Cron } from "croner";
import {
  aBoolean,
  aList,
  anything,
  aText,
  checkOptions,
  type OptionKind,
  type OptionKinds,
  oneOf,
  required,
} from "../check-options.ts";
import { type Duration, toMs } from "../duration.ts";
import { type ErrorCode, SpineError, textOf, ValidationError } from "../errors.ts";
import { checkQueueName } from "../history/check-queue.ts";
import { checkTags } from "../history/tags.ts";
import { AN_INSTANT, toInstant } from "../instant.ts";
import { decodeJson, encodeJson } from "../json.ts";
import { shown } from "../shown.ts";
import { tickGrid } from "./next-ticks.ts";
import {
  CATCH_UP,
  type CatchUp,
  CLOSED_DAYS,
  OVERLAP,
  PAUSED_TICKS,
  type Schedule,
  type ScheduleSettings,
} from "./schedule.ts";

/** What finds the runs of a schedule: `spine.history.list({ tag: "schedule:nightly" })`. */
export function scheduleTag(name: string): string {
  return `schedule:${name}`;
}

const LONGEST_NAME = 80;
const NAME = new RegExp(`^[\\w.:/-]{1,${LONGEST_NAME}}$`);
/** A time that has no end of its own: what a window or a grace may be at most. */
const LONGEST_MS = 366 * 86_400_000;
const DEFAULT_MAX = 100;
const MOST_CAUGHT_UP = 500;
const DEFAULT_GRACE_MS = 60_000;
const DEFAULT_WINDOW_MS = 7 * 86_400_000;

const aName: OptionKind = {
  is: `1 to ${LONGEST_NAME} letters, digits, \`.\`, \`_\`, \`-\`, \`/\` or \`:\``,
  fits: (value) => typeof value === "string" && NAME.test(value),
};
const aWorkflow: OptionKind = {
  is: "a workflow, or its name",
  fits: (value) => nameOf(value) !== null,
};
const aPriority: OptionKind = {
  is: "a whole number from -100 to 100",
  fits: (value) => Number.isInteger(value) && Math.abs(value as number) <= 100,
};

const SCHEDULE: OptionKinds<Schedule> = {
  name: required(aName),
  workflow: required(aWorkflow),
  params: anything,
  cron: aText,
  every: anything,
  at: anything,
  timezone: aText,
  enabled: aBoolean,
  catchUp: anything,
  overlap: oneOf(OVERLAP),
  misfireGrace: anything,
  jitter: anything,
  startAt: anything,
  endAt: anything,
  calendar: aText,
  closedDays: oneOf(CLOSED_DAYS),
  pausedTicks: oneOf(PAUSED_TICKS),
  queue: anything,
  priority: aPriority,
  tags: aList,
};
const CATCHING: OptionKinds<CatchUp> = { policy: required(oneOf(CATCH_UP)), max: anything, window: anything };

/** Whose schedule it is, for refusals. */
export interface CheckedAs {
  /** VALIDATION_FAILED when left out. */
  readonly code?: ErrorCode;
  /** The calendars there are; any name goes when left out. */
  readonly calendars?: ReadonlyMap<string, unknown>;
}

/**
 * A schedule with everything said.
 *
 * @throws SpineError whose `detail.issues` names the field.
 */
export function checkSchedule(given: Schedule, { code, calendars }: CheckedAs = {}): ScheduleSettings {
  const whose = { of: "a schedule", called: "field", name: "schedule", ...(code ? { code } : {}) };
  // What an interface or a file says of a field that it leaves empty.
  const left = (value: unknown) => value === null || value === undefined;
  const plain = isRecord(given)
    ? (Object.fromEntries(Object.entries(given).filter(([, value]) => !left(value))) as unknown as Schedule)
    : given;
  checkOptions(plain, SCHEDULE, whose);
  const refuse = (path: string, message: string, cause?: unknown) =>
    refusal(plain.name, path, message, code, cause);
  const ms = (field: string, value: Duration | undefined, otherwise: number, least = 0): number => {
    if (value === undefined) return otherwise;
    const found = durationOf(value);
    if (found === null) throw refuse(field, `is no duration such as "30s"; ${shown(value)} was given`);
    if (found < least) throw refuse(field, `is ${found} ms; it cannot be shorter than ${least} ms`);
    if (found > LONGEST_MS) throw refuse(field, "is longer than a year");
    return Math.round(found);
  };
  const instant = (field: string, value: Date | string | undefined): number | null => {
    if (value === undefined) return null;
    const at = toInstant(value);
    if (at === null) throw refuse(field, `is ${AN_INSTANT}; ${shown(value)} was given`);
    return at;
  };

  const { timezone = "UTC", enabled = true, priority = 0, calendar = null, tags = [] } = plain;
  const kinds = (["cron", "every", "at"] as const).filter((kind) => plain[kind] !== undefined);
  const [kind, another] = kinds;
  if (another !== undefined)
    throw refuse(another, `cannot be together with \`${kind}\`: give one of cron, every and at`);
  if (kind === undefined && enabled) {
    throw refuse(
      "cron",
      "is missing: give one of cron, every and at, or `enabled: false` for a schedule that is only triggered",
    );
  }
  if (!isTimezone(timezone))
    throw refuse("timezone", `is no zone such as "America/New_York"; ${shown(timezone)} was given`);
  if (plain.cron !== undefined) checkCron(plain.cron, refuse);
  const every = plain.every === undefined ? null : ms("every", plain.every, 0, 1_000);
  if (every !== null && every % 1_000 !== 0) throw refuse("every", "is a whole number of seconds");
  const startAt = instant("startAt", plain.startAt);
  const endAt = instant("endAt", plain.endAt);
  if (startAt !== null && endAt !== null && endAt <= startAt) throw refuse("endAt", "is not after `startAt`");
  if (calendar !== null && calendars && !calendars.has(calendar)) {
    const known = [...calendars.keys()].map((name) => `"${name}"`).join(", ");
    throw refuse(
      "calendar",
      `is "${calendar}", which this process does not know; there are ${known}. Add it to createSpine({ calendars })`,
    );
  }
  if (plain.closedDays !== undefined && calendar === null) throw refuse("closedDays", "needs a `calendar`");
  if (tags.length > 19) throw refuse("tags", "are more than 19");
  const settings: ScheduleSettings = {
    name: plain.name,
    workflow: nameOf(plain.workflow) ?? "",
    params: jsonOf(plain.params, refuse),
    cron: plain.cron ?? null,
    every,
    at: instant("at", plain.at),
    timezone,
    enabled,
    catchUp: catchUpOf(plain.catchUp, { refuse, ms, whose }),
    overlap: plain.overlap ?? "skip",
    misfireGrace: ms("misfireGrace", plain.misfireGrace, DEFAULT_GRACE_MS),
    jitter: ms("jitter", plain.jitter, 0),
    startAt,
    endAt,
    calendar,
    closedDays: plain.closedDays ?? "skip",
    pausedTicks: plain.pausedTicks ?? "skip",
    queue: plain.queue === undefined ? null : coded(code, () => checkQueueName(plain.queue)),
    priority,
    tags: coded(code, () => checkTags(tags)),
  };
  if (
    kind === "cron" &&
    tickGrid({ ...settings, startAt: null, endAt: null }, 0, null).next(Date.UTC(2000, 0)) === null
  ) {
    throw refuse("cron", `is ${shown(plain.cron)}, a time that there never is`);
  }
  return settings;
}

interface Refusing {
  readonly refuse: (path: string, message: string, cause?: unknown) => SpineError;
  readonly ms: (field: string, value: Duration | undefined, otherwise: number) => number;
  readonly whose: Parameters<typeof checkOptions>[2];
}

function catchUpOf(given: Schedule["catchUp"], { refuse, ms, whose }: Refusing): ScheduleSettings["catchUp"] {
  const catching: CatchUp =
    typeof given === "object" && given !== null ? given : { policy: given ?? "latest" };
  if (!CATCH_UP.includes(catching.policy)) {
    throw refuse(
      "catchUp",
      `is ${CATCH_UP.map((word) => `"${word}"`).join(" or ")}, or { policy, max, window }; ${shown(given)} was given`,
    );
  }
  checkOptions(catching, CATCHING, { ...whose, of: "`catchUp`", name: "catchUp" });
  const { policy, max = DEFAULT_MAX, window } = catching;
  if (!Number.isInteger(max) || max < 1 || max > MOST_CAUGHT_UP) {
    throw refuse("catchUp/max", `is a whole number from 1 to ${MOST_CAUGHT_UP}; ${shown(max)} was given`);
  }
  return { policy, max, window: ms("catchUp/window", window, DEFAULT_WINDOW_MS) };
}

function checkCron(cron: string, refuse: Refusing["refuse"]): void {
  const fields = cron.trim().split(/\s+/).length;
  if (!cron.trim().startsWith("@") && fields !== 5 && fields !== 6) {
    throw refuse("cron", `has ${fields} fields; give five, or six with seconds first, e.g. "0 18 * * 1-5"`);
  }
  try {
    new Cron(cron, { paused: true });
  } catch (error) {
    throw refuse("cron", `is no cron expression: ${textOf(error).replace(/^CronPattern: /, "")}`, error);
  }
}

/** What was given as it is, with its fields named; only the code of a refusal may be another. */
function coded<T>(code: ErrorCode | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!code || !SpineError.is(error)) throw error;
    throw new SpineError(code, error.message, { detail: error.detail, cause: error });
  }
}

function jsonOf(params: unknown, refuse: Refusing["refuse"]): ScheduleSettings["params"] {
  try {
    return decodeJson(encodeJson(params ?? {}, "the parameters of a schedule"));
  } catch (error) {
    throw refuse("params", `cannot be stored: ${textOf(error)}`, error);
  }
}

/** @param path of the field, with slashes. */
export function refusal(
  schedule: unknown,
  path: string,
  message: string,
  code: ErrorCode = "VALIDATION_FAILED",
  cause?: unknown,
): SpineError {
  const of = typeof schedule === "string" ? ` of schedule "${schedule.slice(0, LONGEST_NAME)}"` : "";
  const text = `The field \`${path.replaceAll("/", ".")}\`${of} ${message}.`;
  const options = { detail: { issues: [{ path: `/${path}`, message }] }, cause };
  return code === "VALIDATION_FAILED"
    ? new ValidationError(text, options)
    : new SpineError(code, text, options);
}

function durationOf(value: Duration): number | null {
  try {
    return toMs(value);
  } catch {
    return null;
  }
}

function isTimezone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function nameOf(workflow: unknown): string | null {
  const name = isRecord(workflow) ? workflow.name : workflow;
  return typeof name === "string" && name !== "" ? name : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
