import { ERROR_CATEGORIES } from "spine-core";
import { z } from "zod";
import { type HttpProblem, PROBLEMS, type ProblemCode } from "../problems.ts";

/** An error as it is answered (RFC 9457). */
export const Problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    category: z.enum(ERROR_CATEGORIES),
    retryable: z.boolean(),
    request_id: z.string(),
    error_code: z.string().optional().describe("The code of Spine's own error, where there is one."),
    execution_id: z.string().optional(),
    errors: z
      .array(z.strictObject({ path: z.string(), code: z.string(), message: z.string() }))
      .optional()
      .describe("What does not fit, by JSON Pointer."),
  })
  .meta({ id: "Problem" });
export type Problem = z.output<typeof Problem>;

/** @param instance the path that was asked. */
export function problemOf(problem: HttpProblem, instance: string, requestId: string): Problem {
  const { title, status, category, retryable } = PROBLEMS[problem.code];
  const { errors, errorCode, executionId } = problem.facts;
  return {
    type: `https://spine.dev/problems/${problem.code}`,
    title,
    status,
    detail: problem.message,
    instance,
    code: problem.code,
    category,
    retryable,
    request_id: requestId,
    ...(errorCode === undefined ? {} : { error_code: errorCode }),
    ...(executionId === undefined ? {} : { execution_id: executionId }),
    ...(errors === undefined ? {} : { errors: errors.map((issue) => ({ ...issue })) }),
  };
}
