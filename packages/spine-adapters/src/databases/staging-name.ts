/** The staging table of a dataset: named by its id alone, and by nothing that anybody else has a say in. */
export function stagingName(dataset: string): string {
  return `_spine_staged_${dataset.replaceAll(/[^0-9a-f]/g, "")}`;
}
