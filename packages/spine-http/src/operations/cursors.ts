import { type FetchCursor, type MarkValue, SpineError } from "spine-core";
import { z } from "zod";
import { operation } from "../operation.ts";
import { HttpProblem } from "../problems.ts";
import { given } from "./pipelines.ts";

const Cursor = z
  .strictObject({
    pipeline: z.string(),
    step: z.string(),
    scope: z.string(),
    mark: z
      .unknown()
      .describe("The greatest value that was delivered; null: the next run begins at its start."),
    source: z.unknown(),
    execution_id: z.string().nullable(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: "Cursor" });

export const cursorOperations = [
  operation({
    id: "cursors.list",
    method: "GET",
    path: "/cursors/{pipeline}",
    summary: "How far the incremental fetches of a pipeline have come.",
    permission: "cursors:read",
    scoping: "whole",
    responses: { 200: z.strictObject({ items: z.array(Cursor) }) },
    problems: ["not-found"],
    async handle({ spine, access, params }) {
      const cursors = await spine.cursors.list(access.pipeline(params.pipeline));
      return { status: 200, body: { items: cursors.map(cursorOf) } };
    },
  }),
  operation({
    id: "cursors.reset",
    method: "POST",
    path: "/cursors/{pipeline}/reset",
    summary: "Lets the next run of a fetch begin elsewhere, or at its start.",
    permission: "cursors:write",
    scoping: "whole",
    body: z
      .strictObject({
        step: z.string().min(1).max(2_000),
        scope: z.string().max(200).optional(),
        to: z.union([z.string(), z.number()]).optional(),
        order: z
          .literal("text")
          .optional()
          .describe("Where marks are other texts than decimals, dates and times."),
      })
      .meta({ id: "CursorReset" }),
    responses: { 200: Cursor },
    problems: ["not-found"],
    async handle({ spine, access, params, body: { step, scope, to, order } }) {
      const workflow = access.pipeline(params.pipeline);
      const cursor = await spine.cursors
        .reset({ workflow, step, ...given({ scope }) }, given({ to: to as MarkValue | undefined, order }))
        .catch((error: unknown) => {
          // What cannot be a mark is a mistake of code otherwise; here it came with the request.
          const isOfValue = SpineError.is(error) && error.code === "CONFIG_INVALID";
          throw isOfValue
            ? new HttpProblem("invalid-body", error.message, {
                errors: [{ path: "/to", code: "invalid", message: "is no mark" }],
              })
            : error;
        });
      return { status: 200, body: cursorOf(cursor) };
    },
  }),
] as const;

function cursorOf({
  workflow,
  step,
  scope,
  mark,
  source,
  runId,
  updatedAt,
}: FetchCursor): z.output<typeof Cursor> {
  return { pipeline: workflow, step, scope, mark, source, execution_id: runId, updated_at: updatedAt };
}
