import { RUN_STATUSES, type RunSelection, type RunStatus } from "spine-core";

/**
 * The orders in which runs can be read: by id, or by an index that has a value, the status and the id. Tags are in a
 * table of their own, which the database keeps as it keeps an index.
 */
export type ListIndex = "id" | "status" | "workflow" | "domain" | "partition" | "tag" | "parent";

/** The columns that runs are filtered by. */
export type FilterColumn =
  | "workflow_name"
  | "domain"
  | "partition_key"
  | "tag"
  | "parent_run_id"
  /** What it begins with once a colon stands behind it. */
  | "triggered_by"
  /** `true` or `false`. */
  | "quality_failed";

/** How the runs of a selection are found: one index, branches of it that are merged, and what each row is checked for. */
export interface ListPlan {
  readonly index: ListIndex;
  /** The value that the index begins with; null for `id` and `status`. */
  readonly lead: string | null;
  /** A branch of the index for each, all of them in the order of ids; null where the index has no status. */
  readonly statuses: readonly RunStatus[] | null;
  /** What the index does not say about a run. */
  readonly filters: readonly (readonly [FilterColumn, string])[];
  readonly search: string | null;
  readonly from: string | null;
  readonly below: string | null;
}

/** The column that each index begins with. */
export const LEAD_COLUMNS = {
  workflow: "workflow_name",
  domain: "domain",
  partition: "partition_key",
  tag: "tag",
  parent: "parent_run_id",
} as const satisfies Partial<Record<ListIndex, FilterColumn>>;

/** Of several that would do, the one that as a rule has the fewest runs under one value. */
const NARROWEST = ["parent", "partition", "tag", "workflow", "domain"] as const;

/** Chooses the index. */
export function planList(selection: RunSelection): ListPlan {
  const { statuses, search, triggeredBy, qualityFailed, from, below } = selection;
  const values = {
    parent: selection.parentRunId,
    partition: selection.partitionKey,
    tag: selection.tag,
    workflow: selection.workflow,
    domain: selection.domain,
  };
  const given = NARROWEST.flatMap((name) => {
    const value = values[name];
    return value === null ? [] : [[name, value] as const];
  });
  const [first, ...others] = given;
  const index = first ? first[0] : statuses ? "status" : "id";
  return {
    index,
    lead: first ? first[1] : null,
    statuses: index === "id" ? null : (statuses ?? RUN_STATUSES),
    filters: [
      ...others.map(([name, value]) => [LEAD_COLUMNS[name], value] as const),
      ...(triggeredBy === null ? [] : [["triggered_by", `${triggeredBy}:`] as const]),
      ...(qualityFailed === null ? [] : [["quality_failed", String(qualityFailed)] as const]),
    ],
    search,
    from,
    below,
  };
}

/** What the text of a statement for this plan depends on. */
export function shapeOf({ index, statuses, filters, search, from, below }: ListPlan): string {
  const columns = filters.map(([column]) => column).join();
  return `${index} ${statuses?.length ?? 0} ${columns} ${search !== null} ${from !== null} ${below !== null}`;
}

/** A LIKE pattern for a text that is found anywhere, with `\` as its escape. */
export function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, (found) => `\\${found}`)}%`;
}

/** The same for JSON text, in which quotes and line ends stand escaped. */
export function containingInJson(text: string): string {
  return containing(JSON.stringify(text).slice(1, -1));
}
