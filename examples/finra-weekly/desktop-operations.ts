import { FINRA_ORIGIN, SAMPLE_ORIGIN, weekEnding } from "spine-finra";
import { type FinraServer, SAMPLE_WEEK } from "spine-finra/testing";
import { HttpProblem, operation } from "spine-http";
import { z } from "zod";

/** Long enough to see a run while it is at work. */
const SLOW_MS = 4_000;

/** What the page has to know of this command, and what it can do with the local server of the sample. */
export function desktopOperations(sample: Pick<FinraServer, "inject" | "today">, live: boolean) {
  return [
    operation({
      id: "desktop.settings",
      method: "GET",
      path: "/desktop",
      summary: "Where weeks come from, and which one to begin with.",
      permission: "runs:read",
      scoping: "whole",
      responses: { 200: z.strictObject({ source: z.string(), week_ending: z.iso.date() }) },
      problems: [],
      handle: () => ({
        status: 200,
        body: { source: live ? FINRA_ORIGIN : SAMPLE_ORIGIN, week_ending: weekEnding(SAMPLE_WEEK) },
      }),
    }),
    operation({
      id: "desktop.disturb",
      method: "POST",
      path: "/desktop/disturb",
      summary:
        "Lets the local server answer the next request for rows slowly, or not at all: to see what becomes of a run.",
      permission: "runs:start",
      scoping: "whole",
      body: z.strictObject({
        by: z.enum(["delay", "refusal"]),
        ms: z.int().min(1).max(30_000).optional().describe("How long it takes; 4,000 when left out."),
      }),
      responses: { 200: z.strictObject({ by: z.enum(["delay", "refusal"]) }) },
      problems: ["forbidden"],
      handle({ body: { by, ms = SLOW_MS } }) {
        if (live) throw new HttpProblem("forbidden", "FINRA's own service answers as it does.");
        // A refusal is final for the attempt and the run, until somebody retries it.
        sample.inject({ kind: by === "delay" ? { delay: ms } : { status: 403 } });
        return { status: 200, body: { by } };
      },
    }),
  ] as const;
}

export type DesktopOperations = ReturnType<typeof desktopOperations>[number];
