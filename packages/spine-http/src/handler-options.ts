import {
  aBoolean,
  aFunction,
  anObject,
  anything,
  aText,
  checkOptions,
  type Logger,
  type OptionKinds,
  type Partition,
  type PartitionSet,
  required,
  SpineError,
} from "spine-core";
import type { AccessRequest, Auth, Principal } from "./auth/auth.ts";
import { type Cors, checkCors } from "./cross-origin.ts";
import type { AnyOperation } from "./operation.ts";

/** What a request may cost. */
export interface Limits {
  /** Bytes of a body; 1 MiB when left out. */
  readonly bodyBytes: number;
  /** Levels of arrays and objects in a body; 64 when left out. */
  readonly jsonDepth: number;
  /** Streams of events at a time; 200 when left out. */
  readonly streams: number;
  /** The longest `Prefer: wait`, in seconds; 30 when left out. */
  readonly waitSeconds: number;
  /** Requests of one principal that change something, in each second (in bursts ten times as many); 100 when left out. */
  readonly writesPerSecond: number;
  /** Between two signs of life on a stream, in ms; 15,000 when left out. */
  readonly pingMs: number;
  /** How often it is asked again whether a stream's caller may still see it, in ms; 60,000 when left out. */
  readonly reauthorizeMs: number;
}

export const LIMITS: Limits = {
  bodyBytes: 1 << 20,
  jsonDepth: 64,
  streams: 200,
  waitSeconds: 30,
  writesPerSecond: 100,
  pingMs: 15_000,
  reauthorizeMs: 60_000,
};

/** Partitions that can be looked at, and filled. */
export interface ServedPartitions {
  readonly partitions: PartitionSet;
  /** The parameters of the run for a partition; without it there is no backfill. */
  readonly params?: (partition: Partition) => unknown;
}

/** One call that changed something, or was to. */
export interface AuditEntry extends Omit<AccessRequest, "permission"> {
  /** Why, as the caller said it; null where he did not. */
  readonly reason: string | null;
  /** The status that was answered. */
  readonly status: number;
  readonly requestId: string;
  /** ISO time in UTC. */
  readonly at: string;
}

/** A run that a request is about to start. */
export interface StartRequest {
  readonly pipeline: string;
  /** As they were sent: nothing is checked yet. */
  readonly params: unknown;
  readonly principal: Principal;
}

export interface HandlerOptions {
  /** Who may ask, e.g. `apiKeys([...])`, `hostSession(...)`, or `insecureNoAuth()`. */
  readonly auth: Auth;
  /** Where it is mounted, e.g. `/spine`; the root when left out. */
  readonly basePath?: string;
  readonly limits?: Partial<Limits>;
  readonly cors?: Cors;
  /** True: nothing can be changed, whoever asks. */
  readonly readOnly?: boolean;
  /** Operations beside the built-in ones, e.g. `finraOperations()`. */
  readonly operations?: readonly AnyOperation[];
  readonly partitions?: readonly ServedPartitions[];
  /**
   * The parameters that a run is started with, or a promise of them, e.g. with what only the host knows; those that were sent when
   * left out. What it throws is answered: `HttpProblem`, or a SpineError.
   */
  readonly completeParams?: (start: StartRequest) => unknown;
  /**
   * Told of each call of somebody known that changes something or was to, what was refused (403, 429) included, when its answer is
   * there. The answer does not wait for it, and stays as it is where it fails: that is logged.
   */
  readonly audit?: (entry: AuditEntry) => void | Promise<void>;
  /** Where failures are logged; JSON lines on standard error when left out. */
  readonly logger?: Logger;
}

const OPTIONS: OptionKinds<HandlerOptions> = {
  auth: required({
    is: "given: `apiKeys([...])`, `hostSession(...)`, an object with `authenticate`, or `insecureNoAuth()`",
    fits: (value) => typeof (value as Partial<Auth> | null)?.authenticate === "function",
  }),
  basePath: aText,
  limits: anObject,
  cors: anObject,
  readOnly: aBoolean,
  operations: { is: "a list", fits: Array.isArray },
  partitions: { is: "a list", fits: Array.isArray },
  completeParams: aFunction,
  audit: aFunction,
  logger: anything,
};
const CODE = { code: "CONFIG_INVALID" } as const;
const aNumber = {
  is: "a number above 0",
  fits: (value: unknown) => typeof value === "number" && value > 0,
};
const BASE = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/;

/** @throws SpineError CONFIG_INVALID that names the option that means nothing. */
export function checkHandlerOptions(options: HandlerOptions): void {
  checkOptions(options, OPTIONS, { of: "createHandler", ...CODE });
  const { basePath = "", limits = {}, cors } = options;
  const kinds = Object.fromEntries(Object.keys(LIMITS).map((name) => [name, aNumber]));
  checkOptions(limits, kinds, { of: "`limits`", name: "limits", ...CODE });
  if (basePath !== "" && basePath !== "/" && !BASE.test(basePath)) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The \`basePath\` of createHandler is "${basePath}"; begin it with a slash, end it without one, e.g. /api/spine.`,
    );
  }
  if (cors) checkCors(cors);
}
