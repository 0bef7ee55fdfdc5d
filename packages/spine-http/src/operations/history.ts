import {
  type DatasetRef,
  type JsonValue,
  LOG_LEVELS,
  type RunDetail,
  type RunQuery,
  runOutputs,
} from "spine-core";
import { z } from "zod";
import { BYTES, operation } from "../operation.ts";
import { HttpProblem, notFound } from "../problems.ts";
import { rangeOf } from "../range.ts";
import { toProblem } from "../to-problem.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";
import { Run, RunStatus, runOf } from "../wire/run.ts";
import { Attempt, attemptOf } from "../wire/step.ts";
import { given } from "./pipelines.ts";
import { Status, statusOf } from "./run-status.ts";

const Instant = z.iso.datetime({ offset: true });
export const RunFilter = {
  pipeline: z.string().max(200).optional(),
  status: z.array(RunStatus).max(7).optional(),
  domain: z.string().max(200).optional(),
  tag: z.string().max(100).optional(),
  parent: z.string().max(100).optional().describe("The run whose children they are."),
  triggered_by: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe("`api` finds `api:ann` too; looks back 7 days where `from` is left out."),
  quality_failed: z
    .boolean()
    .optional()
    .describe("With a check that failed, or with none; looks back 7 days where `from` is left out."),
  from: Instant.optional().describe("Created then or later."),
  to: Instant.optional().describe("Created before."),
  q: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("A text in errors or parameters; looks back 7 days where `from` is left out."),
} as const;

const RunFull = z
  .strictObject({
    ...Status.shape,
    params: z.unknown(),
    outputs: z.unknown().describe("By step; null before its end, and without the permission `runs:output`."),
    attempts: z.array(Attempt),
    key: z.string().nullable(),
    crashes: z.int(),
  })
  .meta({ id: "RunFull" });

const Log = z
  .strictObject({
    seq: z.int(),
    step: z.string(),
    attempt: z.int(),
    level: z.enum(LOG_LEVELS),
    message: z.string(),
    fields: z.unknown(),
    at: z.iso.datetime(),
  })
  .meta({ id: "Log" });

/** Runs that are counted at most. */
export const MOST_COUNTED = 10_000;
/** Rows of a dataset that are shown at most: it is looked at here, not taken away. */
const MOST_ROWS = 1_000;

export const historyOperations = [
  operation({
    id: "history.list",
    method: "GET",
    path: "/history/runs",
    summary: "Runs, newest first.",
    permission: "runs:read",
    scoping: "access",
    query: z.strictObject({
      ...RunFilter,
      ...PAGE,
      count: z.enum(["capped"]).optional().describe("`capped`: counts them too, up to 10,000."),
    }),
    responses: {
      200: listOf(Run).extend({ count: z.int().optional(), count_capped: z.boolean().optional() }),
    },
    problems: ["bad-cursor", "not-found"],
    async handle({ spine, access, query }) {
      const { limit = 50, cursor, count, ...filter } = query;
      const scope = ["runs", filter];
      const inner = readCursor(scope, cursor, "string");
      const asked = filterOf(filter);
      const page = await asQuery(() =>
        access.list({ ...asked, limit, ...(inner === undefined ? {} : { cursor: inner }) }),
      );
      const narrowed = count === undefined ? null : access.filter(asked);
      const counted = narrowed ? await spine.statistics.count(narrowed, { cap: MOST_COUNTED }) : null;
      return {
        status: 200,
        body: {
          items: page.items.map(runOf),
          next_cursor: page.nextCursor === null ? null : writeCursor(scope, page.nextCursor),
          ...(counted ? { count: counted.count, count_capped: counted.capped } : {}),
        },
      };
    },
  }),
  operation({
    id: "history.get",
    method: "GET",
    path: "/history/runs/{id}",
    summary:
      "Everything about a run: parameters (secrets are references), attempts, quality, metrics, error.",
    permission: "runs:read",
    scoping: "access",
    responses: { 200: RunFull },
    problems: ["not-found", "expired"],
    async handle({ spine, access, params }) {
      const detail = await access.run(params.id);
      const { run, steps } = detail;
      const include = new Set(["steps", "quality", "metrics", "progress"] as const);
      return {
        status: 200,
        body: {
          ...(await statusOf(spine, access, detail, include)),
          params: run.params,
          outputs: access.may("runs:output") && run.status === "COMPLETED" ? runOutputs(steps) : null,
          attempts: steps.map(attemptOf),
          key: run.key,
          crashes: run.crashes,
        },
      };
    },
  }),
  operation({
    id: "history.output",
    method: "GET",
    path: "/history/runs/{id}/steps/{step+}/output",
    summary: "What a step returned, as a file of JSON.",
    permission: "runs:output",
    scoping: "access",
    headers: {
      range: "`bytes=0-1023`: that part of it (206). More than one part is answered with all of it.",
      "if-range": "The `ETag` of an earlier part: all of it where it is another one.",
    },
    responses: { 200: BYTES, 206: BYTES },
    problems: ["not-found", "expired", "bad-range"],
    async handle({ access, params, request }) {
      const output = outputOf(await access.run(params.id), params.step);
      const bytes = Buffer.from(JSON.stringify(output));
      return rangeOf(request, bytes, {
        "content-type": "application/json",
        // Never shown as a page, whatever stands in it.
        "content-disposition": `attachment; filename="${params.id}.json"`,
        "content-security-policy": "default-src 'none'; sandbox",
      });
    },
  }),
  operation({
    id: "history.rows",
    method: "GET",
    path: "/history/runs/{id}/steps/{step+}/rows",
    summary: "The first rows of the dataset that a step made.",
    permission: "runs:output",
    scoping: "access",
    query: z.strictObject({ limit: z.int().min(1).max(MOST_ROWS).optional().describe("100 when left out.") }),
    responses: {
      200: z.strictObject({
        dataset: z.string(),
        rows: z.int(),
        items: z.array(z.record(z.string(), z.unknown())),
      }),
    },
    problems: ["not-found", "expired"],
    async handle({ spine, access, params, query: { limit = 100 }, request }) {
      const output = outputOf(await access.run(params.id), params.step);
      if (!isDataset(output)) throw notFound(`dataset of step "${params.step.slice(0, 200)}"`);
      const items: Record<string, unknown>[] = [];
      for await (const rows of spine.read(output, { signal: request.signal })) {
        items.push(...rows.slice(0, limit - items.length).map((row) => ({ ...row })));
        if (items.length >= limit) break;
      }
      return { status: 200, body: { dataset: output.dataset, rows: output.rows, items } };
    },
  }),
  operation({
    id: "history.logs",
    method: "GET",
    path: "/history/runs/{id}/logs",
    summary: "What the steps of a run logged, oldest first.",
    permission: "runs:read",
    scoping: "access",
    query: z.strictObject(PAGE),
    responses: { 200: listOf(Log) },
    problems: ["not-found", "expired", "bad-cursor"],
    async handle({ spine, access, params, query: { limit = 50, cursor } }) {
      await access.check(params.id);
      const filter = ["logs", params.id];
      const after = readCursor(filter, cursor, "number") ?? 0;
      const found = await spine.logs.read(params.id, { after, limit: limit + 1 });
      const items = found.slice(0, limit).map((entry) => ({ ...entry, level: levelOf(entry.level) }));
      const last = items.at(-1);
      return {
        status: 200,
        body: { items, next_cursor: found.length > limit && last ? writeCursor(filter, last.seq) : null },
      };
    },
  }),
] as const;

export type Filter = { readonly [K in keyof typeof RunFilter]?: z.output<(typeof RunFilter)[K]> | undefined };

function filterOf({ pipeline, parent, from, to, q, status, domain, tag, ...more }: Filter): RunQuery {
  return given({
    triggeredBy: more.triggered_by,
    qualityFailed: more.quality_failed,
    workflow: pipeline,
    status,
    domain,
    tag,
    parentRunId: parent,
    since: timeOf(from),
    until: timeOf(to),
    search: q,
  });
}

export function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

/** What Spine refuses in a filter stood in the query. */
export async function asQuery<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const problem = toProblem(error);
    if (problem.code !== "invalid-body") throw error;
    throw new HttpProblem("bad-query", problem.message, problem.facts);
  }
}

function levelOf(level: string): (typeof LOG_LEVELS)[number] {
  return LOG_LEVELS.find((known) => known === level) ?? "INFO";
}

/** The output of the newest attempt of a step that has one. */
function outputOf({ steps }: RunDetail, path: string): JsonValue {
  const step = steps.findLast(
    ({ name, status }) => name === path && (status === "COMPLETED" || status === "SKIPPED"),
  );
  if (!step) throw notFound(`output of step "${path.slice(0, 200)}"`);
  return step.output;
}

function isDataset(output: unknown): output is DatasetRef {
  const ref = output as Partial<DatasetRef> | null;
  return (
    typeof ref === "object" &&
    typeof ref?.dataset === "string" &&
    typeof ref.rows === "number" &&
    typeof ref.hash === "string"
  );
}
