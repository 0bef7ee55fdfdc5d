import { z } from "zod";
import { operation } from "../operation.ts";

const Workload = z
  .strictObject({
    due: z.array(
      z.strictObject({
        pipeline: z.string(),
        runs: z.int(),
        oldest_due_at: z.iso.datetime(),
        known: z.boolean().describe("Whether this process knows the pipeline."),
      }),
    ),
    workers: z.array(z.strictObject({ worker: z.string(), alive: z.boolean(), runs: z.int() })),
  })
  .meta({ id: "Workload" });

export const workerOperations = [
  operation({
    id: "workers.list",
    method: "GET",
    path: "/workers",
    summary: "The processes that work on runs, and the runs that wait for one.",
    permission: "workers:read",
    scoping: "whole",
    responses: { 200: Workload },
    problems: [],
    async handle({ spine, services }) {
      const { due, workers } = await services.once("workers.list", 1_000, () => spine.history.workload());
      return {
        status: 200,
        body: {
          due: due.map(({ workflow, runs, oldestDueAt }) => ({
            pipeline: workflow,
            runs,
            oldest_due_at: oldestDueAt,
            known: spine.workflows.has(workflow),
          })),
          workers: workers.map(({ worker, alive, runs }) => ({ worker, alive, runs })),
        },
      };
    },
  }),
] as const;
