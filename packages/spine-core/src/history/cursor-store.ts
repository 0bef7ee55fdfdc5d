import type { JsonValue } from "../json.ts";

/** What a cursor belongs to: a fetch step of a workflow, within a scope that the step chose. */
export interface CursorName {
  readonly workflow: string;
  /** The step's path: `fetch`, or `venues/XNYS/fetch` inside of a map. */
  readonly step: string;
  /** The empty text where the step chose none. */
  readonly scope: string;
  /** `rows`: the greatest value of a field that was delivered. `source`: what the source was recognised by. */
  readonly of: CursorOf;
}
export const CURSORS_OF = ["rows", "source"] as const;
export type CursorOf = (typeof CURSORS_OF)[number];

/** A cursor as stored. */
export interface CursorRecord extends CursorName {
  /** Greater ones replace smaller ones, compared by code points; null after a reset to nothing. */
  readonly position: string | null;
  readonly value: JsonValue | null;
  /** How often it was reset: what a run read before a reset does not come back through it. */
  readonly resets: number;
  /** The run that moved it last; null after a reset. */
  readonly runId: string | null;
  /** ISO time in UTC. */
  readonly updatedAt: string;
}

/**
 * How far fetches have come. They move with the commit that completes their run, as an attachment (`CursorAttachment`), and
 * only forwards; here they are read, and set back by operators. Conformance suite: `testCursorStore` in
 * `spine-core/testing`.
 */
export interface CursorStore {
  get(name: CursorName): Promise<CursorRecord | undefined>;
  /** Those of a workflow, ordered by step, scope and what they are of. */
  list(workflow: string): Promise<readonly CursorRecord[]>;
  /** Sets a cursor to a position, or to nothing (null), whatever it was; runs that have read what it was do not move it any more. */
  reset(
    name: CursorName,
    to: { readonly position: string; readonly value: JsonValue } | null,
  ): Promise<CursorRecord>;
}
