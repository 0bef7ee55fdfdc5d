import type { Control } from "spine-core";
import { z } from "zod";
import { type Call, operation } from "../operation.ts";
import { HttpProblem } from "../problems.ts";
import { toProblem } from "../to-problem.ts";
import { Duration, durationOf } from "../wire/duration.ts";
import { approvalsOf, Run, runOf } from "../wire/run.ts";
import { given, keyOf, RunStarted, triggeredBy } from "./pipelines.ts";
import { pipelineOf } from "./run-status.ts";

const Controlled = z
  .strictObject({ execution_id: z.string(), status: Run.shape.status, changed: z.boolean(), run: Run })
  .meta({ id: "Controlled" });
const Reason = z
  .strictObject({ reason: z.string().max(1_000).optional().describe("Told to the audit of the service.") })
  .meta({ id: "Reason" });
const SENT = z.strictObject({ execution_id: z.string(), sent: z.literal(true) });
const Decision = z
  .strictObject({
    step: z.string().max(2_000).describe("The path of the step that waits."),
    approved: z.boolean(),
    comment: z.string().max(10_000).optional(),
  })
  .meta({ id: "Decision" });

/** What a control leaves a run in where there is nothing for it to do: asked again, the answer is the same. */
const DONE: Readonly<Record<Exclude<Control, "retry">, readonly string[]>> = {
  cancel: ["COMPLETED", "FAILED", "CANCELLED"],
  pause: ["PAUSED"],
  resume: ["PENDING", "RUNNING", "WAITING"],
};

function control<const C extends Exclude<Control, "retry">>(name: C, summary: string) {
  return operation({
    id: `runs.${name}`,
    method: "POST",
    path: `/pipelines/${name}/{id}`,
    summary,
    permission: "runs:cancel",
    scoping: "access",
    body: Reason,
    bodyOptional: true,
    responses: { 200: Controlled, 202: Controlled },
    problems: ["not-found", "expired", "conflict"],
    async handle({ spine, access, params, body, remark }) {
      if (body.reason !== undefined) remark(body.reason);
      const { id } = params as { readonly id: string };
      const before = await access.run(id);
      if (!DONE[name].includes(before.run.status)) {
        await spine[name](id);
        return { status: 202, body: controlledOf((await spine.get(id)).run, true) };
      }
      return { status: 200, body: controlledOf(before.run, false) };
    },
  });
}

export const runControlOperations = [
  control("cancel", "Ends a run, and the runs that its steps wait for. One that has ended stays as it is."),
  control("pause", "Stops a run until it is resumed."),
  control("resume", "Goes on with a paused run."),
  operation({
    id: "runs.retry",
    method: "POST",
    path: "/pipelines/retry/{id}",
    summary: "Goes on with a failed or cancelled run at the step that failed: the same run.",
    permission: "runs:retry",
    scoping: "access",
    body: z.strictObject({}),
    bodyOptional: true,
    responses: { 202: Controlled },
    problems: ["not-found", "expired", "conflict"],
    async handle(call) {
      const { spine, access, params } = call;
      await access.run(params.id);
      await spine.retry(params.id);
      return {
        status: 202,
        body: controlledOf((await spine.get(params.id)).run, true),
        headers: { location: call.path(`/pipelines/status/${params.id}`), "retry-after": "2" },
      };
    },
  }),
  operation({
    id: "runs.rerun",
    method: "POST",
    path: "/pipelines/rerun/{id}",
    summary:
      "Starts a new run that repeats this one, with its parameters or others, from its first step or a later one.",
    permission: "runs:retry",
    scoping: "access",
    body: z
      .strictObject({
        params: z.unknown().optional(),
        from: z
          .string()
          .max(2_000)
          .optional()
          .describe("The step that it begins with: those before it keep their results."),
        tags: z.array(z.string()).max(20).optional(),
        queue: z.string().optional(),
        priority: z.int().min(-100).max(100).optional(),
        deadline: Duration.optional(),
      })
      .meta({ id: "RerunRequest" }),
    bodyOptional: true,
    headers: { "idempotency-key": "A second request with the same key finds the run of the first." },
    responses: { 200: RunStarted, 202: RunStarted },
    problems: ["not-found", "expired", "conflict", "invalid-params", "idempotency-mismatch", "bad-header"],
    async handle(call) {
      const { spine, access, params, body, principal, request, services } = call;
      const { run: original } = await access.run(params.id);
      const completed =
        body.params === undefined
          ? undefined
          : services.completeParams({ pipeline: original.workflow, params: body.params, principal });
      const { from, queue, priority, tags = original.tags } = body;
      const run = await spine
        .rerun(params.id, {
          ...keyOf(request.header("idempotency-key"), principal.id),
          triggeredBy: triggeredBy(principal.id),
          tags: access.tagsOf(tags),
          ...given({ from, queue, priority, deadline: durationOf(body.deadline), params: completed }),
        })
        .catch((error: unknown) => {
          throw toProblem(error, "");
        });
      return startedReply(call, run);
    },
  }),
  operation({
    id: "runs.signal",
    method: "POST",
    path: "/pipelines/signal/{id}",
    summary: "Sends a run a message, which is kept until one of its steps takes it.",
    permission: "runs:signal",
    scoping: "access",
    body: z
      .strictObject({
        name: z.string().min(1).max(1_600),
        payload: z.unknown().optional(),
        id: z.string().min(1).max(200).optional().describe("Sent again with the same id, it is one message."),
      })
      .meta({ id: "Signal" }),
    responses: { 202: SENT },
    problems: ["not-found", "expired", "conflict"],
    async handle({ spine, access, params, body }) {
      await access.run(params.id);
      await spine.signal(params.id, body.name, body.payload ?? null, given({ id: body.id }));
      return { status: 202, body: { execution_id: params.id, sent: true as const } };
    },
  }),
  operation({
    id: "runs.decide",
    method: "POST",
    path: "/pipelines/approve/{id}",
    summary: "Lets a step go on that waits for an approval, or refuses it.",
    permission: "runs:signal",
    scoping: "access",
    body: Decision,
    responses: { 202: SENT },
    problems: ["not-found", "expired", "conflict"],
    async handle({ spine, access, params, body, principal }) {
      const detail = await access.run(params.id);
      if (!approvalsOf(detail, pipelineOf(spine, detail.run)).includes(body.step))
        throw new HttpProblem("conflict", `Step "${body.step.slice(0, 200)}" does not wait for an approval.`);
      const by = { by: principal.id, ...given({ comment: body.comment }) };
      await (body.approved ? spine.approve : spine.reject)(params.id, body.step, by);
      return { status: 202, body: { execution_id: params.id, sent: true as const } };
    },
  }),
  operation({
    id: "runs.bulk",
    method: "POST",
    path: "/history/runs/actions",
    summary:
      "Cancels, pauses, resumes or retries many runs: those named, or those of a filter, if there are as many as expected.",
    permission: "runs:bulk",
    scoping: "access",
    body: z
      .strictObject({
        action: z.enum(["cancel", "pause", "resume", "retry"]),
        ids: z.array(z.string()).min(1).max(500).optional(),
        filter: z
          .strictObject({
            pipeline: z.string().optional(),
            status: z.array(Run.shape.status).optional(),
            tag: z.string().optional(),
            domain: z.string().optional(),
          })
          .optional(),
        expected: z
          .int()
          .min(0)
          .max(10_000)
          .optional()
          .describe("With a filter: how many runs it has to find."),
      })
      .refine(
        ({ ids, filter }) => (ids === undefined) !== (filter === undefined),
        "needs either `ids` or `filter`",
      )
      .refine(({ filter, expected }) => filter === undefined || expected !== undefined, {
        message: "is needed with a filter",
        path: ["expected"],
      })
      .meta({ id: "BulkRequest" }),
    responses: {
      200: z
        .strictObject({
          changed: z.array(z.string()),
          refused: z.array(
            z.strictObject({ execution_id: z.string(), error_code: z.string(), error: z.string() }),
          ),
        })
        .meta({ id: "BulkResult" }),
    },
    problems: ["count-changed"],
    async handle({ spine, access, body }) {
      const { action, ids, filter, expected = 0 } = body;
      const changed: string[] = [];
      const refused: { execution_id: string; error_code: string; error: string }[] = [];
      if (ids) {
        for (const id of new Set(ids)) {
          try {
            await access.check(id);
            await spine[action](id);
            changed.push(id);
          } catch (error) {
            const problem = toProblem(error);
            if (problem.code !== "not-found" && problem.code !== "conflict" && problem.code !== "expired")
              throw error;
            refused.push({
              execution_id: id,
              error_code: problem.facts.errorCode ?? "RUN_NOT_FOUND",
              error: problem.message,
            });
          }
        }
        return { status: 200, body: { changed, refused } };
      }
      const { pipeline, ...rest } = filter ?? {};
      const narrowed = access.filter(given({ ...rest, workflow: pipeline }));
      if (!narrowed)
        throw new HttpProblem(
          "forbidden",
          "Name one pipeline of yours in the filter, and no tag but your own.",
        );
      const result = await spine
        .controlAll(narrowed, action, { expect: expected })
        .catch((error: unknown) => {
          const problem = toProblem(error, "/filter");
          throw problem.code === "conflict" ? new HttpProblem("count-changed", problem.message) : problem;
        });
      return {
        status: 200,
        body: {
          changed: [...result.changed],
          refused: result.refused.map(({ runId, error }) => ({
            execution_id: runId,
            error_code: error.code,
            error: error.message,
          })),
        },
      };
    },
  }),
] as const;

function controlledOf(run: Parameters<typeof runOf>[0], changed: boolean): z.output<typeof Controlled> {
  return { execution_id: run.runId, status: run.status, changed, run: runOf(run) };
}

/** What is answered to a start of a run. */
export async function startedReply(
  call: Call,
  { id, existing }: { readonly id: string; readonly existing: boolean },
): Promise<{
  readonly status: 200 | 202;
  readonly body: z.output<typeof RunStarted>;
  readonly headers: Readonly<Record<string, string>>;
}> {
  const { run } = await call.spine.get(id);
  return {
    status: existing ? 200 : 202,
    body: { execution_id: id, pipeline: run.workflow, status: run.status, existing, run: runOf(run) },
    headers: {
      location: call.path(`/pipelines/status/${id}`),
      ...(existing ? { "idempotency-replayed": "true" } : { "retry-after": "2" }),
    },
  };
}
