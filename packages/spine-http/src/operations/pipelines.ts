import { hash } from "node:crypto";
import { type JsonValue, type RunOptions, SpineError, type WorkflowData } from "spine-core";
import { z } from "zod";
import { type Call, operation } from "../operation.ts";
import { HttpProblem } from "../problems.ts";
import { issuesOf } from "../query-reader.ts";
import { toProblem } from "../to-problem.ts";
import { hasEnded, waitForEnd, waitOf } from "../wait.ts";
import { Duration, durationOf } from "../wire/duration.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";
import { Run, runOf } from "../wire/run.ts";
import { DeclaredStep, declaredSteps } from "../wire/step.ts";

const PIPELINE = {
  name: z.string(),
  domain: z.string().nullable(),
  description: z.string().nullable(),
  queue: z.string().nullable(),
  version: z.string().describe("The fingerprint of its steps."),
  last_run: Run.nullable(),
  next_tick_at: z.iso
    .datetime()
    .nullable()
    .describe("The next time at which a schedule runs it; null without one, or without `schedules:read`."),
} as const;
const Pipeline = z.strictObject(PIPELINE).meta({ id: "Pipeline" });
const PipelineDetail = z
  .strictObject({
    ...PIPELINE,
    params_schema: z.unknown().describe("JSON Schema of the parameters."),
    deadline: z.number().nullable().describe("Seconds that a run may take."),
    when_changed: z.string(),
    steps: z.array(DeclaredStep),
    runs: z.array(Run).describe("The newest twenty."),
  })
  .meta({ id: "PipelineDetail" });

const RunRequest = z
  .strictObject({
    params: z.unknown(),
    tags: z.array(z.string()).max(20).optional(),
    queue: z.string().optional(),
    priority: z.int().min(-100).max(100).optional(),
    concurrency_key: z.string().optional(),
    delay: Duration.optional(),
    not_before: z.iso.datetime({ offset: true }).optional(),
    deadline: Duration.optional(),
    dry_run: z.boolean().optional().describe("Only checks the parameters."),
  })
  .meta({ id: "RunRequest" });
export const RunStarted = z
  .strictObject({
    execution_id: z.string(),
    pipeline: z.string(),
    status: Run.shape.status,
    existing: z.boolean().describe("True: an earlier request with the same key has started it."),
    run: Run,
  })
  .meta({ id: "RunStarted" });
const DryRun = z
  .strictObject({ dry_run: z.literal(true), pipeline: z.string(), params: z.unknown() })
  .meta({ id: "DryRun" });

/** Pipelines of a page that are looked at for their newest run. */
const LAST_RUNS = 20;
/** What a key of Spine's can be at most. */
const LONGEST_KEY = 200;

export const pipelineOperations = [
  operation({
    id: "pipelines.list",
    method: "GET",
    path: "/pipelines",
    summary: "The pipelines that this process knows, by name.",
    permission: "pipelines:read",
    scoping: "access",
    query: z.strictObject({
      q: z.string().max(200).optional().describe("A text in the name."),
      domain: z.string().max(200).optional(),
      ...PAGE,
    }),
    responses: { 200: listOf(Pipeline) },
    problems: ["bad-cursor"],
    async handle(call) {
      const { spine, access, query } = call;
      const { q = "", domain, limit = 50, cursor } = query;
      const filter = ["pipelines", q, domain ?? null];
      const after = readCursor(filter, cursor, "string") ?? "";
      const names = spine.workflows
        .names()
        .filter((name) => name > after && name.includes(q) && access.seesPipeline(name))
        .filter((name) => domain === undefined || spine.workflows.get(name).domain === domain)
        .sort();
      const page = names.slice(0, limit);
      const nextTick = await nextTicks(call);
      const items = await Promise.all(
        page.map(async (name, index) => {
          const newest =
            index < LAST_RUNS && access.may("runs:read")
              ? await access.list({ workflow: name, limit: 1 })
              : null;
          return pipelineOf(spine.workflows.get(name), newest?.items[0], nextTick(name));
        }),
      );
      const last = page.at(-1);
      return {
        status: 200,
        body: { items, next_cursor: names.length > limit && last ? writeCursor(filter, last) : null },
      };
    },
  }),
  operation({
    id: "pipelines.get",
    method: "GET",
    path: "/pipelines/{name}",
    summary: "A pipeline: its steps, the schema of its parameters, its newest runs.",
    permission: "pipelines:read",
    scoping: "access",
    responses: { 200: PipelineDetail },
    problems: ["not-found"],
    async handle(call) {
      const { spine, access } = call;
      const { name } = call.params;
      const workflow = spine.workflows.get(access.pipeline(name));
      const runs = access.may("runs:read")
        ? (await access.list({ workflow: name, limit: LAST_RUNS })).items
        : [];
      const { deadlineMs, whenChanged, params } = workflow;
      return {
        status: 200,
        body: {
          ...pipelineOf(workflow, runs[0], (await nextTicks(call))(name)),
          params_schema: z.toJSONSchema(params, { io: "input", unrepresentable: "any" }),
          deadline: deadlineMs === null ? null : deadlineMs / 1_000,
          when_changed: whenChanged,
          steps: declaredSteps(workflow),
          runs: runs.map(runOf),
        },
      };
    },
  }),
  operation({
    id: "pipelines.run",
    method: "POST",
    path: "/pipelines/run/{name}",
    summary: "Starts a run. A body without `params` is the parameters themselves.",
    permission: "runs:start",
    scoping: "access",
    body: RunRequest,
    bodyOptional: true,
    bareParams: true,
    headers: {
      "idempotency-key": "A second request with the same key and parameters finds the run of the first.",
      prefer: "`wait=10`: answers once the run has ended, after so many seconds at the latest.",
    },
    responses: { 200: z.union([RunStarted, DryRun]), 202: RunStarted },
    problems: ["not-found", "invalid-params", "idempotency-mismatch", "bad-header", "conflict"],
    async handle(call) {
      const { spine, access, body, params } = call;
      const name = access.pipeline(params.name);
      const options: RunOptions = given({
        tags: body.tags,
        queue: body.queue,
        priority: body.priority,
        concurrencyKey: body.concurrency_key,
        delay: durationOf(body.delay),
        startAt: body.not_before,
        deadline: durationOf(body.deadline),
      });
      if (!body.dry_run) return await startRun(call, name, body.params, options);
      const completed = await call.services.completeParams({
        pipeline: name,
        params: body.params,
        principal: call.principal,
      });
      const checked = await checkParams(spine.workflows.get(name), completed);
      return { status: 200, body: { dry_run: true as const, pipeline: name, params: checked } };
    },
  }),
] as const;

/**
 * Starts a run for a request, with its idempotency key, and answers as `POST /pipelines/run/{name}` does: for operations of plugins.
 *
 * @throws HttpProblem not-found for a pipeline that there is not, or that the caller may not see.
 * @example
 * const start = operation({
 *   id: "demo.start",
 *   method: "POST",
 *   path: "/demo/start",
 *   summary: "Starts the demo.",
 *   permission: "runs:start",
 *   scoping: "access",
 *   responses: { 200: StartedRun, 202: StartedRun },
 *   problems: ["not-found", "invalid-params", "idempotency-mismatch", "bad-header"],
 *   handle: (call) => startRun(call, "demo.hello", { name: "Ann" }),
 * });
 */
export async function startRun(
  call: Call,
  name: string,
  params: unknown,
  options: RunOptions = {},
): Promise<{
  readonly status: 200 | 202;
  readonly body: z.output<typeof RunStarted>;
  readonly headers: Readonly<Record<string, string>>;
}> {
  const { spine, access, principal, request, services } = call;
  access.pipeline(name);
  const completed = await services.completeParams({ pipeline: name, params, principal });
  const wait = waitOf(request, services.limits.waitSeconds);
  const start: RunOptions = {
    ...options,
    ...keyOf(request.header("idempotency-key"), principal.id),
    triggeredBy: triggeredBy(principal.id),
    tags: access.tagsOf(options.tags),
  };
  const run = await spine.run(name, completed, start).catch((error: unknown) => {
    // Spine names what is wrong with options without saying of which workflow, and what is wrong with parameters with it.
    const isOfParams =
      SpineError.is(error) && (error.context.workflow !== undefined || error.code === "PAYLOAD_INVALID");
    throw toProblem(error, isOfParams ? "/params" : "");
  });
  const detail = await waitForEnd(call, run.id, wait);
  const isDone = run.existing || (wait !== null && hasEnded(detail));
  return {
    status: isDone ? 200 : 202,
    body: {
      execution_id: run.id,
      pipeline: name,
      status: detail.run.status,
      existing: run.existing,
      run: runOf(detail.run),
    },
    headers: {
      location: call.path(`/pipelines/status/${run.id}`),
      ...(run.existing ? { "idempotency-replayed": "true" } : {}),
      ...(isDone ? {} : { "retry-after": "2" }),
      ...(wait === null ? {} : { "preference-applied": `wait=${wait}` }),
    },
  };
}

function pipelineOf(
  workflow: WorkflowData,
  newest: Parameters<typeof runOf>[0] | undefined,
  nextTick: string | null,
): z.output<typeof Pipeline> {
  const { name, domain, description, queue, fingerprint } = workflow;
  const last_run = newest ? runOf(newest) : null;
  return { name, domain, description, queue, version: fingerprint, last_run, next_tick_at: nextTick };
}

/** When pipelines run next by themselves, as far as the caller may see schedules: these are about everything. */
async function nextTicks({
  spine,
  access,
}: Pick<Call, "spine" | "access">): Promise<(pipeline: string) => string | null> {
  if (access.scope || !access.may("schedules:read")) return () => null;
  const schedules = await spine.schedules.list();
  return (pipeline) =>
    schedules
      .flatMap(({ workflow, nextTickAt }) => (workflow === pipeline && nextTickAt ? [nextTickAt] : []))
      .sort()[0] ?? null;
}

async function checkParams(workflow: WorkflowData, given: unknown): Promise<JsonValue> {
  const parsed = await workflow.params.safeParseAsync(given);
  if (parsed.success) return JSON.parse(JSON.stringify(parsed.data ?? null)) as JsonValue;
  const errors = issuesOf(parsed.error, "/params");
  throw new HttpProblem("invalid-params", `The parameters of "${workflow.name}" do not fit its schema.`, {
    errors,
  });
}

/** Those that are there: Spine refuses what is undefined and would be something else. */
export function given<T extends object>(options: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** What stands with the runs that a principal starts. */
export function triggeredBy(id: string): string {
  return `api:${id}`.slice(0, LONGEST_KEY);
}

/** The key of a request, in the scope of who sent it. @throws HttpProblem bad-header */
export function keyOf(header: string | undefined, id: string): Pick<RunOptions, "key" | "scope"> {
  if (header === undefined) return {};
  if (!/^[\x20-\x7e]{1,255}$/.test(header))
    throw new HttpProblem("bad-header", "The `Idempotency-Key` is not of 1 to 255 characters of ASCII.");
  return { key: short(header), scope: short(`api:${id}`) };
}

/** A key as Spine takes it: a long one stands as its hash. */
export function short(text: string): string {
  return text.length <= LONGEST_KEY ? text : hash("sha256", text);
}
