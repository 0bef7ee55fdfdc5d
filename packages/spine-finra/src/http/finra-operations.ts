import { ERROR_CATEGORIES, RUN_STATUSES, type Spine, STEP_STATUSES } from "spine-core";
import { HttpProblem, operation, StartedRun, startRun, statusOf } from "spine-http";
import { z } from "zod";
import { SAMPLE_ORIGIN } from "../finra-otc-options.ts";
import { ATTRIBUTION, ingestWeek, SAMPLE_ATTRIBUTION } from "../ingest-week.ts";
import { toWeekStart, weekEnding } from "../publication.ts";
import { topSymbols, topVenues, tradeActivityOf, weekTotals } from "../queries.ts";
import { parseTier, TIER_NAMES, TIERS } from "../tiers.ts";
import { tradeActivity } from "../trade-activity-table.ts";

const Week = {
  tier: z.enum(TIER_NAMES).describe("T1, T2 or OTCE; T3 and OTC are other names of OTCE."),
  week_ending: z.iso.date().describe("Any day of the week, YYYY-MM-DD."),
} as const;
const Quantity = z.string().describe("An exact decimal.");
const TOTALS = { rows: z.int(), shares: Quantity, trades: z.int(), symbols: z.int() } as const;
const SOURCE = z
  .string()
  .nullable()
  .describe(
    "Where the rows that are loaded came from: a service, or a file. Null where nothing is loaded, or its run is not kept.",
  );
const OF_WEEK = {
  tier: z.enum(TIERS),
  week_start: z.iso.date().describe("Monday."),
  week_ending: z.iso.date().describe("Friday."),
  source: SOURCE,
  attribution: z.string(),
} as const;

const TradeActivity = z
  .strictObject({
    symbol: z.string(),
    issue_name: z.string(),
    mpid: z.string(),
    participant_name: z.string(),
    shares: Quantity,
    trades: z.int(),
    last_update_date: z.string().nullable(),
    load_id: z.string().describe("`GET /lineage/loads/{id}` says where the row came from."),
  })
  .meta({ id: "FinraTradeActivity" });

const Time = z.iso.datetime().nullable();
const Duration = z.number().nullable().describe("Seconds; null before its end.");
const IngestStatus = z
  .strictObject({
    execution_id: z.string(),
    status: z.enum(RUN_STATUSES),
    tier: OF_WEEK.tier.nullable(),
    week_ending: OF_WEEK.week_ending.nullable(),
    started_at: Time,
    completed_at: Time,
    duration_seconds: Duration,
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    error_category: z.enum(ERROR_CATEGORIES).nullable(),
    steps: z
      .array(
        z.strictObject({
          name: z.string(),
          status: z.enum(STEP_STATUSES),
          records_processed: z
            .int()
            .nullable()
            .describe("That came out of it; null where it counts none, or has not ended."),
          duration_seconds: Duration,
          error: z.string().nullable(),
        }),
      )
      .describe("Those that have begun, and those that have not."),
    metrics: z.record(z.string(), z.union([z.number(), z.string()])),
  })
  .meta({ id: "FinraIngestStatus" });

const OPERATIONS = [
  operation({
    id: "finra.trade_activity",
    method: "GET",
    path: "/finra/trade-activity",
    summary: "Volume by symbol and venue in one week of one tier, the greatest first.",
    permission: "finra:read",
    scoping: "access",
    query: z.strictObject({
      ...Week,
      symbol: z
        .string()
        .min(1)
        .max(20)
        .optional()
        .describe("As FINRA writes it: capital and small letters differ."),
      limit: z.int().min(1).max(1_000).optional().describe("100 when left out."),
    }),
    responses: { 200: z.strictObject({ ...OF_WEEK, items: z.array(TradeActivity) }) },
    problems: ["not-found"],
    async handle({ spine, access, query: { tier, week_ending, symbol = null, limit = 100 } }) {
      access.pipeline(ingestWeek.name);
      const week = weekOf(tier, week_ending);
      const rows = await tradeActivityOf(spine.database, week, { symbol, limit });
      const items = rows.map((row) => ({
        symbol: row.symbol,
        issue_name: row.issue_name,
        mpid: row.mpid,
        participant_name: row.participant_name,
        shares: row.shares,
        trades: row.trades,
        last_update_date: row.last_update_date,
        load_id: row.load_id,
      }));
      return { status: 200, body: { ...(await describe(spine, week)), items } };
    },
  }),
  operation({
    id: "finra.week",
    method: "GET",
    path: "/finra/week",
    summary: "The totals of one week of one tier, with its largest symbols and venues.",
    permission: "finra:read",
    scoping: "access",
    query: z.strictObject({
      ...Week,
      limit: z.int().min(1).max(100).optional().describe("10 when left out."),
    }),
    responses: {
      200: z.strictObject({
        ...OF_WEEK,
        ...TOTALS,
        top_symbols: z.array(
          z.strictObject({ symbol: z.string(), shares: Quantity, trades: z.int(), venues: z.int() }),
        ),
        top_venues: z.array(
          z.strictObject({
            mpid: z.string(),
            participant_name: z.string(),
            shares: Quantity,
            trades: z.int(),
            symbols: z.int(),
          }),
        ),
      }),
    },
    problems: ["not-found"],
    async handle({ spine, access, query: { tier, week_ending, limit = 10 } }) {
      access.pipeline(ingestWeek.name);
      const week = weekOf(tier, week_ending);
      const [totals, symbols, venues] = await Promise.all([
        weekTotals(spine.database, week),
        topSymbols(spine.database, week, limit),
        topVenues(spine.database, week, limit),
      ]);
      return {
        status: 200,
        body: { ...(await describe(spine, week)), ...totals, top_symbols: symbols, top_venues: venues },
      };
    },
  }),
  operation({
    id: "finra.weeks",
    method: "GET",
    path: "/finra/weeks",
    summary: "The totals of the weeks of one tier that are loaded, the newest first.",
    permission: "finra:read",
    scoping: "access",
    query: z.strictObject({
      tier: Week.tier,
      limit: z.int().min(1).max(104).optional().describe("26 when left out."),
    }),
    responses: {
      200: z.strictObject({
        tier: z.enum(TIERS),
        attribution: z.string(),
        items: z.array(
          z.strictObject({
            week_start: OF_WEEK.week_start,
            week_ending: OF_WEEK.week_ending,
            source: SOURCE,
            ...TOTALS,
          }),
        ),
      }),
    },
    problems: ["not-found"],
    async handle({ spine, access, query: { limit = 26, ...query } }) {
      access.pipeline(ingestWeek.name);
      const tier = parseTier(query.tier);
      const weeks = (await spine.partitions.list(tradeActivity.name))
        .flatMap(({ partition: { week_start = "", ...other } }) => (other.tier === tier ? [week_start] : []))
        .sort()
        .reverse()
        .slice(0, limit);
      const items = await Promise.all(
        weeks.map(async (week_start) => ({
          week_start,
          week_ending: weekEnding(week_start),
          source: await sourceOf(spine, { tier, week_start }),
          ...(await weekTotals(spine.database, { tier, week_start })),
        })),
      );
      // One sample among real weeks makes a sample of them all.
      const isSample = items.some(({ source }) => source === SAMPLE_ORIGIN);
      return { status: 200, body: { tier, attribution: isSample ? SAMPLE_ATTRIBUTION : ATTRIBUTION, items } };
    },
  }),
  operation({
    id: "finra.ingest",
    method: "POST",
    path: "/finra/ingest",
    summary:
      "Starts the ingest of one week of one tier: `POST /pipelines/run/finra.otc_transparency.ingest_week` under another name.",
    permission: "runs:start",
    scoping: "access",
    body: z
      .strictObject({ ...Week, source: z.string().min(1).max(200).optional() })
      .meta({ id: "FinraIngest" }),
    headers: {
      "idempotency-key": "A second request with the same key and parameters finds the run of the first.",
    },
    responses: { 200: StartedRun, 202: StartedRun },
    problems: ["not-found", "invalid-params", "idempotency-mismatch", "bad-header"],
    handle: (call) => startRun(call, ingestWeek.name, call.body),
  }),
  operation({
    id: "finra.ingest_status",
    method: "GET",
    path: "/finra/ingest/status/{id}",
    summary: "How an ingest stands: its steps with the records that each has processed, and its metrics.",
    permission: "runs:read",
    scoping: "access",
    responses: { 200: IngestStatus },
    problems: ["not-found", "expired"],
    async handle({ spine, access, params }) {
      const detail = await access.run(params.id);
      if (detail.run.workflow !== ingestWeek.name) {
        throw new HttpProblem(
          "not-found",
          `Run ${params.id} is no ingest of FINRA's: ask for \`GET /pipelines/status/{id}\`.`,
        );
      }
      const status = await statusOf(spine, access, detail, new Set(["steps", "metrics"]));
      const { week_start, tier } = detail.run.partition ?? {};
      return {
        status: 200,
        body: {
          execution_id: status.execution_id,
          status: status.status,
          tier: tier === undefined ? null : parseTier(tier),
          week_ending: week_start === undefined ? null : weekEnding(week_start),
          started_at: status.started_at,
          completed_at: status.completed_at,
          duration_seconds: status.duration,
          error: status.error,
          error_code: status.error_code,
          error_category: status.error_category,
          steps: status.steps.map((step) => ({
            name: step.name,
            status: step.status,
            records_processed: step.rows?.out ?? null,
            duration_seconds: step.duration,
            error: step.error,
          })),
          metrics: status.metrics,
        },
      };
    },
  }),
] as const;

/** The table as a type, for clients: `createClient<SpineOperations | FinraOperations>(…)`. */
export type FinraOperations = (typeof OPERATIONS)[number];

/**
 * FINRA's data over HTTP: `GET /finra/trade-activity`, `GET /finra/week`, `GET /finra/weeks`, `POST /finra/ingest` and
 * `GET /finra/ingest/status/{id}`.
 *
 * @example
 * const handler = createHandler(spine, { auth: insecureNoAuth(), operations: finraOperations() });
 */
export function finraOperations(): typeof OPERATIONS {
  return OPERATIONS;
}

function weekOf(tier: (typeof TIER_NAMES)[number], day: string) {
  return { tier: parseTier(tier), week_start: toWeekStart(day) };
}

async function describe(spine: Spine, week: ReturnType<typeof weekOf>) {
  const source = await sourceOf(spine, week);
  return {
    ...week,
    week_ending: weekEnding(week.week_start),
    source,
    // Nobody is to take a sample for the market.
    attribution: source === SAMPLE_ORIGIN ? SAMPLE_ATTRIBUTION : ATTRIBUTION,
  };
}

/** Where the rows of a week came from; null where none are loaded, or their run is not kept. */
async function sourceOf(spine: Spine, week: ReturnType<typeof weekOf>): Promise<string | null> {
  const loaded = await spine.partitions.get(tradeActivity.name, week);
  const detail = loaded && (await spine.history.get(loaded.runId));
  const { file = null, source = null } = (detail?.run.params ?? {}) as Readonly<
    Record<string, string | undefined>
  >;
  return file === null ? source : "file";
}
