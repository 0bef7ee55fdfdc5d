import type { ClaimRequest } from "spine-core";

/** The versions of workflows that runs are tied to, as a parameter; undefined where there are none. */
export function pinnedText({ pinned }: Pick<ClaimRequest, "pinned">): string | undefined {
  return pinned && pinned.size > 0 ? JSON.stringify(Object.fromEntries(pinned)) : undefined;
}

/**
 * The condition that a run may be taken: it has never begun, or its workflow's version is the one at hand. Empty where no
 * workflow is tied to its version: then the statements are what they are without.
 *
 * @param parameter what `pinnedText` returned, in SQL.
 */
export function pinnedSql(run: string, parameter: string | undefined): string {
  if (parameter === undefined) return "";
  return ` AND (${run}.attempts = 0 OR coalesce(${parameter}::jsonb->>${run}.workflow_name = ${run}.fingerprint, true))`;
}
