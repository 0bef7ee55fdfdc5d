const PAD = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(4).slice(0, 130);

export interface Payload {
  readonly run: number;
  readonly step: number;
  readonly ok: boolean;
  readonly note: string;
  readonly amount: number;
}

/** What each step of each system returns: about 200 bytes of JSON. */
export function payload(run: number, step: number): Payload {
  return { run, step, ok: true, note: PAD, amount: 12_345.678 + step };
}
