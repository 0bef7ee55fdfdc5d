import type { Partition } from "../context.ts";
import { ValidationError } from "../errors.ts";
import type { Metrics } from "./records.ts";

/** The stages of a domain's work, in their order. */
export interface Stages {
  readonly domain: string;
  readonly stages: readonly string[];
}

/** That a partition has reached a stage of a domain's work. */
export interface ManifestEntry {
  readonly domain: string;
  readonly partition: Partition;
  readonly stage: string;
  /** The position of the stage among those of its domain, from 0. */
  readonly rank: number;
  /** How many rows there were; null where that was not said. */
  readonly rows: number | null;
  /** The run that came so far; null where none did. */
  readonly runId: string | null;
  readonly metrics: Metrics;
  /** ISO time in UTC. */
  readonly advancedAt: string;
}

/** How far partitions have come: one row for each stage that one has reached. */
export interface ManifestStore {
  /** What is known of a partition, by rank. */
  list(domain: string, partition: Partition): Promise<readonly ManifestEntry[]>;
  /** Says that a partition has reached a stage, or has done so once more. */
  advance(entry: Omit<ManifestEntry, "advancedAt">): Promise<void>;
}

/** The position of a stage. @throws ValidationError for one that there is not. */
export function rankOf({ domain, stages }: Stages, stage: string): number {
  const rank = stages.indexOf(stage);
  if (rank >= 0) return rank;
  throw new ValidationError(
    `"${String(stage)}" is no stage of "${domain}". There are ${stages.join(", ")}.`,
    { detail: { issues: [{ path: "/stage", message: "is no stage of the manifest" }] } },
  );
}
