import { hash } from "node:crypto";
import { z } from "zod";
import { eventStream } from "../events/event-stream.ts";
import { type Call, EMPTY, EVENTS, operation } from "../operation.ts";
import { HttpProblem } from "../problems.ts";
import { Event, eventOf } from "../wire/event.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";

const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // Nginx would hold events back.
  "x-accel-buffering": "no",
};
const HEADERS = { accept: "`text/event-stream`.", "last-event-id": "Goes on behind this event." };
const MOST_RUNS = 100;

export const eventOperations = [
  operation({
    id: "events.run",
    method: "GET",
    path: "/pipelines/events/{id}",
    summary:
      "What happens to a run, as it happens (server-sent events); from its beginning, or behind `Last-Event-ID`.",
    permission: "runs:read",
    scoping: "access",
    headers: HEADERS,
    responses: { 200: EVENTS, 204: EMPTY },
    problems: ["not-found", "expired", "not-acceptable", "bad-header", "too-many-streams"],
    async handle(call) {
      const { access, params, request } = call;
      wantsEvents(call);
      await access.check(params.id);
      const last = request.header("last-event-id");
      const after = new Map([[params.id, last === undefined ? 0 : numberOf(last)]]);
      return await streamed(call, after, (known) => String(known.get(params.id)));
    },
  }),
  operation({
    id: "events.many",
    method: "GET",
    path: "/events",
    summary:
      "The same for up to 100 runs in one connection: `/events?run=a&run=b`, or behind what is known of each: `&after=7&after=0`.",
    permission: "runs:read",
    scoping: "access",
    query: z
      .strictObject({
        run: z.array(z.string().max(100)).min(1).max(MOST_RUNS),
        after: z
          .array(z.int().min(0))
          .max(MOST_RUNS)
          .optional()
          .describe(
            "The `seq` of the last event that is known of each `run`, in their order. `Last-Event-ID` goes before it.",
          ),
      })
      .refine(({ run, after }) => after === undefined || after.length === run.length, {
        message: "needs one number for each `run`",
        path: ["after"],
      }),
    headers: HEADERS,
    responses: { 200: EVENTS, 204: EMPTY },
    problems: ["not-found", "expired", "not-acceptable", "bad-header", "too-many-streams"],
    async handle(call) {
      const { access, query, request } = call;
      wantsEvents(call);
      const runs = [...new Set(query.run)].sort();
      await access.check(...runs);
      // Numbers in the order of the ids: whose they are is known from the request.
      const of = hash("sha256", runs.join()).slice(0, 8);
      const last = request.header("last-event-id");
      const numbers = last === undefined ? [] : numbersOf(last, of, runs.length);
      const given = new Map(query.run.map((run, index) => [run, query.after?.[index]]));
      const after = new Map(runs.map((run, index) => [run, numbers[index] ?? given.get(run) ?? 0]));
      return await streamed(
        call,
        after,
        (known) => `${of}:${runs.map((run) => known.get(run) ?? 0).join(".")}`,
      );
    },
  }),
  operation({
    id: "events.list",
    method: "GET",
    path: "/history/runs/{id}/events",
    summary: "The events of a run, oldest first.",
    permission: "runs:read",
    scoping: "access",
    query: z.strictObject({
      after: z.int().min(0).optional().describe("Only events with a greater `seq`."),
      ...PAGE,
    }),
    responses: { 200: listOf(Event) },
    problems: ["not-found", "expired", "bad-cursor"],
    async handle({ spine, access, params, query: { limit = 50, cursor, after: first = 0 } }) {
      await access.check(params.id);
      const filter = ["events", params.id];
      const after = readCursor(filter, cursor, "number") ?? first;
      const found = await spine.history.events(params.id, { after, limit: limit + 1 });
      const items = found.slice(0, limit).map(eventOf);
      const last = items.at(-1);
      return {
        status: 200,
        body: { items, next_cursor: found.length > limit && last ? writeCursor(filter, last.seq) : null },
      };
    },
  }),
] as const;

function wantsEvents({ request }: Call): void {
  const accept = request.header("accept");
  if (accept === undefined || /text\/event-stream|\*\/\*|text\/\*/.test(accept)) return;
  throw new HttpProblem("not-acceptable", "This is a stream of events: ask for `text/event-stream`.");
}

async function streamed(
  call: Call,
  after: ReadonlyMap<string, number>,
  idOf: (after: ReadonlyMap<string, number>) => string,
): Promise<
  | {
      readonly status: 200;
      readonly body: AsyncIterable<string>;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly status: 204; readonly body: null }
> {
  const { spine, services, request, access } = call;
  const runs = [...after.keys()];
  if (await isAllTold(call, after)) return { status: 204, body: null };
  const closed = services.feed.open();
  const { pingMs, reauthorizeMs } = services.limits;
  const body = eventStream({
    history: spine.history,
    feed: services.feed,
    runs: after,
    idOf,
    signal: request.signal,
    pingMs,
    reauthorizeMs,
    stillAllowed: async () => {
      if (!(await call.stillAllowed())) return false;
      for (const run of runs) if (!(await access.sees(run))) return false;
      return true;
    },
    closed,
  });
  return { status: 200, body, headers: STREAM_HEADERS };
}

/** Browsers come back to a stream that ended: 204 says that there is nothing behind what they know. */
async function isAllTold({ services, request }: Call, after: ReadonlyMap<string, number>): Promise<boolean> {
  if (request.header("last-event-id") === undefined) return false;
  const glances = await Promise.all([...after.keys()].map((run) => services.glances.of(run)));
  return glances.every(
    (glance) => glance && ENDED.has(glance.status) && (after.get(glance.runId) ?? 0) >= glance.version,
  );
}

const ENDED: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

function numberOf(id: string): number {
  if (/^\d{1,15}$/.test(id)) return Number(id);
  throw staleId();
}

function numbersOf(id: string, of: string, count: number): readonly number[] {
  const [known, numbers = ""] = id.split(":");
  const parts = numbers.split(".");
  if (known !== of || parts.length !== count) throw staleId();
  return parts.map(numberOf);
}

function staleId(): HttpProblem {
  return new HttpProblem(
    "bad-header",
    "The `Last-Event-ID` is not one of this stream. Leave it out to begin anew.",
  );
}
