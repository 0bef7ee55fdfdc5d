import type { Partition } from "../context.ts";

/** A load as stored: it stays when its run is removed. */
export interface LoadRecord {
  readonly loadId: string;
  readonly runId: string;
  /** The step's path. */
  readonly step: string;
  readonly table: string;
  readonly partition: Partition | null;
  readonly disposition: string;
  /** The dataset whose rows it wrote. */
  readonly dataset: string;
  readonly inserted: number;
  readonly superseded: number;
  /** ISO time in UTC. */
  readonly loadedAt: string;
}

/** Where a dataset came from. */
export interface DatasetOrigin {
  readonly dataset: string;
  readonly runId: string;
  readonly step: string;
  readonly rows: number;
  /** The source that it was read from; null for one that was made of another, or by an older version. */
  readonly source: string | null;
  /** What was read, in the source's own words: a file, a URL without secrets. */
  readonly locator: string | null;
  /** The dataset that it was made of. */
  readonly madeOf: string | null;
  /** The files that its rows are of, where the source reads several; at most 1,000. */
  readonly files: readonly string[];
}

/** What changed: one file (or another locator), all that a source delivers, a dataset, or what stands in a partition. */
export type Affecting =
  | { readonly file: string }
  | { readonly source: string }
  | { readonly dataset: string }
  | { readonly table: string; readonly partition: Partition };

/** A load that something has a part in. */
export interface AffectedLoad extends LoadRecord {
  /** False where another load has taken the place of all that it wrote. */
  readonly current: boolean;
}

/** Where rows came from. Reading only: it is recorded with datasets and loads. */
export interface LineageStore {
  load(loadId: string): Promise<LoadRecord | undefined>;
  dataset(dataset: string): Promise<DatasetOrigin | undefined>;
  /** The loads of what it is about and of all that was made of that, in their order, behind `after` (a load's id). */
  affectedBy(
    what: Affecting,
    page: { readonly limit: number; readonly after: string | null },
  ): Promise<readonly AffectedLoad[]>;
}
