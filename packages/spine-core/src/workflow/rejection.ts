/** What a transform's row function may return instead of a row. */
export class Rejection {
  readonly code: string;
  readonly message: string;
  constructor(code: string, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** Refuses a row with a reason code, e.g. `reject("TIER_MISMATCH", "The row is of tier T1.")`. */
export function reject(code: string, message: string): Rejection {
  return new Rejection(code, message);
}
