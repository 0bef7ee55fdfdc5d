import { HttpProblem } from "./problems.ts";

interface Bucket {
  left: number;
  at: number;
}

/** How many seconds' worth may come at once. */
const BURST = 10;
const MOST_BUCKETS = 10_000;

/** How often each principal may change something: a bucket that fills up again. */
export class WriteLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** @throws HttpProblem rate-limited */
  take(principal: string): void {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return;
    const most = this.#perSecond * BURST;
    const now = performance.now();
    const bucket = this.#buckets.get(principal) ?? { left: most, at: now };
    bucket.left = Math.min(most, bucket.left + ((now - bucket.at) / 1_000) * this.#perSecond);
    bucket.at = now;
    // The one that was used the longest ago is full again, and needs not be known.
    this.#buckets.delete(principal);
    this.#buckets.set(principal, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MOST_BUCKETS && oldest !== undefined) this.#buckets.delete(oldest);
    if (bucket.left < 1) {
      const seconds = Math.ceil((1 - bucket.left) / this.#perSecond);
      throw new HttpProblem(
        "rate-limited",
        `"${principal}" may change ${this.#perSecond} things in a second.`,
        {
          retryAfterSeconds: seconds,
        },
      );
    }
    bucket.left -= 1;
  }
}
