import { z } from "zod";
import { operation } from "../operation.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";
import { QualityResult, qualityOf, TrendItem, trendOf } from "../wire/quality.ts";
import { asQuery } from "./history.ts";
import { given } from "./pipelines.ts";

export const qualityOperations = [
  operation({
    id: "quality.run",
    method: "GET",
    path: "/history/runs/{id}/quality",
    summary: "What checks found in a run.",
    permission: "quality:read",
    scoping: "access",
    responses: { 200: z.strictObject({ items: z.array(QualityResult) }) },
    problems: ["not-found", "expired"],
    async handle({ spine, access, params }) {
      await access.check(params.id);
      const results = await spine.quality.results(params.id);
      return {
        status: 200,
        body: { items: results.map((each) => qualityOf(each, access.may("runs:output"))) },
      };
    },
  }),
  operation({
    id: "quality.trend",
    method: "GET",
    path: "/history/quality",
    summary: "What one check found from run to run, newest first.",
    permission: "quality:read",
    scoping: "access",
    query: z.strictObject({
      pipeline: z.string().min(1).max(200),
      check: z.string().min(1).max(500),
      step: z.string().min(1).max(2_000).optional(),
      ...PAGE,
    }),
    responses: { 200: listOf(TrendItem) },
    problems: ["not-found", "bad-cursor"],
    async handle({ spine, access, query: { pipeline, check, step, limit = 50, cursor } }) {
      const workflow = access.pipeline(pipeline);
      const filter = ["quality", workflow, check, step ?? null];
      const before = readCursor(filter, cursor, "string");
      const found = await asQuery(() =>
        spine.quality.trend({ workflow, check, limit: limit + 1, ...given({ step, before }) }),
      );
      const page = found.slice(0, limit);
      // Of a page little is anybody else's, or all of it: each run is looked at.
      const seen = await Promise.all(page.map(({ runId }) => access.sees(runId)));
      const last = page.at(-1);
      return {
        status: 200,
        body: {
          items: page.filter((_, index) => seen[index]).map(trendOf),
          next_cursor: found.length > limit && last ? writeCursor(filter, last.key) : null,
        },
      };
    },
  }),
] as const;
