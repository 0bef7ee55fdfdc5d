import type { JsonValue } from "../json.ts";

/** What a step that is made of others, or that waits, found out when it began: recorded, so that it is asked once. */
export interface Plan {
  /** Of a map: its items, and what they are recognised by. */
  readonly items?: readonly JsonValue[];
  readonly keys?: readonly string[];
  /** Of a map whose step does not say it: items at a time. */
  readonly concurrency?: number;
  /** Of a choice: the case. */
  readonly case?: string;
  /** Of a wait: when it is over; null when no time ends it. */
  readonly until?: number | null;
  /** Of a wait: the signal that ends it. */
  readonly signal?: string | null;
  /** Of a pipeline: the run that it waits for. */
  readonly child?: string;
}
