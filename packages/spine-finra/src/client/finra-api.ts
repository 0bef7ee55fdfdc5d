import type { AnswerOf, At, SpineClient, SpineOperations } from "spine-http/client";
import type { FinraOperations } from "../http/index.ts";
import { INGEST_WEEK } from "../ingest-week-name.ts";
import type { TierName } from "../tiers.ts";

type Client = SpineClient<SpineOperations | FinraOperations>;
type Answer<P extends FinraOperations["path"]> = AnswerOf<At<FinraOperations, FinraOperations["method"], P>>;

/** Rows of a week, those with the most shares first. Quantities are exact decimal texts. */
export type FinraTradeActivity = Answer<"/finra/trade-activity">;
/** The totals of a week, with its largest symbols and venues. */
export type FinraWeek = Answer<"/finra/week">;
/** The totals of the weeks that are loaded, the newest first. */
export type FinraWeeks = Answer<"/finra/weeks">;
export type FinraIngestStarted = Answer<"/finra/ingest">;

/** One week of one tier. */
export interface WeekOfTier {
  /** T1, T2 or OTCE; T3 and OTC are other names of OTCE. */
  readonly tier: TierName;
  /** Any day of the week, `YYYY-MM-DD`. */
  readonly week_ending: string;
}

export interface FinraIngestRequest extends WeekOfTier {
  /** The service that the rows come from, by its origin; the server's own choice when left out. */
  readonly source?: string;
}

export interface FinraRequestOptions {
  readonly signal?: AbortSignal;
}

export type FinraApi = ReturnType<typeof finraApi>;

/**
 * FINRA's operations by name, for browsers and everywhere that has `fetch`. Each rejects with a SpineHttpError where the API
 * answers with a problem.
 *
 * @example
 * const finra = finraApi(createClient({ baseUrl: "/spine" }));
 * const { execution_id } = await finra.ingest({ tier: "T1", week_ending: "2025-01-10" });
 * const { status } = await finra.ingestStatus(execution_id);
 * const { items } = await finra.tradeActivity({ tier: "T1", week_ending: "2025-01-10", limit: 10 });
 * console.log(status, items[0]?.symbol, items[0]?.shares);
 */
export function finraApi(given: SpineClient | Client) {
  // Whatever table a client is typed with, it asks for any path.
  const client = given as Client;
  return {
    /** Starts the ingest of a week. A second call with the same key and week finds the run of the first. */
    ingest: (
      body: FinraIngestRequest,
      options: FinraRequestOptions & { readonly idempotencyKey?: string } = {},
    ) => {
      const { idempotencyKey, ...rest } = options;
      const headers = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
      return client.post("/finra/ingest", { body, headers, ...rest });
    },
    /** How an ingest stands, with its steps. */
    ingestStatus: (id: string, options: FinraRequestOptions = {}) =>
      client.get("/pipelines/status/{id}", { params: { id }, ...options }),
    tradeActivity: (
      query: WeekOfTier & { readonly symbol?: string; readonly limit?: number },
      options: FinraRequestOptions = {},
    ) => client.get("/finra/trade-activity", { query, ...options }),
    week: (query: WeekOfTier & { readonly limit?: number }, options: FinraRequestOptions = {}) =>
      client.get("/finra/week", { query, ...options }),
    weeks: (query: { readonly tier: TierName; readonly limit?: number }, options: FinraRequestOptions = {}) =>
      client.get("/finra/weeks", { query, ...options }),
    /** The schedules that load weeks by themselves. */
    schedules: (options: FinraRequestOptions = {}) =>
      client.get("/scheduler/schedules", { query: { pipeline: INGEST_WEEK }, ...options }),
    /** Runs one of them now, beside its ticks. */
    runSchedule: (name: string, options: FinraRequestOptions = {}) =>
      client.post("/scheduler/schedules/{name+}/trigger", { params: { name }, ...options }),
  } as const;
}
