import { hash } from "node:crypto";
import type { RunDetail, RunRecord, Spine, WorkflowData } from "spine-core";
import { z } from "zod";
import type { Access } from "../auth/access.ts";
import type { Principal } from "../auth/auth.ts";
import { type Call, EMPTY, operation } from "../operation.ts";
import { waitForChange, waitOf } from "../wait.ts";
import { QualityResult, qualityOf } from "../wire/quality.ts";
import {
  AllowedAction,
  allowedActions,
  ErrorDetail,
  errorDetailOf,
  Metrics,
  Run,
  runOf,
} from "../wire/run.ts";
import { DEFINITIONS, Step, stepsOf } from "../wire/step.ts";

const INCLUDE = ["steps", "attempts", "quality", "metrics", "progress"] as const;
type Include = (typeof INCLUDE)[number];
const WITH_STEPS: readonly Include[] = ["steps", "attempts", "progress"];
const DEFAULT: readonly Include[] = ["steps", "quality", "metrics"];

export const Status = z
  .strictObject({
    ...Run.shape,
    error_detail: ErrorDetail.nullable(),
    definition: z.enum(DEFINITIONS).describe("Whether the steps are those that this process knows."),
    steps: z.array(Step),
    quality: z.array(QualityResult),
    metrics: Metrics,
    allowed_actions: z.array(AllowedAction),
  })
  .meta({ id: "Status" });
export type Status = z.output<typeof Status>;

export const statusOperations = [
  operation({
    id: "runs.status",
    method: "GET",
    path: "/pipelines/status/{id}",
    summary: "How a run stands, with its steps: those that have begun, and those that have not.",
    permission: "runs:read",
    scoping: "access",
    query: z.strictObject({
      include: z
        .array(z.enum(INCLUDE))
        .max(INCLUDE.length)
        .optional()
        .describe(
          "Of `steps`, `quality`, `metrics`, `attempts` and `progress`; the first three when left out.",
        ),
    }),
    headers: {
      "if-none-match": "The `ETag` of an earlier answer: 304 where nothing has changed since.",
      prefer:
        "`wait=10`: answers once something has changed since that `ETag` (or the run has ended), after so many seconds at the latest.",
    },
    responses: { 200: Status, 304: EMPTY },
    problems: ["not-found", "expired"],
    async handle(call) {
      const { spine, access, params, query, request, services, principal } = call;
      const include = new Set(query.include ?? DEFAULT);
      const view = viewOf(principal, include);
      const known = knownVersion(request.header("if-none-match"), params.id, view);
      const wait = waitOf(request, services.limits.waitSeconds);
      const applied = wait === null ? {} : { "preference-applied": `wait=${wait}` };
      if (known !== null && mayRead(call, params.id)) {
        if (wait !== null && wait > 0) await waitForChange(call, params.id, wait, known);
        const glance = await services.glances.of(params.id);
        // Whatever is written about a run has an event, how far a step has come too.
        if (glance?.version === known)
          return {
            status: 304,
            body: null,
            headers: { etag: etagOf(params.id, known, view), ...CACHE, ...applied },
          };
      }
      let detail = await access.run(params.id);
      if (known === null && wait !== null && wait > 0) {
        await waitForChange(call, params.id, wait, detail.run.version);
        detail = await access.run(params.id);
      }
      services.readable.add(readKey(principal, params.id));
      const body = await statusOf(spine, access, detail, include);
      return {
        status: 200,
        body,
        headers: { etag: etagOf(params.id, detail.run.version, view), ...CACHE, ...applied },
      };
    },
  }),
] as const;

const CACHE = { "cache-control": "private, no-cache" };

/** @param include what is long or costs a query of its own. */
export async function statusOf(
  spine: Spine,
  access: Access,
  detail: RunDetail,
  include: ReadonlySet<Include>,
): Promise<z.output<typeof Status>> {
  const { run } = detail;
  const workflow = pipelineOf(spine, run);
  const { definition, steps } = stepsOf(detail, workflow, {
    progress: include.has("progress"),
    attempts: include.has("attempts"),
  });
  const isAsked = include.has("quality") && access.may("quality:read");
  const quality = isAsked ? await spine.quality.results(run.runId) : [];
  const withSamples = access.may("runs:output");
  return {
    ...runOf(run),
    error_detail: errorDetailOf(run.error),
    definition,
    steps: WITH_STEPS.some((each) => include.has(each)) ? [...steps] : [],
    quality: quality.map((result) => qualityOf(result, withSamples)),
    metrics: include.has("metrics") ? { ...run.metrics } : {},
    allowed_actions: [...allowedActions(detail, (permission) => access.may(permission), workflow)],
  };
}

/** The pipeline of a run; undefined where this process does not know it. */
export function pipelineOf({ workflows }: Spine, { workflow }: RunRecord): WorkflowData | undefined {
  return workflows.has(workflow) ? workflows.get(workflow) : undefined;
}

/** What two answers about the same version of a run differ in. */
function viewOf({ permissions }: Principal, include: ReadonlySet<Include>): string {
  return hash("sha256", JSON.stringify([permissions, [...include].sort()])).slice(0, 8);
}

function etagOf(runId: string, version: number, view: string): string {
  return `W/"${runId}.${version}.${view}"`;
}

/** The version in the ETag of an earlier answer of the same view; null for another. */
function knownVersion(header: string | undefined, runId: string, view: string): number | null {
  if (header === undefined) return null;
  for (const tag of header.split(",")) {
    const [, id, version, of] =
      /^\s*(?:W\/)?"([0-9a-f-]{36})\.(\d{1,15})\.([0-9a-f]{8})"\s*$/.exec(tag) ?? [];
    if (id === runId && of === view) return Number(version);
  }
  return null;
}

function readKey(principal: Principal, runId: string): string {
  return `${JSON.stringify(principal.scope)} ${runId}`;
}

/** Whether it is known that the principal may see the run: its tags do not change, so that is asked once. */
function mayRead(
  { access, principal, services }: Pick<Call, "access" | "principal" | "services">,
  runId: string,
): boolean {
  return access.scope === null || services.readable.has(readKey(principal, runId));
}
