import { type Affecting, type LoadRecord, SpineError } from "spine-core";
import { z } from "zod";
import { operation } from "../operation.ts";
import { notFound } from "../problems.ts";
import { Partition, RunStatus } from "../wire/run.ts";

const Load = z
  .strictObject({
    load_id: z.string(),
    execution_id: z.string(),
    step: z.string(),
    table: z.string(),
    partition: Partition.nullable(),
    disposition: z.string(),
    dataset: z.string(),
    inserted: z.int(),
    superseded: z.int(),
    loaded_at: z.iso.datetime(),
  })
  .meta({ id: "Load" });
const Origin = z
  .strictObject({
    dataset: z.string(),
    execution_id: z.string(),
    step: z.string(),
    rows: z.int(),
    source: z.string().nullable(),
    locator: z.string().nullable(),
    made_of: z.string().nullable(),
    files: z.array(z.string()),
  })
  .meta({ id: "DatasetOrigin" });

export const lineageOperations = [
  operation({
    id: "lineage.load",
    method: "GET",
    path: "/lineage/loads/{id}",
    summary: "Where the rows of a load came from, by the `_spine_load_id` of a row.",
    permission: "lineage:read",
    scoping: "access",
    responses: {
      200: z.strictObject({
        load: Load,
        run: z
          .strictObject({
            execution_id: z.string(),
            pipeline: z.string(),
            status: RunStatus,
            partition: Partition.nullable(),
          })
          .nullable(),
        upstream: z.array(Origin),
      }),
    },
    problems: ["not-found"],
    async handle({ spine, access, params }) {
      const found = ID.test(params.id) ? await spine.lineage.load(params.id).catch(missing) : null;
      if (!found || !(await access.sees(found.load.runId))) throw notFound(`load ${params.id.slice(0, 100)}`);
      const { load, run, upstream } = found;
      return {
        status: 200,
        body: {
          load: loadOf(load),
          run: run && {
            execution_id: run.runId,
            pipeline: run.workflow,
            status: run.status,
            partition: run.partition,
          },
          upstream: upstream.map(({ runId, madeOf, files, ...same }) => ({
            ...same,
            execution_id: runId,
            made_of: madeOf,
            files: [...files],
          })),
        },
      };
    },
  }),
  operation({
    id: "lineage.affected",
    method: "GET",
    path: "/lineage/affected",
    summary: "What has to be done again, should a file, a source or a dataset not be right.",
    permission: "lineage:read",
    scoping: "whole",
    query: z
      .strictObject({
        file: z.string().min(1).max(4_000).optional(),
        source: z.string().min(1).max(1_000).optional(),
        dataset: z.string().min(1).max(100).optional(),
      })
      .refine(
        (query) => Object.values(query).filter((value) => value !== undefined).length === 1,
        "needs one of them",
      ),
    responses: {
      200: z.strictObject({
        loads: z.array(z.strictObject({ ...Load.shape, current: z.boolean() })),
        partitions: z.array(z.strictObject({ table: z.string(), partition: Partition })),
      }),
    },
    problems: [],
    async handle({ spine, query }) {
      const isNoId = query.dataset !== undefined && !ID.test(query.dataset);
      const { loads, partitions } = isNoId ? NOTHING : await spine.lineage.affectedBy(query as Affecting);
      return {
        status: 200,
        body: {
          loads: loads.map(({ current, ...load }) => ({ ...loadOf(load), current })),
          partitions: partitions.map(({ table, partition }) => ({ table, partition })),
        },
      };
    },
  }),
] as const;

const NOTHING = { loads: [], partitions: [] };
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function missing(error: unknown): null {
  if (SpineError.is(error) && error.code === "VALIDATION_FAILED") return null;
  throw error;
}

function loadOf(load: LoadRecord): z.output<typeof Load> {
  const { loadId, runId, loadedAt, ...same } = load;
  return { load_id: loadId, execution_id: runId, loaded_at: loadedAt, ...same };
}
