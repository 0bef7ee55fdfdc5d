import { z } from "zod";
import { operation } from "../operation.ts";

const Check = z
  .strictObject({
    name: z.string(),
    status: z.enum(["ok", "warning", "error"]),
    message: z.string(),
    remedy: z.string().nullable().describe("What to do about it."),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "Check" });
const Readiness = z
  .strictObject({ status: z.enum(["ok", "error"]), checks: z.array(Check) })
  .meta({ id: "Readiness" });

/** How long an answer is good for: the checks are several queries, and load balancers ask often. */
const KEPT_MS = 1_000;

export const healthOperations = [
  operation({
    id: "health.live",
    method: "GET",
    path: "/health",
    summary: "Whether this process answers. Everybody may ask; it says nothing else.",
    permission: null,
    scoping: "open",
    responses: { 200: z.strictObject({ status: z.literal("ok") }) },
    problems: [],
    handle: () => ({ status: 200, body: { status: "ok" as const } }),
  }),
  operation({
    id: "health.ready",
    method: "GET",
    path: "/health/ready",
    summary: "What is wrong with the database and with the work on it, with what to do about it.",
    permission: "health:read",
    scoping: "whole",
    responses: { 200: Readiness, 503: Readiness },
    problems: [],
    async handle({ spine, services }) {
      const { ok, checks } = await services.once("health.ready", KEPT_MS, () => spine.diagnose());
      const body = { status: ok ? ("ok" as const) : ("error" as const), checks };
      return ok ? { status: 200, body } : { status: 503, body };
    },
  }),
] as const;
