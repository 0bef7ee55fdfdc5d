import { anObject, aText, checkOptions, required } from "../check-options.ts";
import type { Partition } from "../context.ts";
import { partitionKey } from "../context.ts";
import { SpineError } from "../errors.ts";
import type { HistoryStore } from "../history/history-store.ts";
import type {
  AffectedLoad,
  Affecting,
  DatasetOrigin,
  LineageStore,
  LoadRecord,
} from "../history/lineage-store.ts";
import type { RunRecord } from "../history/records.ts";

/** Where the rows of a load came from. */
export interface LoadLineage {
  readonly load: LoadRecord;
  /** Its run; null once retention has removed it. */
  readonly run: Pick<
    RunRecord,
    "runId" | "workflow" | "status" | "params" | "partition" | "parentRunId"
  > | null;
  /**
   * The datasets that they came through, the nearest first, each with the step that made it; the last one has the source and what was
   * read of it. Shorter where retention has removed some.
   */
  readonly upstream: readonly DatasetOrigin[];
}

/** What has to be done again when something changes. */
export interface Affected {
  /** Loads that it has a part in. */
  readonly loads: readonly AffectedLoad[];
  /** The partitions that hold rows of them still. */
  readonly partitions: readonly { readonly table: string; readonly partition: Partition }[];
}

/** Which run wrote a row, and what a file has a part in. */
export interface Lineage {
  /**
   * Where a row came from, by its table and the `_spine_load_id` in it.
   *
   * @throws SpineError VALIDATION_FAILED where there is no such load of the table.
   * @example
   * const { run, upstream } = await spine.lineage.row("trades", row._spine_load_id);
   * console.log(run?.workflow, upstream.at(-1)?.locator);
   */
  row(table: string, loadId: string): Promise<LoadLineage>;
  /** The same for a load. @throws SpineError VALIDATION_FAILED where there is none. */
  load(loadId: string): Promise<LoadLineage>;
  /**
   * What has to be done again, should this file, source, dataset or partition not be right; as far as datasets are still there.
   *
   * @example
   * const { partitions } = await spine.lineage.affectedBy({ file: "2026-01-05.csv" });
   */
  affectedBy(what: Affecting): Promise<Affected>;
}

const KINDS = {
  file: { file: required(aText) },
  source: { source: required(aText) },
  dataset: { dataset: required(aText) },
  table: { table: required(aText), partition: required(anObject) },
} as const;
const PAGE = 1_000;

export function lineageOf(store: LineageStore, history: HistoryStore): Lineage {
  const load = async (loadId: string, table?: string): Promise<LoadLineage> => {
    const found = await store.load(loadId);
    if (!found || (table !== undefined && found.table !== table)) {
      throw new SpineError(
        "VALIDATION_FAILED",
        `There is no load ${loadId}${table === undefined ? "" : ` of table "${table}"`}. Give the \`_spine_load_id\` of a row, or the \`loadId\` in the output of a load.`,
      );
    }
    const upstream: DatasetOrigin[] = [];
    for (let next: string | null = found.dataset; next !== null; ) {
      const origin: DatasetOrigin | undefined = await store.dataset(next);
      if (origin) upstream.push(origin);
      next = origin?.madeOf ?? null;
    }
    const detail = await history.get(found.runId);
    return { load: found, run: detail ? shortOf(detail.run) : null, upstream };
  };
  return {
    load: (loadId) => load(loadId),
    row: (table, loadId) => load(loadId, table),
    async affectedBy(what) {
      const kind = Object.keys(KINDS).find((name) => name in Object(what)) as keyof typeof KINDS | undefined;
      checkOptions(
        what,
        kind ? KINDS[kind] : { ...KINDS.file, ...KINDS.source, ...KINDS.dataset, ...KINDS.table },
        {
          of: "lineage.affectedBy",
          name: "what",
        },
      );
      const loads: AffectedLoad[] = [];
      for (let after: string | null = null; ; ) {
        const page: readonly AffectedLoad[] = await store.affectedBy(what, { limit: PAGE, after });
        loads.push(...page);
        if (page.length < PAGE) break;
        after = page.at(-1)?.loadId ?? null;
      }
      return { loads, partitions: partitionsOf(loads) };
    },
  };
}

function shortOf({ runId, workflow, status, params, partition, parentRunId }: RunRecord) {
  return { runId, workflow, status, params, partition, parentRunId };
}

function partitionsOf(loads: readonly AffectedLoad[]): Affected["partitions"] {
  const all = new Map<string, { readonly table: string; readonly partition: Partition }>();
  for (const { table, partition, current } of loads)
    if (partition && current) all.set(`${table}/${partitionKey(partition)}`, { table, partition });
  return [...all.values()];
}
