import type { RunTotals } from "spine-core";
import { z } from "zod";
import { type Call, operation } from "../operation.ts";
import { HttpProblem } from "../problems.ts";
import { RunStatus } from "../wire/run.ts";
import { RowCounts } from "../wire/step.ts";
import { asQuery, type Filter, MOST_COUNTED, RunFilter, timeOf } from "./history.ts";
import { given } from "./pipelines.ts";

const FIGURES = {
  runs: z.int(),
  capped: z.boolean().describe("True: there are more, and these are the newest."),
  by_status: z.record(RunStatus, z.int()),
  success_rate: z.number().nullable(),
  duration: z
    .strictObject({ p50: z.number(), p95: z.number(), max: z.number() })
    .nullable()
    .describe("Seconds."),
} as const;
const Bucket = z
  .strictObject({ from: z.iso.datetime(), to: z.iso.datetime(), ...FIGURES })
  .meta({ id: "StatsBucket" });
const Stats = z
  .strictObject({
    ...FIGURES,
    oldest: z.iso.datetime().nullable(),
    rows: z.record(z.string(), RowCounts),
    buckets: z
      .array(Bucket)
      .nullable()
      .describe("With `bucket`: the same for each part of the time, oldest first."),
  })
  .meta({ id: "Stats" });

const BUCKETS_MS = { hour: 3_600_000, day: 86_400_000 } as const;
/** Of each a query is made, a few at a time; of a part of all runs seven. */
const MOST_BUCKETS = 200;
const MOST_SCOPED = 31;
const AT_A_TIME = 4;
const WEEK_MS = 7 * 86_400_000;

export const statisticsOperations = [
  operation({
    id: "history.stats",
    method: "GET",
    path: "/history/stats",
    summary:
      "Figures about the runs of a window of time, and of its hours or days (UTC): 7 days when nothing is said.",
    permission: "runs:read",
    scoping: "access",
    query: z.strictObject({
      pipeline: RunFilter.pipeline,
      from: RunFilter.from,
      to: RunFilter.to,
      bucket: z.enum(["hour", "day"]).optional().describe(`At most ${MOST_BUCKETS} of them.`),
    }),
    responses: { 200: Stats },
    problems: [],
    async handle(call) {
      const { pipeline, from, to, bucket } = call.query;
      const until = timeOf(to);
      const window = { since: timeOf(from) ?? Math.max(0, (until ?? Date.now()) - WEEK_MS), until };
      const totals = await asQuery(() => totalsOf(call, { pipeline, ...window }));
      const buckets = bucket === undefined ? null : await bucketsOf(call, window, BUCKETS_MS[bucket]);
      return {
        status: 200,
        body: { ...figuresOf(totals), oldest: totals.oldest, rows: { ...totals.rows }, buckets },
      };
    },
  }),
] as const;

type StatsCall = Call<string, Filter>;
interface Window {
  readonly since: number;
  /** Undefined: now, and what is made meanwhile. */
  readonly until: number | undefined;
}

async function bucketsOf(call: StatsCall, { since, until }: Window, ms: number) {
  const first = Math.floor(since / ms) * ms;
  const end = until ?? Date.now();
  const count = Math.ceil((end - first) / ms);
  const most = call.access.scope ? MOST_SCOPED : MOST_BUCKETS;
  if (count > most) {
    throw new HttpProblem(
      "bad-query",
      `These are ${count} parts: ask for ${most} at most, or for larger ones.`,
      {
        errors: [{ path: "/bucket", code: "too_many", message: `makes ${count} parts of the time` }],
      },
    );
  }
  const windows = Array.from({ length: count }, (_, index) => {
    const begin = first + index * ms;
    const isLast = index === count - 1;
    return {
      since: Math.max(since, begin),
      until: isLast ? until : begin + ms,
      to: isLast ? end : begin + ms,
    };
  });
  const buckets: z.output<typeof Bucket>[] = [];
  for (let at = 0; at < count; at += AT_A_TIME) {
    const some = windows.slice(at, at + AT_A_TIME).map(async (window) => ({
      from: new Date(window.since).toISOString(),
      to: new Date(window.to).toISOString(),
      ...figuresOf(await totalsOf(call, { pipeline: call.query.pipeline, ...window })),
    }));
    buckets.push(...(await Promise.all(some)));
  }
  return buckets;
}

function figuresOf({ runs, capped, byStatus, successRate, duration }: RunTotals) {
  return {
    runs,
    capped,
    by_status: { ...byStatus },
    success_rate: successRate,
    duration: duration && {
      p50: duration.p50 / 1_000,
      p95: duration.p95 / 1_000,
      max: duration.max / 1_000,
    },
  };
}

/** Of a part of all runs only what a filter of the database can say: how many there are of each status. */
async function totalsOf(
  { spine, access }: StatsCall,
  { pipeline, since, until }: Window & { readonly pipeline: string | undefined },
): Promise<RunTotals> {
  const asked = { since, ...given({ until, workflow: pipeline }) };
  if (!access.scope) return await spine.statistics.totals(asked);
  const filter = access.filter(asked);
  if (!filter) throw new HttpProblem("forbidden", "Name one pipeline of yours (`pipeline`).");
  const statuses = RunStatus.options;
  const counts = await Promise.all(
    statuses.map((status) => spine.statistics.count({ ...filter, status: [status] }, { cap: MOST_COUNTED })),
  );
  const byStatus = Object.fromEntries(statuses.map((status, index) => [status, counts[index]?.count ?? 0]));
  const { COMPLETED = 0, FAILED = 0 } = byStatus;
  return {
    runs: counts.reduce((sum, { count }) => sum + count, 0),
    capped: counts.some(({ capped }) => capped),
    oldest: null,
    byStatus: byStatus as RunTotals["byStatus"],
    successRate: COMPLETED + FAILED === 0 ? null : COMPLETED / (COMPLETED + FAILED),
    duration: null,
    rows: {},
  };
}
