import { ALERT_SEVERITIES, type Spine } from "spine-core";
import { z } from "zod";
import { nameOf } from "../auth/auth.ts";
import { operation } from "../operation.ts";
import { type HttpProblem, notFound } from "../problems.ts";
import { toProblem } from "../to-problem.ts";
import { Alert, AlertGroup, alertOf, groupOf } from "../wire/alert.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";
import { given } from "./pipelines.ts";

const Fires = z.strictObject({
  fingerprint: z.string(),
  groups: z.array(AlertGroup).describe("The groups that it is in."),
});

export const alertOperations = [
  operation({
    id: "alerts.list",
    method: "GET",
    path: "/alerts",
    summary: "What was raised, newest first.",
    permission: "alerts:read",
    scoping: "access",
    query: z.strictObject({
      severity: z.enum(ALERT_SEVERITIES).optional(),
      pipeline: z.string().max(200).optional(),
      run: z.string().max(100).optional(),
      ...PAGE,
    }),
    responses: { 200: listOf(Alert) },
    problems: ["bad-cursor", "not-found", "expired"],
    async handle({ spine, access, query: { severity, pipeline, run, limit = 50, cursor } }) {
      if (run !== undefined) await access.check(run);
      const filter = ["alerts", severity ?? null, pipeline ?? null, run ?? null];
      const after = readCursor(filter, cursor, "string");
      const found = await spine.alerts.list({
        limit: limit + 1,
        ...given({ severity, workflow: pipeline, runId: run, after }),
      });
      const page = found.slice(0, limit);
      const runs = [...new Set(page.map(({ runId }) => runId))];
      // What is of no run is of everybody's, and so not of a part of them.
      const sees = async (id: string | null) => (id === null ? access.scope === null : await access.sees(id));
      const seen = new Map(await Promise.all(runs.map(async (id) => [id, await sees(id)] as const)));
      const last = page.at(-1);
      return {
        status: 200,
        body: {
          items: page.filter(({ runId }) => seen.get(runId)).map(alertOf),
          next_cursor: found.length > limit && last ? writeCursor(filter, last.alertId) : null,
        },
      };
    },
  }),
  operation({
    id: "alerts.groups",
    method: "GET",
    path: "/alerts/groups",
    summary: "What fires now, and what is to be told still, in the groups that are told together.",
    permission: "alerts:read",
    scoping: "whole",
    responses: { 200: z.strictObject({ items: z.array(AlertGroup) }) },
    problems: [],
    async handle({ spine }) {
      return { status: 200, body: { items: (await spine.alerts.groups()).map(groupOf) } };
    },
  }),
  operation({
    id: "alerts.acknowledge",
    method: "POST",
    path: "/alerts/{fingerprint}/acknowledge",
    summary: "Takes an alert on, in the caller's name: it is not repeated while it goes on firing.",
    permission: "alerts:write",
    scoping: "whole",
    body: z.strictObject({ note: z.string().max(8_000).optional() }).meta({ id: "AcknowledgeRequest" }),
    bodyOptional: true,
    responses: { 200: Fires },
    problems: ["not-found"],
    async handle({ spine, params: { fingerprint }, body, principal }) {
      await spine.alerts
        .acknowledge(known(fingerprint), { by: nameOf(principal), ...given({ note: body.note }) })
        .catch((error: unknown) => unlessFires(spine, fingerprint, error));
      return { status: 200, body: await firesOf(spine, fingerprint) };
    },
  }),
  operation({
    id: "alerts.resolve",
    method: "POST",
    path: "/alerts/{fingerprint}/resolve",
    summary: "Ends an alert. One of a pipeline ends by itself with the next run that completes.",
    permission: "alerts:write",
    scoping: "whole",
    responses: { 200: Fires },
    problems: ["not-found"],
    async handle({ spine, params: { fingerprint } }) {
      await spine.alerts
        .resolve(known(fingerprint))
        .catch((error: unknown) => unlessFires(spine, fingerprint, error));
      return { status: 200, body: await firesOf(spine, fingerprint) };
    },
  }),
] as const;

/** SHA-256 in hex. */
const FINGERPRINT = /^[0-9a-f]{64}$/;

/** @throws HttpProblem not-found for what cannot be one. */
function known(fingerprint: string): string {
  if (FINGERPRINT.test(fingerprint)) return fingerprint;
  throw notFires();
}

function notFires(): HttpProblem {
  return notFound("alert of this fingerprint that fires");
}

/** Spine refuses what does not fire as it refuses any argument; over HTTP it is what is not there. */
async function unlessFires(spine: Spine, fingerprint: string, error: unknown): Promise<never> {
  const problem = toProblem(error);
  if (problem.code !== "invalid-body") throw problem;
  const { groups } = await firesOf(spine, fingerprint);
  const fires = groups.some(({ alerts }) =>
    alerts.some((alert) => alert.fingerprint === fingerprint && alert.status === "FIRING"),
  );
  throw fires ? problem : notFires();
}

async function firesOf(spine: Spine, fingerprint: string): Promise<z.output<typeof Fires>> {
  const about = (await spine.alerts.groups()).filter(({ alerts }) =>
    alerts.some((alert) => alert.fingerprint === fingerprint),
  );
  return { fingerprint, groups: about.map(groupOf) };
}
