import type { JsonValue } from "../json.ts";

/** `warning`: it works, and something is worth a look. `error`: something does not work, or what it promises does not hold. */
export type CheckStatus = "ok" | "warning" | "error";

/** What one look at the database, or at what Spine does with it, found. */
export interface Check {
  /** What was looked at, e.g. `schema`; several checks may have one name. */
  readonly name: string;
  readonly status: CheckStatus;
  /** What was found, in plain words. */
  readonly message: string;
  /** What to do about it; null where there is nothing to do. */
  readonly remedy: string | null;
  /** The figures behind it. */
  readonly data: Readonly<Record<string, JsonValue>>;
}

/** All that was looked at. */
export interface Diagnosis {
  /** True unless a check is an error; warnings are in the list all the same. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** A check that found nothing to do. */
export function healthy(name: string, message: string, data: Check["data"] = {}): Check {
  return { name, status: "ok", message, remedy: null, data };
}

/** A check that found something. */
export function finding(
  status: "warning" | "error",
  name: string,
  message: string,
  remedy: string,
  data: Check["data"] = {},
): Check {
  return { name, status, message, remedy, data };
}
