import type { RunEvent } from "spine-core";
import { z } from "zod";

/** Something that happened to a run. */
export const Event = z
  .strictObject({
    execution_id: z.string(),
    seq: z.int().describe("Grows by one within the run, without gaps."),
    type: z.string().describe("e.g. run.created, step.started, step.completed, run.failed"),
    at: z.iso.datetime(),
    data: z.unknown(),
  })
  .meta({ id: "RunEvent" });
export type Event = z.output<typeof Event>;

export function eventOf({ runId, seq, type, at, data }: RunEvent): Event {
  return { execution_id: runId, seq, type, at, data };
}
