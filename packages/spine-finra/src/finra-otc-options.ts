import { SpineError } from "spine-core";
import { z } from "zod";

/** FINRA's own Query API. */
export const FINRA_API = "https://api.finra.org";
/** What runs record as the source of rows from there. */
export const FINRA_ORIGIN = "FINRA";
/** What runs record as the source of generated data: the local server of `spine-finra/testing`. */
export const SAMPLE_ORIGIN = "SAMPLE";
/** Where FINRA gives tokens for credentials. */
const FINRA_TOKENS = "https://ews.fip.finra.org/fip/rest/ews/oauth2/access_token";
/** How often FINRA may be asked within a second, from one address. */
const FINRA_REQUESTS = 20;
/** The most rows that FINRA gives at a time. */
const FINRA_PAGE = 5_000;

/**
 * Who asks: names of environment variables, never the secrets themselves. FINRA's otcMarket answers without any; with
 * them, requests count against the limits of your account.
 */
export interface FinraCredentials {
  /** `env:NAME` of the variable with the client id. */
  readonly clientId: string;
  /** `env:NAME` of the variable with the client secret. */
  readonly clientSecret: string;
  /** Where tokens are given out; FINRA's identity service when left out. */
  readonly tokenUrl?: string;
}

export interface FinraOtcOptions {
  /** The service: `https://api.finra.org` when left out. */
  readonly baseUrl?: string;
  /**
   * What runs record as the source of their rows, and name it by (`source`): `FINRA` when left out. For any other
   * `baseUrl` it must be given and must not be `FINRA`: nothing else is to pass for FINRA's own data.
   */
  readonly origin?: string;
  /** Anonymous when left out. */
  readonly credentials?: FinraCredentials;
  /** True: the service may stand on this machine or in a private network. FINRA's own does not. */
  readonly allowPrivate?: boolean;
  /**
   * Requests a second that all processes on one database send together; FINRA's most, 20, when left out. Null for no
   * limit of ours.
   */
  readonly requestsPerSecond?: number | null;
  /** Rows asked for at a time: 5,000, FINRA's most, when left out. */
  readonly pageRows?: number;
}

const reference = z.custom<`env:${string}`>(
  (value) => typeof value === "string" && /^env:[A-Za-z_][A-Za-z0-9_]*$/.test(value),
  "is not a reference (env:NAME) to an environment variable",
);
const Options = z
  .strictObject({
    baseUrl: z.url({ protocol: /^https?$/ }).default(FINRA_API),
    origin: z.string().min(1).max(100).optional(),
    credentials: z
      .strictObject({
        clientId: reference,
        clientSecret: reference,
        tokenUrl: z.url({ protocol: /^https?$/ }).default(FINRA_TOKENS),
      })
      .optional(),
    allowPrivate: z.boolean().default(false),
    requestsPerSecond: z.int().min(1).nullable().default(FINRA_REQUESTS),
    pageRows: z.int().min(1).max(FINRA_PAGE).default(FINRA_PAGE),
  })
  .transform((options) => ({ ...options, isFinra: new URL(options.baseUrl).origin === FINRA_API }))
  .refine(({ isFinra, origin }) => isFinra || origin !== undefined, {
    path: ["origin"],
    error: "is missing: say what runs record as their source",
  })
  .refine(({ isFinra, origin }) => isFinra === ((origin ?? FINRA_ORIGIN) === FINRA_ORIGIN), {
    path: ["origin"],
    error: `"${FINRA_ORIGIN}" stands for ${FINRA_API} and for nothing else`,
  })
  .transform((options) => ({ ...options, origin: options.origin ?? FINRA_ORIGIN }));

export type FinraOtcSettings = z.output<typeof Options>;

/** The options with their defaults; CONFIG_INVALID names the one that is wrong, without its value. */
export function readFinraOtcOptions(options: FinraOtcOptions): FinraOtcSettings {
  const { data, error } = Options.safeParse(options);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  throw new SpineError(
    "CONFIG_INVALID",
    `finraOtc: ${[issue?.path.join("."), issue?.message].filter(Boolean).join(" ")}.`,
  );
}
