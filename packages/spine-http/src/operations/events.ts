import { z } from "zod";
import { type EventStreamOptions, eventStream } from "../events/event-stream.ts";
import {
  idOfPipeline,
  idOfRuns,
  readIdOfPipeline,
  readIdOfRuns,
  readNumber,
  staleId,
} from "../events/stream-id.ts";
import { type Call, EMPTY, EVENTS, operation } from "../operation.ts";
import { HttpProblem } from "../problems.ts";
import { toProblem } from "../to-problem.ts";
import { Event, eventOf } from "../wire/event.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";

const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  // What compresses answers would hold events back until it has enough of them.
  "cache-control": "no-store, no-transform",
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
      const after = new Map([[params.id, last === undefined ? 0 : readNumber(last)]]);
      return await streamed(call, after, (known) => String(known.get(params.id)));
    },
  }),
  operation({
    id: "events.many",
    method: "GET",
    path: "/events",
    summary:
      "The same for up to 100 runs in one connection (`/events?run=a&run=b`, or behind what is known of each: `&after=7&after=0`), or for the runs of a pipeline (`/events?pipeline=demo.hello`).",
    permission: "runs:read",
    scoping: "access",
    query: z
      .strictObject({
        run: z.array(z.string().max(100)).min(1).max(MOST_RUNS).optional(),
        after: z
          .array(z.int().min(0))
          .max(MOST_RUNS)
          .optional()
          .describe(
            "The `seq` of the last event that is known of each `run`, in their order. `Last-Event-ID` goes before it.",
          ),
        pipeline: z
          .string()
          .max(200)
          .optional()
          .describe(
            "Its runs that have not ended, and those that come. Of more than 200 the next when one ends.",
          ),
      })
      .refine(
        ({ run, pipeline }) => (run === undefined) !== (pipeline === undefined),
        "needs either `run` or `pipeline`",
      )
      .refine(({ run = [], after }) => after === undefined || after.length === run.length, {
        message: "needs one number for each `run`",
        path: ["after"],
      }),
    headers: HEADERS,
    responses: { 200: EVENTS, 204: EMPTY },
    problems: ["not-found", "expired", "not-acceptable", "bad-header", "too-many-streams"],
    async handle(call) {
      const { access, query, request } = call;
      wantsEvents(call);
      if (query.pipeline !== undefined) return await streamedPipeline(call, access.pipeline(query.pipeline));
      const runs = [...new Set(query.run)].sort();
      await access.check(...runs);
      const last = request.header("last-event-id");
      const numbers = last === undefined ? [] : readIdOfRuns(last, runs);
      const given = new Map(query.run?.map((run, index) => [run, query.after?.[index]]));
      const after = new Map(runs.map((run, index) => [run, numbers[index] ?? given.get(run) ?? 0]));
      return await streamed(call, after, (known) => idOfRuns(runs, known));
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

interface Streamed {
  readonly status: 200;
  readonly body: AsyncIterable<string>;
  readonly headers: Readonly<Record<string, string>>;
}

async function streamed(
  call: Call,
  after: ReadonlyMap<string, number>,
  idOf: EventStreamOptions["idOf"],
): Promise<Streamed | { readonly status: 204; readonly body: null }> {
  if (await isAllTold(call, after)) return { status: 204, body: null };
  return openStream(call, { runs: after, idOf });
}

/** The runs of a pipeline: at first those that have not ended, and then all that come. */
async function streamedPipeline(call: Call, pipeline: string): Promise<Streamed> {
  const { spine, access, request } = call;
  const last = request.header("last-event-id");
  const limit = MOST_FOLLOWED;
  const known = last === undefined ? null : readIdOfPipeline(last, pipeline);
  const first = await spine.history
    .arrivals(pipeline, known ? { after: known.place, limit: 1 } : { limit })
    .catch((error: unknown) => {
      throw known && toProblem(error).code === "invalid-body" ? staleId() : error;
    });
  let place = known?.place ?? first.place;
  const visible = async (runIds: readonly string[]) => {
    const seen: string[] = [];
    for (const runId of runIds) if (await access.sees(runId)) seen.push(runId);
    return seen;
  };
  const runs = known?.runs ?? new Map(first.runIds.map((runId) => [runId, 0]));
  const own = new Set(await visible([...runs.keys()].slice(0, limit)));
  return openStream(call, {
    runs: new Map([...runs].filter(([runId]) => own.has(runId))),
    idOf: (after) => idOfPipeline(pipeline, { place, runs: after }),
    arrivals: {
      everyMs: LOOK_MS,
      most: limit,
      next: async (most) => {
        const came = await spine.history.arrivals(pipeline, { after: place, limit: most });
        const seen = await visible(came.runIds);
        place = came.place;
        return seen;
      },
    },
  });
}

/** Runs of a pipeline that are told at a time: the `id` of each event names them. */
const MOST_FOLLOWED = 200;
/** How soon a run is told that has come. */
const LOOK_MS = 1_000;

function openStream(call: Call, what: Pick<EventStreamOptions, "runs" | "idOf" | "arrivals">): Streamed {
  const { spine, services, request, access } = call;
  const { pingMs, reauthorizeMs } = services.limits;
  const body = eventStream({
    ...what,
    history: spine.history,
    feed: services.feed,
    signal: request.signal,
    pingMs,
    reauthorizeMs,
    stillAllowed: async (runs) => {
      if (!(await call.stillAllowed())) return false;
      for (const run of runs) if (!(await access.sees(run))) return false;
      return true;
    },
    closed: services.feed.open(request.signal),
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
