import { type JsonValue, QUALITY_STATUSES, type RunDetail, type StoredResult } from "spine-core";
import { z } from "zod";
import { operation } from "../operation.ts";
import { HttpProblem } from "../problems.ts";
import { secondsBetween } from "../wire/list.ts";
import { Run, runOf } from "../wire/run.ts";
import { RowCounts } from "../wire/step.ts";

export const compareOperations = [
  operation({
    id: "history.compare",
    method: "GET",
    path: "/history/runs/{id}/compare/{other}",
    summary: "What differs between two runs of a pipeline: parameters, rows, durations, checks, errors.",
    permission: "runs:read",
    scoping: "access",
    responses: {
      200: z
        .strictObject({
          pipeline: z.string(),
          runs: z.array(Run),
          params: z.array(z.strictObject({ path: z.string(), values: z.array(z.unknown()) })),
          steps: z.array(
            z.strictObject({
              name: z.string(),
              statuses: z.array(z.string().nullable()),
              durations: z.array(z.number().nullable()),
              rows: z.array(RowCounts.nullable()),
            }),
          ),
          quality: z
            .array(
              z.strictObject({
                step: z.string(),
                check: z.string(),
                statuses: z.array(z.enum(QUALITY_STATUSES).nullable()),
                actual: z.array(z.string().nullable()),
              }),
            )
            .describe("What each check found, newest last; none without `quality:read`."),
        })
        .meta({ id: "Comparison" }),
    },
    problems: ["not-found", "expired", "invalid-params"],
    async handle({ spine, access, params }) {
      const both = [await access.run(params.id), await access.run(params.other)] as const;
      const [first, second] = both;
      if (first.run.workflow !== second.run.workflow) {
        throw new HttpProblem(
          "invalid-params",
          `The runs are of different pipelines: "${first.run.workflow}" and "${second.run.workflow}".`,
        );
      }
      const results = access.may("quality:read")
        ? await Promise.all(both.map(({ run }) => spine.quality.results(run.runId)))
        : [];
      const names = new Set(both.flatMap(({ steps }) => steps.map(({ name }) => name)));
      const newest = ({ steps }: RunDetail, name: string) => steps.findLast((step) => step.name === name);
      return {
        status: 200,
        body: {
          pipeline: first.run.workflow,
          runs: both.map(({ run }) => runOf(run)),
          params: differences(first.run.params, second.run.params),
          steps: [...names].map((name) => {
            const steps = both.map((detail) => newest(detail, name));
            return {
              name,
              statuses: steps.map((step) => step?.status ?? null),
              durations: steps.map((step) =>
                step ? secondsBetween(step.startedAt, step.completedAt) : null,
              ),
              rows: steps.map((step) => step?.rows ?? null),
            };
          }),
          quality: checksOf(results),
        },
      };
    },
  }),
] as const;

/** The checks of runs beside each other: of each the newest result in a run. */
function checksOf(results: readonly (readonly StoredResult[])[]) {
  const all = new Map(
    results.flat().map(({ step, check }) => [JSON.stringify([step, check]), { step, check }]),
  );
  return [...all.values()].map(({ step, check }) => {
    const found = results.map((each) => each.findLast((one) => one.step === step && one.check === check));
    return {
      step,
      check,
      statuses: found.map((one) => one?.status ?? null),
      actual: found.map((one) => one?.actual ?? null),
    };
  });
}

/** Where two JSON values differ, by JSON Pointer. */
function differences(one: JsonValue, other: JsonValue, path = ""): { path: string; values: unknown[] }[] {
  const isObject = (value: unknown): value is Record<string, JsonValue> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (isObject(one) && isObject(other)) {
    return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) =>
      differences(
        one[key] ?? null,
        other[key] ?? null,
        `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`,
      ),
    );
  }
  return JSON.stringify(one) === JSON.stringify(other) ? [] : [{ path: path || "/", values: [one, other] }];
}
