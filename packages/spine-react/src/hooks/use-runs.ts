import type { Run, RunFilter } from "spine-http/client";
import { isTerminal } from "../is-terminal.ts";
import { useSpine } from "../use-spine.ts";
import { type List, type ListOptions, useList } from "./use-list.ts";

const AT_WORK_MS = 5_000;
/** Where all have ended: those that come are started elsewhere, or here, which asks at once. */
const QUIET_MS = 15_000;

/**
 * Runs, the newest first, in pages; asked again every five seconds while one of them goes on, every fifteen when all have ended.
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
  return useList(useSpine().queries.runs(filter), options, paceOf);
}

function paceOf(runs: readonly Run[]): number {
  return runs.every(({ status }) => isTerminal(status)) ? QUIET_MS : AT_WORK_MS;
}
