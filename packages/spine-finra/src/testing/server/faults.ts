/** What goes wrong with an answer. Which answer it is, is counted over requests for data from the moment of `inject` on. */
export interface Fault {
  /** The first request that it meets, counted from 1; the next one when left out. */
  readonly page?: number;
  /** How many requests it meets; 1 when left out. */
  readonly times?: number;
  readonly kind: FaultKind;
}

export type FaultKind =
  /** Another status, with an optional Retry-After: seconds, or the text of a date. */
  | { readonly status: number; readonly retryAfter?: number | string }
  /** The connection ends after so many bytes of the body, although more were announced. */
  | { readonly cutAfter: number }
  /** A web page with status 200, as a proxy or a gateway sends it. */
  | "html"
  /** The answer begins after so many milliseconds. */
  | { readonly delay: number }
  /** One byte every so many milliseconds. */
  | { readonly trickle: number }
  /** No answer at all. */
  | "silence"
  /** `Record-Total` is off by so many. */
  | { readonly totalOff: number }
  /** The page's last row is its first one again. */
  | "doubled"
  /** Rows of every partition and grain, as a GET gets them. */
  | "unfiltered"
  /** The sort that was asked for is not heeded. */
  | "unsorted";

/** The faults of a server, and which one an answer meets. */
export class Faults {
  #waiting: { fault: Fault; seen: number }[] = [];

  inject(fault: Fault): void {
    this.#waiting.push({ fault, seen: 0 });
  }

  /** What the next request for data meets. */
  next(): readonly FaultKind[] {
    const met: FaultKind[] = [];
    for (const waiting of this.#waiting) {
      waiting.seen += 1;
      if (waiting.seen >= (waiting.fault.page ?? 1)) met.push(waiting.fault.kind);
    }
    this.#waiting = this.#waiting.filter(
      ({ fault, seen }) => seen < (fault.page ?? 1) + (fault.times ?? 1) - 1,
    );
    return met;
  }
}

/** The fault of a kind that is an object, by its field. */
export function faultOf<Key extends string>(
  faults: readonly FaultKind[],
  key: Key,
): Extract<FaultKind, { readonly [name in Key]: unknown }> | undefined {
  return faults.find((fault) => typeof fault === "object" && key in fault) as never;
}
