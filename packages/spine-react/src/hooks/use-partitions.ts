import type { PartitionCell, PartitionedTable, PartitionRange, PartitionReport } from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { type List, type ListOptions, type One, useList, useOne, useWholeList } from "./use-list.ts";

const INTERVAL_MS = 10_000;

/**
 * The partitions of a table between two days (`YYYY-MM-DD`), with the state of each, in pages; asked again every ten seconds.
 *
 * @example
 * function Weeks() {
 *   const { items } = usePartitions("finra_otc_weekly", { from: "2026-01-05", to: "2026-03-30" });
 *   return items.map(({ key, state }) => <span key={key} title={state}>{key}</span>);
 * }
 */
export function usePartitions(
  table: string | null | undefined,
  range: PartitionRange = {},
  options: ListOptions = {},
): List<PartitionCell> {
  const { enabled = true } = options;
  const query = useSpine().queries.partitions(table ?? "", range);
  return useList(query, { interval: INTERVAL_MS, ...options, enabled: enabled && !!table });
}

/** What a table is to have against what it has, with what to do. */
export function usePartitionReport(
  table: string | null | undefined,
  range: Omit<PartitionRange, "limit"> = {},
  options: ListOptions = {},
): One<PartitionReport> {
  const { enabled = true } = options;
  const query = useSpine().queries.partitionReport(table ?? "", range);
  return useOne(query, { interval: INTERVAL_MS, ...options, enabled: enabled && !!table });
}

/** The tables whose partitions are known. */
export function usePartitionTables(options: ListOptions = {}): List<PartitionedTable> {
  return useWholeList(useSpine().queries.partitionTables(), options);
}
