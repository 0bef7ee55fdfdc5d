import { aCount, anObject, anything, checkOptions, type OptionKinds } from "../check-options.ts";
import { type ExecutionContext, type Partition, partitionKey } from "../context.ts";
import type { DatasetRef, DatasetStore } from "../data/dataset.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import { ValidationError } from "../errors.ts";
import type { ManifestAttachment } from "../history/attachment.ts";
import { checkMetric } from "../history/check-metric.ts";
import { checkPartition } from "../history/check-partition.ts";
import { checkProgress, type ProgressPoint } from "../history/check-progress.ts";
import { rankOf, type Stages } from "../history/manifest-store.ts";
import type { Metrics } from "../history/records.ts";
import type { Json } from "../json.ts";
import type { Logger } from "../logger.ts";
import type { Registry } from "../registry.ts";
import type { Source } from "../sources/source.ts";
import type { AdvanceOptions, StepContext } from "../workflow/step-context.ts";
import type { StepCheckpoints } from "./step-checkpoints.ts";
import type { StepView } from "./step-view.ts";

export interface StepContextOptions {
  readonly execution: ExecutionContext;
  readonly step: string;
  readonly attempt: number;
  readonly view: StepView;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly sources: Registry<Source>;
  readonly datasets: DatasetStore;
  readonly checkpoints: StepCheckpoints;
  /** Is given what `context.progress` was, once it is checked. */
  readonly said: (point: ProgressPoint) => void;
  /** Is told of signs of life. */
  readonly heard: () => void;
}

/** The context of one attempt, and what its code recorded through it. */
export function createStepContext(options: StepContextOptions): {
  readonly context: StepContext;
  readonly metrics: () => Metrics;
  readonly advanced: () => readonly ManifestAttachment[];
} {
  const { execution, sources, datasets, checkpoints, view, said, heard, ...rest } = options;
  const metrics: Record<string, number | string> = {};
  /** By domain, partition and stage: said twice, the newest counts. */
  const advanced = new Map<string, ManifestAttachment>();
  const context: StepContext = {
    ...execution,
    ...rest,
    ...view.item,
    outputs: view.outputs,
    metric(name, value) {
      checkMetric(name, value, `of step "${options.step}"`);
      metrics[name] = value;
    },
    advance(stages, stage, given = {}) {
      const advance = advanceOf(stages, stage, given, execution.partition);
      advanced.set(JSON.stringify([stages.domain, stage, partitionKey(advance.partition)]), advance);
    },
    progress: (progress) => said(checkProgress(progress, options.step)),
    heartbeat: heard,
    source: (name) => sources.get(name),
    // What comes back is what JSON made of the result: the types say the same by Json<T>.
    checkpoint: <T>(key: string, work: () => T) =>
      checkpoints.checkpoint(key, work) as Promise<Json<Awaited<T>>>,
    now: () => checkpoints.now(),
    random: () => checkpoints.random(),
    transaction: <T>(
      work: (transaction: DatabaseTransaction) => Promise<T>,
      { key }: { key?: string } = {},
    ) => checkpoints.transaction(work, key) as Promise<Json<T>>,
    async *read<R extends object>(dataset: DatasetRef<R>): AsyncIterable<readonly R[]> {
      for await (const chunk of datasets.read(dataset.dataset, { signal: options.signal })) {
        yield chunk.rows as readonly R[];
      }
    },
  };
  return {
    context: Object.freeze(context),
    metrics: () => ({ ...metrics }),
    advanced: () => [...advanced.values()],
  };
}

const ADVANCE: OptionKinds<AdvanceOptions> = { rows: aCount, metrics: anObject, partition: anything };

function advanceOf(
  stages: Stages,
  stage: string,
  given: AdvanceOptions,
  own: Partition | null,
): ManifestAttachment {
  checkOptions(given, ADVANCE, { of: "advance" });
  const { rows = null, metrics = {} } = given;
  const rank = rankOf(stages, stage);
  const partition = checkPartition(given.partition ?? own, "of `advance`");
  if (partition) return { kind: "manifest", domain: stages.domain, partition, stage, rank, rows, metrics };
  throw new ValidationError(
    "`advance` was called in a run without a partition. Give it one: `advance(stages, stage, { partition })`, or the workflow.",
  );
}
