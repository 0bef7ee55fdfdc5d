import type { Run, RunFilter } from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { type List, type ListOptions, useList } from "./use-list.ts";

const INTERVAL_MS = 5_000;

/**
 * Runs, the newest first, in pages; asked again every five seconds.
 *
 * @example
 * function Failures() {
 *   const { items, hasMore, fetchMore } = useRuns({ status: ["FAILED"], limit: 20 });
 *   return (
 *     <ul>
 *       {items.map(({ execution_id, pipeline, error }) => <li key={execution_id}>{`${pipeline}: ${error}`}</li>)}
 *       {hasMore && <button type="button" onClick={fetchMore}>More</button>}
 *     </ul>
 *   );
 * }
 */
export function useRuns(filter: RunFilter = {}, options: ListOptions = {}): List<Run> {
  return useList(useSpine().queries.runs(filter), { interval: INTERVAL_MS, ...options });
}
