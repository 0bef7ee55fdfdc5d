import { HttpProblem } from "./problems.ts";

interface Bucket {
  left: number;
  at: number;
}

/** How many more changes of somebody may come. */
export interface WritesLeft {
  /** `RateLimit` and `RateLimit-Policy` (a draft of the IETF); none where there is no limit. */
  readonly headers: Readonly<Record<string, string>>;
  /** Why this one may not; null where it may. */
  readonly problem: HttpProblem | null;
}

/** How many seconds' worth may come at once. */
const BURST = 10;
const MOST_BUCKETS = 10_000;
const UNLIMITED: WritesLeft = { headers: {}, problem: null };

/** How often each principal may change something: a bucket that fills up again. */
export class WriteLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Takes one, where there is one. */
  take(principal: string): WritesLeft {
    const perSecond = this.#perSecond;
    if (perSecond === Number.POSITIVE_INFINITY) return UNLIMITED;
    const most = perSecond * BURST;
    const now = performance.now();
    const bucket = this.#buckets.get(principal) ?? { left: most, at: now };
    bucket.left = Math.min(most, bucket.left + ((now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
    // The one that was used the longest ago is full again, and needs not be known.
    this.#buckets.delete(principal);
    this.#buckets.set(principal, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MOST_BUCKETS && oldest !== undefined) this.#buckets.delete(oldest);
    const isAllowed = bucket.left >= 1;
    if (isAllowed) bucket.left -= 1;
    // Seconds until there is one again, or until all are there.
    const seconds = Math.ceil((isAllowed ? most - bucket.left : 1 - bucket.left) / perSecond);
    return {
      headers: {
        "ratelimit-policy": `"writes";q=${Math.floor(most)};w=${BURST}`,
        ratelimit: `"writes";r=${Math.floor(bucket.left)};t=${seconds}`,
      },
      problem: isAllowed
        ? null
        : new HttpProblem("rate-limited", `"${principal}" may change ${perSecond} things in a second.`, {
            retryAfterSeconds: seconds,
          }),
    };
  }
}
