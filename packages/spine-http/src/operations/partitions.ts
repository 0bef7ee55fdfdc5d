import {
  CELL_STATES,
  type Partition as CorePartition,
  type PartitionCell,
  type PartitionFinding,
} from "spine-core";
import { z } from "zod";
import type { ServedPartitions } from "../handler-options.ts";
import { type Call, operation } from "../operation.ts";
import { HttpProblem, notFound } from "../problems.ts";
import { toProblem } from "../to-problem.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";
import { Metrics, Partition } from "../wire/run.ts";
import { asQuery } from "./history.ts";
import { given, keyOf, RunStarted } from "./pipelines.ts";
import { startedReply } from "./run-controls.ts";

const Day = z.iso.date();
const Cell = z
  .strictObject({
    partition: Partition,
    key: z.string(),
    start: Day,
    end: Day,
    due_at: z.iso.datetime(),
    state: z.enum(CELL_STATES),
    execution_id: z.string().nullable(),
    load_id: z.string().nullable(),
    rows: z.int().nullable(),
    loaded_at: z.iso.datetime().nullable(),
  })
  .meta({ id: "PartitionCell" });
const Finding = z.strictObject({ ...Cell.shape, to_do: z.string() }).meta({ id: "PartitionFinding" });
const Report = z
  .strictObject({
    expected: z.int(),
    due: z.int(),
    loaded: z.int(),
    running: z.int(),
    missing: z.array(Finding),
    failed: z.array(Finding),
    stale: z.array(Finding),
    early: z.array(Finding),
  })
  .meta({ id: "PartitionReport" });
const Item = z.strictObject({
  partition: Partition,
  key: z.string(),
  params: z.unknown(),
  state: z.enum(CELL_STATES),
  loads: z.boolean(),
});
const RANGE = { from: Day.optional(), to: Day.optional() } as const;

export const partitionOperations = [
  operation({
    id: "partitions.tables",
    method: "GET",
    path: "/partitions",
    summary: "The tables whose partitions are known.",
    permission: "partitions:read",
    scoping: "whole",
    responses: {
      200: z.strictObject({
        items: z.array(
          z.strictObject({
            table: z.string(),
            pipeline: z.string().nullable(),
            dimensions: z.array(z.string()),
            can_backfill: z.boolean(),
          }),
        ),
      }),
    },
    problems: [],
    handle({ services }) {
      const items = [...services.partitions.values()].map(
        ({ partitions: { table, workflow, names }, params }) => ({
          table,
          pipeline: workflow,
          dimensions: [...names],
          can_backfill: params !== undefined && workflow !== null,
        }),
      );
      return { status: 200, body: { items } };
    },
  }),
  operation({
    id: "partitions.window",
    method: "GET",
    path: "/partitions/{table}",
    summary: "A part of the grid of partitions, with the state of each.",
    permission: "partitions:read",
    scoping: "whole",
    query: z.strictObject({ ...RANGE, ...PAGE }),
    responses: { 200: listOf(Cell) },
    problems: ["not-found", "bad-cursor"],
    async handle(call) {
      const { spine, params, query } = call;
      const { partitions } = servedOf(call, params.table);
      const { limit = 50, cursor, from, to } = query;
      const filter = ["partitions", params.table, from ?? null, to ?? null];
      const after = readCursor(filter, cursor, "string");
      const { cells, next } = await asQuery(() =>
        spine.partitions.window(partitions, given({ limit, after, from, to })),
      );
      return {
        status: 200,
        body: { items: cells.map(cellOf), next_cursor: next === null ? null : writeCursor(filter, next) },
      };
    },
  }),
  operation({
    id: "partitions.report",
    method: "GET",
    path: "/partitions/{table}/report",
    summary: "What a table is to have against what it has, with what to do.",
    permission: "partitions:read",
    scoping: "whole",
    query: z.strictObject(RANGE),
    responses: { 200: Report },
    problems: ["not-found"],
    async handle(call) {
      const { spine, params, query } = call;
      const { partitions } = servedOf(call, params.table);
      const { missing, failed, stale, early, ...counts } = await asQuery(() =>
        spine.partitions.doctor(partitions, given(query)),
      );
      return {
        status: 200,
        body: {
          ...counts,
          missing: missing.map(findingOf),
          failed: failed.map(findingOf),
          stale: stale.map(findingOf),
          early: early.map(findingOf),
        },
      };
    },
  }),
  operation({
    id: "partitions.backfill",
    method: "POST",
    path: "/partitions/{table}/backfill",
    summary:
      "Fills partitions: one run that starts a run for each. With `dry_run` only says what it would do.",
    permission: "partitions:backfill",
    scoping: "whole",
    body: z
      .strictObject({
        select: z.union([
          z.enum(["missing", "failed"]),
          z.strictObject({ range: z.strictObject(RANGE) }),
          z.strictObject({ list: z.array(Partition).min(1).max(10_000) }),
        ]),
        dry_run: z.boolean().optional(),
        concurrency: z.int().min(1).max(1_000).optional(),
        order: z.enum(["oldest", "newest"]).optional(),
        force: z.boolean().optional(),
        tags: z.array(z.string()).max(20).optional(),
        queue: z.string().optional(),
        priority: z.int().min(-100).max(100).optional(),
      })
      .meta({ id: "BackfillRequest" }),
    headers: { "idempotency-key": "A second request with the same key finds the run of the first." },
    responses: {
      200: z.union([RunStarted, z.strictObject({ dry_run: z.literal(true), items: z.array(Item) })]),
      202: RunStarted,
    },
    problems: ["not-found", "conflict", "bad-header", "idempotency-mismatch"],
    async handle(call) {
      const { spine, params, body, request, principal } = call;
      const { partitions, params: paramsOf } = servedOf(call, params.table);
      const { workflow } = partitions;
      if (!paramsOf || workflow === null) {
        throw new HttpProblem(
          "conflict",
          `How a partition of "${params.table}" is loaded is not known: give createHandler its \`params\`.`,
        );
      }
      const { dry_run, select, concurrency, order, force, tags, queue, priority } = body;
      const { key } = keyOf(request.header("idempotency-key"), principal.id);
      const options = {
        partitions,
        select: select as "missing",
        params: paramsOf as (partition: CorePartition) => never,
        ...given({
          concurrency,
          order,
          force,
          tags,
          queue,
          priority,
          key: key === undefined ? undefined : `${principal.id} ${key}`,
        }),
      };
      const flow = spine.workflows.get(workflow) as Parameters<typeof spine.backfill>[0];
      const refused = (error: unknown): never => {
        throw toProblem(error, "");
      };
      if (dry_run) {
        const items = await spine.backfill(flow, { ...options, dryRun: true }).catch(refused);
        return { status: 200, body: { dry_run: true as const, items: items.map((item) => ({ ...item })) } };
      }
      return await startedReply(call, await spine.backfill(flow, options).catch(refused));
    },
  }),
  operation({
    id: "partitions.manifest",
    method: "GET",
    path: "/manifest/{domain}",
    summary:
      "The stages of a domain's work that a partition has reached: `?part=week=2026-01-05&part=tier=T1`.",
    permission: "partitions:read",
    scoping: "whole",
    query: z.strictObject({
      part: z
        .array(z.string().regex(/^[^=]{1,100}=.{0,200}$/s, "must be `name=value`"))
        .min(1)
        .max(20),
    }),
    responses: {
      200: z.strictObject({
        items: z.array(
          z.strictObject({
            stage: z.string(),
            rank: z.int(),
            rows: z.int().nullable(),
            execution_id: z.string().nullable(),
            metrics: Metrics,
            advanced_at: z.iso.datetime(),
          }),
        ),
      }),
    },
    problems: [],
    async handle({ spine, params, query }) {
      const partition = Object.fromEntries(
        query.part.map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]),
      );
      // Which stages there are to be is the domain's to say; here it is read which were reached.
      const entries = await asQuery(() => spine.manifest(params.domain, [ANY_STAGE]).get(partition));
      const items = entries.map(({ stage, rank, rows, runId, metrics, advancedAt }) => ({
        stage,
        rank,
        rows,
        execution_id: runId,
        metrics: { ...metrics },
        advanced_at: advancedAt,
      }));
      return { status: 200, body: { items } };
    },
  }),
] as const;

const ANY_STAGE = "-";

function servedOf({ services }: Call, table: string): ServedPartitions {
  const served = services.partitions.get(table);
  if (served) return served;
  throw notFound(`table "${table.slice(0, 100)}" with partitions`);
}

function cellOf({
  partition,
  key,
  start,
  end,
  dueAt,
  state,
  runId,
  loadId,
  rows,
  loadedAt,
}: PartitionCell): z.output<typeof Cell> {
  return {
    partition,
    key,
    start,
    end,
    due_at: dueAt,
    state,
    execution_id: runId,
    load_id: loadId,
    rows,
    loaded_at: loadedAt,
  };
}

function findingOf(finding: PartitionFinding): z.output<typeof Finding> {
  return { ...cellOf(finding), to_do: finding.toDo };
}
