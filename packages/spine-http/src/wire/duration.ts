import type { Duration as SpineDuration } from "spine-core";
import { z } from "zod";

/** How long, in a request. Whether a text is one, Spine says. */
export const Duration = z
  .union([z.number().min(0).max(3.2e9), z.string().min(1).max(40)])
  .describe("Seconds, or a text: `15m`.");

/** The same as Spine takes it. */
export function durationOf(given: z.output<typeof Duration> | undefined): SpineDuration | undefined {
  return typeof given === "number" ? Math.round(given * 1_000) : (given as SpineDuration | undefined);
}
