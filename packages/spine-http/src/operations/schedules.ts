import {
  CLOCK_NOTES,
  clockNotes,
  type Schedule as NewSpineSchedule,
  PAUSED_TICKS,
  SCHEDULE_STATUSES,
  type ScheduleRecord,
  SpineError,
} from "spine-core";
import { z } from "zod";
import type { HttpRequest } from "../http-request.ts";
import { EMPTY, operation } from "../operation.ts";
import { HttpProblem, notFound } from "../problems.ts";
import { toProblem } from "../to-problem.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";
import {
  givenSchedule,
  NewSchedule,
  Schedule,
  ScheduleChange,
  scheduleOf,
  Tick,
  tickOf,
  wirePath,
} from "../wire/schedule.ts";
import { given, keyOf, RunStarted, short } from "./pipelines.ts";
import { startedReply } from "./run-controls.ts";

const Times = z
  .strictObject({
    items: z.array(z.iso.datetime()),
    notes: z
      .array(z.strictObject({ at: z.iso.datetime(), note: z.enum(CLOCK_NOTES), message: z.string() }))
      .describe("What changes of the clocks do to them."),
  })
  .meta({ id: "Times" });
const COUNT = z.int().min(1).max(100).optional().describe("5 when left out.");
const IF_MATCH = {
  "if-match":
    "The `ETag` of the schedule as it was looked at, or `*`: 412 where somebody has changed it since.",
} as const;
const NAME = /^[\w.:/-]{1,80}$/;

export const scheduleOperations = [
  operation({
    id: "schedules.list",
    method: "GET",
    path: "/scheduler/schedules",
    summary: "The schedules, by name.",
    permission: "schedules:read",
    scoping: "whole",
    query: z.strictObject({
      pipeline: z.string().max(200).optional(),
      status: z.enum(SCHEDULE_STATUSES).optional(),
      ...PAGE,
    }),
    responses: { 200: listOf(Schedule) },
    problems: ["bad-cursor"],
    async handle({ spine, query: { pipeline, status, limit = 50, cursor } }) {
      const filter = ["schedules", pipeline ?? null, status ?? null];
      const after = readCursor(filter, cursor, "string") ?? "";
      const all = (await spine.schedules.list())
        .filter((one) => pipeline === undefined || one.workflow === pipeline)
        .filter((one) => status === undefined || one.status === status)
        .filter(({ name }) => name > after)
        // As cursors compare them, whatever the database's order of texts is.
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const page = all.slice(0, limit);
      const last = page.at(-1);
      return {
        status: 200,
        body: {
          items: page.map(scheduleOf),
          next_cursor: all.length > limit && last ? writeCursor(filter, last.name) : null,
        },
      };
    },
  }),
  operation({
    id: "schedules.create",
    method: "POST",
    path: "/scheduler/schedules",
    summary: "Makes a schedule: when a pipeline runs by itself.",
    permission: "schedules:write",
    scoping: "whole",
    body: NewSchedule,
    responses: { 201: Schedule },
    problems: ["conflict"],
    async handle({ spine, body, path }) {
      const made = await spine.schedules
        .create(givenSchedule(body) as unknown as NewSpineSchedule)
        .catch(refused);
      return {
        status: 201,
        body: scheduleOf(made),
        headers: { location: path(`/scheduler/schedules/${made.name}`), etag: etagOf(made) },
      };
    },
  }),
  operation({
    id: "schedules.times",
    method: "GET",
    path: "/scheduler/preview",
    summary: "When a schedule would run, before it is made: `?cron=0 18 * * 1-5&timezone=America/New_York`.",
    permission: "schedules:read",
    scoping: "whole",
    query: z.strictObject({
      cron: z.string().max(200).optional(),
      every: z.string().max(40).optional().describe("A text: `15m`."),
      timezone: z.string().max(100).optional(),
      calendar: z.string().max(200).optional(),
      count: COUNT,
    }),
    responses: { 200: Times },
    problems: [],
    async handle({ spine, query: { count, ...times } }) {
      const schedule = { name: "preview", workflow: "preview", ...given(times) } as NewSpineSchedule;
      const items = await spine.schedules.preview(schedule, count).catch((error: unknown) => {
        const problem = toProblem(error);
        if (problem.code !== "invalid-body") throw problem;
        throw new HttpProblem("bad-query", problem.message, problem.facts);
      });
      const { cron = null, timezone = "UTC" } = times;
      return { status: 200, body: timesOf(items, { cron, timezone }) };
    },
  }),
  operation({
    id: "schedules.preview",
    method: "GET",
    path: "/scheduler/schedules/{name+}/preview",
    summary: "The times of a schedule's next ticks.",
    permission: "schedules:read",
    scoping: "whole",
    query: z.strictObject({ count: COUNT }),
    responses: { 200: Times },
    problems: ["not-found", "conflict"],
    async handle({ spine, params, query }) {
      const name = nameOf(params.name);
      const items = await spine.schedules.preview(name, query.count).catch(unknownHere);
      return { status: 200, body: timesOf(items, await spine.schedules.get(name)) };
    },
  }),
  operation({
    id: "schedules.ticks",
    method: "GET",
    path: "/scheduler/schedules/{name+}/ticks",
    summary: "What became of a schedule's ticks, newest first.",
    permission: "schedules:read",
    scoping: "whole",
    query: z.strictObject(PAGE),
    responses: { 200: listOf(Tick) },
    problems: ["not-found", "bad-cursor"],
    async handle({ spine, params, query: { limit = 50, cursor } }) {
      const name = nameOf(params.name);
      const filter = ["ticks", name];
      const before = readCursor(filter, cursor, "number");
      const found = await spine.schedules.ticks(name, {
        limit: limit + 1,
        ...given({ before: before === undefined ? undefined : placeOf(before) }),
      });
      const page = found.slice(0, limit);
      const last = page.at(-1);
      const next = found.length > limit && last ? Date.parse(last.scheduledAt) : null;
      return {
        status: 200,
        body: { items: page.map(tickOf), next_cursor: next === null ? null : writeCursor(filter, next) },
      };
    },
  }),
  operation({
    id: "schedules.get",
    method: "GET",
    path: "/scheduler/schedules/{name+}",
    summary: "A schedule.",
    permission: "schedules:read",
    scoping: "whole",
    responses: { 200: Schedule },
    problems: ["not-found"],
    async handle({ spine, params }) {
      return reply(await spine.schedules.get(nameOf(params.name)));
    },
  }),
  operation({
    id: "schedules.update",
    method: "PATCH",
    path: "/scheduler/schedules/{name+}",
    summary:
      "Changes fields of a schedule, where nobody has changed it meanwhile (`If-Match`). `null` takes one away.",
    permission: "schedules:write",
    scoping: "whole",
    body: ScheduleChange,
    headers: IF_MATCH,
    responses: { 200: Schedule },
    problems: ["not-found", "stale", "precondition-required"],
    async handle({ spine, params, body, request }) {
      const name = nameOf(params.name);
      const { schedule } = await spine.schedules
        .update(name, givenSchedule(body), ifMatch(request))
        .catch(refused);
      return reply(schedule);
    },
  }),
  operation({
    id: "schedules.remove",
    method: "DELETE",
    path: "/scheduler/schedules/{name+}",
    summary:
      "Removes a schedule with its ticks, where nobody has changed it meanwhile (`If-Match`). Its runs stay.",
    permission: "schedules:write",
    scoping: "whole",
    headers: IF_MATCH,
    responses: { 204: EMPTY },
    problems: ["not-found", "stale", "precondition-required"],
    async handle({ spine, params, request }) {
      await spine.schedules.remove(nameOf(params.name), ifMatch(request));
      return { status: 204, body: null };
    },
  }),
  operation({
    id: "schedules.pause",
    method: "POST",
    path: "/scheduler/schedules/{name+}/pause",
    summary: "From now on none of a schedule's ticks begins; what runs goes on.",
    permission: "schedules:write",
    scoping: "whole",
    body: z.strictObject({ reason: z.string().max(1_000).optional() }),
    bodyOptional: true,
    responses: { 200: Schedule },
    problems: ["not-found"],
    async handle({ spine, params, body, remark }) {
      if (body.reason !== undefined) remark(body.reason);
      return reply(await spine.schedules.pause(nameOf(params.name)));
    },
  }),
  operation({
    id: "schedules.resume",
    method: "POST",
    path: "/scheduler/schedules/{name+}/resume",
    summary:
      "Ends a pause. What was missed meanwhile is skipped or caught up: as the schedule says, or `missed`.",
    permission: "schedules:write",
    scoping: "whole",
    body: z.strictObject({ missed: z.enum(PAUSED_TICKS).optional() }),
    bodyOptional: true,
    responses: { 200: Schedule },
    problems: ["not-found", "conflict"],
    async handle({ spine, params, body }) {
      const options = given({ missed: body.missed });
      return reply(await spine.schedules.resume(nameOf(params.name), options).catch(unknownHere));
    },
  }),
  operation({
    id: "schedules.trigger",
    method: "POST",
    path: "/scheduler/schedules/{name+}/trigger",
    summary: "Starts a schedule's run now, beside its ticks: also while it is paused.",
    permission: "schedules:write",
    scoping: "whole",
    body: z
      .strictObject({ params: z.unknown().optional().describe("Instead of the schedule's.") })
      .meta({ id: "TriggerRequest" }),
    bodyOptional: true,
    headers: { "idempotency-key": "A second request with the same key finds the run of the first." },
    responses: { 200: RunStarted, 202: RunStarted },
    problems: ["not-found", "conflict", "invalid-params", "idempotency-mismatch", "bad-header"],
    async handle(call) {
      const { spine, params, body, request, principal, services } = call;
      const { key } = keyOf(request.header("idempotency-key"), principal.id);
      const name = nameOf(params.name);
      const completed =
        body.params === undefined
          ? undefined
          : services.completeParams({
              pipeline: (await spine.schedules.get(name)).workflow,
              params: body.params,
              principal,
            });
      const run = await spine.schedules
        // Triggers have no scope of their own: the key has it in itself.
        .trigger(
          name,
          given({
            params: completed,
            key: key === undefined ? undefined : short(JSON.stringify([principal.id, key])),
          }),
        )
        .catch((error: unknown) => {
          throw isUnknown(error) ? unknownHere(error) : toProblem(error, "/params");
        });
      return await startedReply(call, run);
    },
  }),
  operation({
    id: "schedules.backfill",
    method: "POST",
    path: "/scheduler/schedules/{name+}/backfill",
    summary:
      "Starts runs for the ticks between two times that have none, 1,000 at most. With `dry_run` only says what it would do.",
    permission: "schedules:write",
    scoping: "whole",
    body: z
      .strictObject({
        from: z.iso.datetime({ offset: true }),
        to: z.iso.datetime({ offset: true }),
        dry_run: z.boolean().optional(),
      })
      .meta({ id: "ScheduleBackfillRequest" }),
    responses: {
      200: z
        .strictObject({
          dry_run: z.boolean(),
          started: z.int().describe("With `dry_run`: how many it would start."),
          items: z.array(
            z.strictObject({
              scheduled_at: z.iso.datetime(),
              does: z.enum(["START", "HAS_RUN", "WAITS", "CLOSED_DAY"]),
              execution_id: z.string().nullable(),
            }),
          ),
        })
        .meta({ id: "ScheduleBackfill" }),
    },
    problems: ["not-found", "conflict"],
    async handle({ spine, params, body: { from, to, dry_run = false } }) {
      const { started, ticks } = await spine.schedules
        .backfill(nameOf(params.name), { from, to, dryRun: dry_run })
        .catch((error: unknown) => (isUnknown(error) ? unknownHere(error) : refused(error)));
      const items = ticks.map(({ scheduledAt, does, runId }) => ({
        scheduled_at: scheduledAt,
        does,
        execution_id: runId,
      }));
      return { status: 200, body: { dry_run, started, items } };
    },
  }),
] as const;

/** A name as schedules have them. @throws HttpProblem not-found */
function nameOf(name: string): string {
  if (NAME.test(name)) return name;
  throw notFound(`schedule "${name.slice(0, 100)}"`);
}

function reply(schedule: ScheduleRecord) {
  return { status: 200, body: scheduleOf(schedule), headers: { etag: etagOf(schedule) } } as const;
}

function timesOf(items: readonly string[], schedule: Parameters<typeof clockNotes>[1]) {
  return { items, notes: clockNotes(items, schedule) };
}

function etagOf({ revision }: ScheduleRecord): string {
  return `"${revision}"`;
}

/** What the caller has looked at. @throws HttpProblem precondition-required, stale */
function ifMatch(request: HttpRequest): { readonly revision?: string } {
  const header = request.header("if-match")?.trim();
  if (header === undefined || header === "") {
    throw new HttpProblem(
      "precondition-required",
      "Say which version you have looked at: `If-Match` with the `ETag` of the schedule, or `*` for whatever it is now.",
    );
  }
  if (header === "*") return {};
  const [, revision] = /^"([\w-]{1,100})"$/.exec(header) ?? [];
  // Weak ones and those of others never match.
  if (revision === undefined) throw new HttpProblem("stale", "`If-Match` is no `ETag` of this schedule.");
  return { revision };
}

/** What Spine refuses of a schedule, by the names that its caller has given. */
function refused(error: unknown): never {
  const problem = toProblem(error);
  const { errors, ...facts } = problem.facts;
  const paths = errors?.map((issue) => ({ ...issue, path: wirePath(issue.path) }));
  // The pipeline that there is not stands in the body: what the path names is there.
  const code = isUnknown(error) ? "invalid-body" : problem.code;
  throw new HttpProblem(code, problem.message, { ...facts, ...(paths ? { errors: paths } : {}) });
}

/** Where a schedule has something that this process does not know, a calendar or its pipeline, it is in no state to be asked that. */
function unknownHere(error: unknown): never {
  const { code, message, facts } = toProblem(error);
  throw new HttpProblem(code === "invalid-body" || isUnknown(error) ? "conflict" : code, message, facts);
}

function isUnknown(error: unknown): boolean {
  return SpineError.is(error) && error.code === "UNKNOWN_WORKFLOW";
}

/** A time that a cursor holds; one that nobody has written is before everything. */
function placeOf(ms: number): Date {
  return new Date(Math.abs(ms) <= 8e15 ? ms : 0);
}
