import { SpineError } from "spine-core";
import { z } from "zod";
import { addDays, isIsoDate } from "../../iso-date.ts";
import { publishedOn } from "../../publication.ts";
import { SAMPLE_WEEK } from "../sample-week.ts";
import type { DirtyCode } from "../week-rows.ts";
import type { QueryRecord } from "./query-record.ts";
import type { Credentials } from "./tokens.ts";

export interface FinraServerOptions {
  /** What day it is there, `YYYY-MM-DD`: a week that comes out later is not there yet. Four days after the sample week is out in all tiers when left out. */
  readonly today?: string;
  /** How many weeks before today are held; 52 when left out, which is how far the real service promises to go back. */
  readonly weeks?: number;
  /** Another seed gives other weeks of the same kind. */
  readonly seed?: string | number;
  /** How many issues a week has in each tier; realistic when left out: about 4,000 rows by symbol and venue. */
  readonly symbols?: number;
  /** How many bad rows of each kind, as far as answers can have them; as in files when left out. */
  readonly dirty?: Readonly<Partial<Record<DirtyCode, number>>>;
  /** These rows of weeklySummary and no generated ones, for tests that need to know each; in the order of nothing. */
  readonly rows?: readonly QueryRecord[];
  /** The most rows in a page, whatever is asked for; 5,000 as in reality when left out. */
  readonly pageRows?: number;
  /** The most bytes in a page; 3 MiB when left out. */
  readonly pageBytes?: number;
  /** Requests a second before it answers 429 with Retry-After; 20 as in reality when left out, null for no limit. */
  readonly requestsPerSecond?: number | null;
  /** Who is given a token; nobody when left out. */
  readonly credentials?: Credentials;
  /** Data only for those with a token. FINRA's otcMarket answers everybody, which is the default; its other groups do not. */
  readonly requireToken?: boolean;
  /** How long a token is valid, in seconds; 1,800 when left out. */
  readonly tokenSeconds?: number;
  /** What an answer without rows is: 204 without a body as seen in reality, or `[]` as documented. */
  readonly empty?: 204 | "[]";
  /** How often an asynchronous request is still at work when asked; 1 when left out. */
  readonly asyncPolls?: number;
  /** The port; a free one when left out. */
  readonly port?: number;
}

export type FinraServerSettings = z.output<typeof Options>;

const count = z.number().int().min(1);
const Options = z.strictObject({
  today: z
    .string()
    .refine(isIsoDate, "is not a date (YYYY-MM-DD)")
    .default(addDays(publishedOn(SAMPLE_WEEK, "OTCE"), 4)),
  weeks: count.max(1_000).default(52),
  seed: z.union([z.string(), z.number()]).optional(),
  symbols: count.optional(),
  dirty: z.record(z.string(), z.number().int().min(0)).optional(),
  rows: z.array(z.record(z.string(), z.union([z.string(), z.number(), z.null()]))).optional(),
  pageRows: count.max(5_000).default(5_000),
  pageBytes: count.default(3 << 20),
  requestsPerSecond: count.nullable().default(20),
  credentials: z.strictObject({ clientId: z.string().min(1), clientSecret: z.string().min(1) }).optional(),
  requireToken: z.boolean().default(false),
  tokenSeconds: count.default(1_800),
  empty: z.union([z.literal(204), z.literal("[]")]).default(204),
  asyncPolls: z.number().int().min(0).default(1),
  port: z.number().int().min(0).max(65_535).default(0),
});

/** The options with their defaults; CONFIG_INVALID names the one that is wrong. */
export function readFinraServerOptions(options: FinraServerOptions): FinraServerSettings {
  const { data, error } = Options.safeParse(options);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  throw new SpineError(
    "CONFIG_INVALID",
    `startFinraServer: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
  );
}
