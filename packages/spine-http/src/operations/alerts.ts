import { ALERT_SEVERITIES, type StoredAlert } from "spine-core";
import { z } from "zod";
import { operation } from "../operation.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";
import { Partition } from "../wire/run.ts";
import { given } from "./pipelines.ts";

const Alert = z
  .strictObject({
    alert_id: z.string(),
    severity: z.enum(ALERT_SEVERITIES),
    title: z.string(),
    message: z.string(),
    source: z.string(),
    /** Null for what no run has raised: an alert of one's own, a run that did not happen. */
    pipeline: z.string().nullable(),
    execution_id: z.string().nullable(),
    step: z.string().nullable(),
    domain: z.string().nullable(),
    partition: Partition.nullable(),
    labels: z.record(z.string(), z.string()),
    fingerprint: z.string(),
    raised_at: z.iso.datetime(),
    details: z.unknown(),
  })
  .meta({ id: "Alert" });

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
] as const;

function alertOf(alert: StoredAlert): z.output<typeof Alert> {
  const { alertId, workflow, runId, raisedAt, labels, ...same } = alert;
  return {
    alert_id: alertId,
    pipeline: workflow,
    execution_id: runId,
    raised_at: raisedAt,
    labels: { ...labels },
    ...same,
  };
}
