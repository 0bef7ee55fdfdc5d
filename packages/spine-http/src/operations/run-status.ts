import { hash } from "node:crypto";
import type { RunDetail, Spine } from "spine-core";
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
      const known = knownOf(request.header("if-none-match"), params.id, view);
      const wait = waitOf(request, services.limits.waitSeconds);
      const applied = wait === null ? {} : { "preference-applied": `wait=${wait}` };
      if (known !== null && mayRead(call, params.id)) {
        if (wait !== null && wait > 0) await waitForChange(call, params.id, wait, known.version);
        const glance = await services.glances.of(params.id);
        // What is under way says how far it is without another version of the run: that has to be looked at.
        const isGlanceEnough = !(include.has("progress") && glance?.status === "RUNNING");
        if (glance?.version === known.version && isGlanceEnough) return unchanged(known.tag, applied);
      }
      let detail = await access.run(params.id);
      if (known === null && wait !== null && wait > 0) {
        await waitForChange(call, params.id, wait, detail.run.version);
        detail = await access.run(params.id);
      }
      services.readable.add(readKey(principal, params.id));
      const etag = etagOf(detail, view, include.has("progress"));
      if (etag === known?.tag) return unchanged(etag, applied);
      const body = await statusOf(spine, access, detail, include);
      return { status: 200, body, headers: { etag, ...CACHE, ...applied } };
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
  const workflow = spine.workflows.has(run.workflow) ? spine.workflows.get(run.workflow) : undefined;
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
    allowed_actions: [
      ...allowedActions(detail, (permission) => access.may(permission), workflow !== undefined),
    ],
  };
}

/** What two answers about the same version of a run differ in. */
function viewOf({ permissions }: Principal, include: ReadonlySet<Include>): string {
  return hash("sha256", JSON.stringify([permissions, [...include].sort()])).slice(0, 8);
}

/** @param withProgress whether it says how far steps are, which changes without another version of the run. */
function etagOf({ run, steps }: RunDetail, view: string, withProgress: boolean): string {
  const told = withProgress
    ? steps.flatMap(({ seq, status, progress }) =>
        status === "RUNNING" && progress ? [[seq, progress]] : [],
      )
    : [];
  const progress = told.length === 0 ? "" : `.${hash("sha256", JSON.stringify(told)).slice(0, 8)}`;
  return `W/"${run.runId}.${run.version}.${view}${progress}"`;
}

/** The ETag of an earlier answer of the same view, with the version in it; null for another. */
function knownOf(
  header: string | undefined,
  runId: string,
  view: string,
): { readonly tag: string; readonly version: number } | null {
  if (header === undefined) return null;
  for (const part of header.split(",")) {
    const [, tag = "", id, version, of] =
      /^\s*(?:W\/)?("([0-9a-f-]{36})\.(\d{1,15})\.([0-9a-f]{8})(?:\.[0-9a-f]{8})?")\s*$/.exec(part) ?? [];
    if (id === runId && of === view) return { tag: `W/${tag}`, version: Number(version) };
  }
  return null;
}

function unchanged(etag: string, applied: Readonly<Record<string, string>>) {
  return { status: 304, body: null, headers: { etag, ...CACHE, ...applied } } as const;
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
