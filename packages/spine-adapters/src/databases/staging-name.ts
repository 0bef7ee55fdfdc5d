import { SpineError } from "spine-core";

/** The staging table of a dataset: named by its id alone, and by nothing that anybody else has a say in. */
export function stagingName(dataset: string): string {
  return `_spine_staged_${dataset.replaceAll(/[^0-9a-f]/g, "")}`;
}

/** Nothing of a dataset is staged that could be moved: the statement named its staging table, and there is none. */
export function stagingMissing(dataset: string, cause: unknown): SpineError {
  return new SpineError(
    "DATASET_MISSING",
    `No rows of dataset ${dataset} are staged (any more): they were loaded, dropped after a verdict of FAIL, or removed with their run. Read their source again.`,
    { context: { dataset }, cause },
  );
}
