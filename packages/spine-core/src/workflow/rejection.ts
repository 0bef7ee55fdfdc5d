import { storableText } from "../storable-text.ts";

/** What a transform's row function may return instead of a row. */
export class Rejection {
  readonly code: string;
  readonly message: string;
  constructor(code: string, message: string) {
    // They are often made of what the row holds, which may be what no column of texts can.
    this.code = storableText(String(code));
    this.message = storableText(String(message));
  }
}

/**
 * Refuses a row with a reason code, e.g. `reject("TIER_MISMATCH", "The row is of tier T1.")`. NUL characters and halves of surrogate pairs
 * in either become U+FFFD; the row itself is kept as it was read.
 */
export function reject(code: string, message: string): Rejection {
  return new Rejection(code, message);
}
