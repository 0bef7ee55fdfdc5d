import type { QueueRecord, QueueState } from "spine-core";
import { z } from "zod";
import { operation } from "../operation.ts";
import { notFound } from "../problems.ts";
import { given } from "./pipelines.ts";

const Limit = z.int().min(0).max(1_000_000).nullable();
const RateLimit = z.strictObject({ runs: z.int().min(1), period_ms: z.int().min(1) }).nullable();
const SETTINGS = {
  paused: z.boolean(),
  concurrency: Limit,
  worker_concurrency: Limit,
  key_concurrency: Limit,
  rate_limit: RateLimit,
} as const;
const Settings = z
  .strictObject({ name: z.string(), ...SETTINGS, updated_at: z.iso.datetime() })
  .meta({ id: "QueueSettings" });
const Queue = z
  .strictObject({
    ...Settings.shape,
    waiting: z.int(),
    running: z.int(),
    oldest_due_at: z.iso.datetime().nullable(),
  })
  .meta({ id: "Queue" });

export const queueOperations = [
  operation({
    id: "queues.list",
    method: "GET",
    path: "/queues",
    summary: "The queues with their limits, and how many runs wait in each.",
    permission: "queues:read",
    scoping: "whole",
    responses: { 200: z.strictObject({ items: z.array(Queue) }) },
    problems: [],
    async handle({ spine }) {
      return { status: 200, body: { items: (await spine.queues.list()).map(queueOf) } };
    },
  }),
  operation({
    id: "queues.get",
    method: "GET",
    path: "/queues/{name}",
    summary: "A queue.",
    permission: "queues:read",
    scoping: "whole",
    responses: { 200: Queue },
    problems: ["not-found"],
    async handle({ spine, params }) {
      const queue = NAME.test(params.name) ? await spine.queues.get(params.name) : undefined;
      if (!queue) throw notFound(`queue "${params.name.slice(0, 100)}"`);
      return { status: 200, body: queueOf(queue) };
    },
  }),
  operation({
    id: "queues.set",
    method: "PATCH",
    path: "/queues/{name}",
    summary:
      "Changes a queue's limits, pauses it or lets it go on; makes it known where it is not. `null` takes a limit away.",
    permission: "queues:write",
    scoping: "whole",
    body: z.strictObject(SETTINGS).partial().meta({ id: "QueueChange" }),
    responses: { 200: Settings },
    problems: ["not-found"],
    async handle({ spine, params, body }) {
      if (!NAME.test(params.name)) throw notFound(`queue "${params.name.slice(0, 100)}"`);
      const { paused, concurrency, worker_concurrency, key_concurrency, rate_limit } = body;
      const record = await spine.queues.set(
        params.name,
        given({
          paused,
          concurrency,
          workerConcurrency: worker_concurrency,
          keyConcurrency: key_concurrency,
          rateLimit: rate_limit && { runs: rate_limit.runs, periodMs: rate_limit.period_ms },
        }),
      );
      return { status: 200, body: settingsOf(record) };
    },
  }),
] as const;

const NAME = /^[A-Za-z0-9._-]{1,100}$/;

function settingsOf(queue: QueueRecord): z.output<typeof Settings> {
  const { name, paused, concurrency, workerConcurrency, keyConcurrency, rateLimit, updatedAt } = queue;
  return {
    name,
    paused,
    concurrency,
    worker_concurrency: workerConcurrency,
    key_concurrency: keyConcurrency,
    rate_limit: rateLimit && { runs: rateLimit.runs, period_ms: rateLimit.periodMs },
    updated_at: updatedAt,
  };
}

function queueOf(queue: QueueState): z.output<typeof Queue> {
  return {
    ...settingsOf(queue),
    waiting: queue.waiting,
    running: queue.running,
    oldest_due_at: queue.oldestDueAt,
  };
}
