import {
  CATCH_UP,
  CLOSED_DAYS,
  type Schedule as Given,
  OVERLAP,
  PAUSED_TICKS,
  SCHEDULE_STATUSES,
  type ScheduleRecord,
  type ScheduleTick,
  TICK_REASONS,
  TICK_STATUSES,
} from "spine-core";
import { z } from "zod";
import { Duration, durationOf } from "./duration.ts";

const Iso = z.iso.datetime();
const Seconds = z.number();

/** A schedule as it stands. */
export const Schedule = z
  .strictObject({
    name: z.string(),
    pipeline: z.string(),
    params: z.unknown(),
    cron: z.string().nullable(),
    every: Seconds.nullable().describe("Seconds."),
    at: Iso.nullable(),
    timezone: z.string(),
    enabled: z.boolean(),
    catch_up: z.strictObject({ policy: z.enum(CATCH_UP), max: z.int(), window: Seconds }),
    overlap: z.enum(OVERLAP),
    misfire_grace: Seconds,
    jitter: Seconds,
    start_at: Iso.nullable(),
    end_at: Iso.nullable(),
    calendar: z.string().nullable(),
    closed_days: z.enum(CLOSED_DAYS),
    paused_ticks: z.enum(PAUSED_TICKS),
    queue: z.string().nullable(),
    priority: z.int(),
    tags: z.array(z.string()),
    status: z.enum(SCHEDULE_STATUSES),
    reason: z.string().nullable().describe("Why it has that status; null while it is ACTIVE."),
    declared_by: z
      .string()
      .nullable()
      .describe("`code` or the plugin that declares it; null for one that was created."),
    next_tick_at: Iso.nullable(),
    waiting: z.int().describe("Ticks that wait for the end of a run."),
    paused_at: Iso.nullable(),
    created_at: Iso,
    updated_at: Iso,
    version: z.int(),
    revision: z
      .string()
      .describe("For `If-Match`, in quotation marks: another one whenever somebody has changed it."),
  })
  .meta({ id: "Schedule" });

const When = z.iso.datetime({ offset: true });
const FIELDS = {
  pipeline: z.string().min(1).max(200),
  params: z.unknown(),
  cron: z.string().max(200),
  every: Duration,
  at: When,
  timezone: z.string().max(100),
  enabled: z.boolean(),
  catch_up: z.union([
    z.enum(CATCH_UP),
    z.strictObject({
      policy: z.enum(CATCH_UP),
      max: z.int().min(1).max(1_000).optional(),
      window: Duration.optional(),
    }),
  ]),
  overlap: z.enum(OVERLAP),
  misfire_grace: Duration,
  jitter: Duration,
  start_at: When,
  end_at: When,
  calendar: z.string().max(200),
  closed_days: z.enum(CLOSED_DAYS),
  paused_ticks: z.enum(PAUSED_TICKS),
  queue: z.string().max(200),
  priority: z.int().min(-100).max(100),
  tags: z.array(z.string()).max(20),
} as const;
type Field = keyof typeof FIELDS;

/** A schedule that is to be made. */
export const NewSchedule = z
  .strictObject({ ...FIELDS, name: z.string().min(1).max(80) })
  .partial()
  .required({ name: true, pipeline: true })
  .meta({ id: "NewSchedule" });

/** The fields to change; null takes one away. */
export const ScheduleChange = z
  .strictObject(
    Object.fromEntries(
      Object.entries(FIELDS).map(([name, schema]) => [name, schema.nullable().optional()]),
    ) as { [F in Field]: z.ZodOptional<z.ZodNullable<(typeof FIELDS)[F]>> },
  )
  .meta({ id: "ScheduleChange" });

/** What fields are called inside. */
const INSIDE: Readonly<Record<string, keyof Given>> = {
  pipeline: "workflow",
  catch_up: "catchUp",
  misfire_grace: "misfireGrace",
  start_at: "startAt",
  end_at: "endAt",
  closed_days: "closedDays",
  paused_ticks: "pausedTicks",
};
const OUTSIDE = Object.fromEntries(Object.entries(INSIDE).map(([wire, inside]) => [inside, wire]));

/** A field as the caller has called it; `/catchUp/max` is `/catch_up/max`. */
export function wirePath(path: string): string {
  const [, field = "", ...rest] = path.split("/");
  return ["", OUTSIDE[field] ?? field, ...rest].join("/");
}

/** What was sent, as Spine takes it. */
export function givenSchedule(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const inside: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body))
    if (value !== undefined) inside[INSIDE[name] ?? name] = settingOf(name, value);
  return inside;
}

function settingOf(name: string, value: unknown): unknown {
  if (name === "catch_up" && typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, settingOf(key, one)]));
  const isDuration = name === "every" || name === "misfire_grace" || name === "jitter" || name === "window";
  return isDuration ? durationOf(value as z.output<typeof Duration>) : value;
}

export function scheduleOf(schedule: ScheduleRecord): z.output<typeof Schedule> {
  const { workflow, every, catchUp, misfireGrace, jitter, startAt, endAt, closedDays, pausedTicks } =
    schedule;
  const { declaredBy, nextTickAt, pausedAt, createdAt, updatedAt, tags, ...same } = schedule;
  const { name, params, cron, at, timezone, enabled, overlap, calendar, queue, priority } = same;
  const { status, reason, waiting, version, revision } = same;
  return {
    name,
    pipeline: workflow,
    params,
    cron,
    every: every === null ? null : every / 1_000,
    at,
    timezone,
    enabled,
    catch_up: { ...catchUp, window: catchUp.window / 1_000 },
    overlap,
    misfire_grace: misfireGrace / 1_000,
    jitter: jitter / 1_000,
    start_at: startAt,
    end_at: endAt,
    calendar,
    closed_days: closedDays,
    paused_ticks: pausedTicks,
    queue,
    priority,
    tags: [...tags],
    status,
    reason,
    declared_by: declaredBy,
    next_tick_at: nextTickAt,
    waiting,
    paused_at: pausedAt,
    created_at: createdAt,
    updated_at: updatedAt,
    version,
    revision,
  };
}

/** One time of a schedule, and what became of it. */
export const Tick = z
  .strictObject({
    scheduled_at: Iso,
    status: z.enum(TICK_STATUSES),
    reason: z.enum(TICK_REASONS).nullable(),
    detail: z.string().nullable(),
    execution_id: z.string().nullable(),
    since: Iso.nullable().describe(
      "Of what stands for many ticks that were passed over: they lie after this time.",
    ),
    recorded_at: Iso,
  })
  .meta({ id: "Tick" });

export function tickOf(tick: ScheduleTick): z.output<typeof Tick> {
  const { scheduledAt, status, reason, detail, runId, since, recordedAt } = tick;
  return {
    scheduled_at: scheduledAt,
    status,
    reason,
    detail,
    execution_id: runId,
    since,
    recorded_at: recordedAt,
  };
}
