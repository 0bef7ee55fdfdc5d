import type { DatasetRef, DatasetStore } from "../../data/dataset.ts";
import type { CheckpointAttachment } from "../../history/attachment.ts";
import type { JsonValue } from "../../json.ts";
import type { Source } from "../../sources/source.ts";
import type { IngestStep } from "../../workflow/step.ts";
import type { StepScope } from "../step-scope.ts";

/** The rows of a run that drives rejects of an ingest again are recorded under, in the write that makes the run. */
const REDRIVEN = "spine:redriven";

/** Says to an ingest that there is nothing but these rows to read. */
export function redrivenRows(step: string, slice: DatasetRef): CheckpointAttachment {
  return { kind: "checkpoint", step, key: REDRIVEN, value: JSON.stringify(slice) };
}

/** The rows that an ingest is to read in the place of its source; undefined in all runs but those that drive rejects again. */
export function redrivenIn({ recorded }: StepScope): DatasetRef | undefined {
  return recorded().get(REDRIVEN) as unknown as DatasetRef | undefined;
}

/** The ingest of a slice: its source has nothing to say, and nothing of it is followed. */
export function ingestOf(step: IngestStep, slice: DatasetRef, datasets: DatasetStore): IngestStep {
  const from: Source<unknown> = { name: "rejects", stream: (_, options) => pages(slice, datasets, options) };
  return { ...step, from: from as Source, request: () => null, incremental: null, unchanged: "read" };
}

type StreamOptions = { readonly signal?: AbortSignal; readonly cursor?: JsonValue | null };

async function* pages(
  { dataset }: DatasetRef,
  datasets: DatasetStore,
  { signal, cursor }: StreamOptions = {},
): ReturnType<Source<unknown>["stream"]> {
  const fromChunk = Number(cursor ?? 0);
  for await (const chunk of datasets.read(dataset, { fromChunk, ...(signal && { signal }) })) {
    const { index, rows, lines, file = null } = chunk;
    yield { rows, ...(lines && { lines }), file, cursor: index + 1 };
  }
}
