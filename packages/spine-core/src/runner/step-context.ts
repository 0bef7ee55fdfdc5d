import type { ExecutionContext } from "../context.ts";
import type { DatasetRef, DatasetStore } from "../data/dataset.ts";
import type { Metrics } from "../history/records.ts";
import type { Logger } from "../logger.ts";
import type { Registry } from "../registry.ts";
import type { Source } from "../sources/source.ts";
import type { StepContext } from "../workflow/step.ts";

export interface StepContextOptions {
  readonly execution: ExecutionContext;
  readonly step: string;
  readonly attempt: number;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly sources: Registry<Source>;
  readonly datasets: DatasetStore;
}

/** The context of one attempt, and what its code recorded through it. */
export function createStepContext(options: StepContextOptions): {
  readonly context: StepContext;
  readonly metrics: () => Metrics;
} {
  const { execution, sources, datasets, ...rest } = options;
  const metrics: Record<string, number | string> = {};
  const context: StepContext = {
    ...execution,
    ...rest,
    metric(name, value) {
      metrics[name] = value;
    },
    source: (name) => sources.get(name),
    async *read<R extends object>(dataset: DatasetRef<R>): AsyncIterable<readonly R[]> {
      for await (const chunk of datasets.read(dataset.dataset, { signal: options.signal })) {
        yield chunk.rows as readonly R[];
      }
    },
  };
  return { context: Object.freeze(context), metrics: () => ({ ...metrics }) };
}
