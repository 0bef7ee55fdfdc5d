import { aCount, anObject, aText, checkArgument, checkOptions, type OptionKinds } from "../check-options.ts";
import type { Partition } from "../context.ts";
import { SpineError } from "../errors.ts";
import { checkPartition } from "../history/check-partition.ts";
import { type ManifestEntry, type ManifestStore, rankOf, type Stages } from "../history/manifest-store.ts";
import type { Metrics } from "../history/records.ts";

/** What is said of a stage that was reached. */
export interface Advance {
  readonly rows?: number;
  readonly runId?: string;
  readonly metrics?: Metrics;
}

const ADVANCE: OptionKinds<Advance> = { rows: aCount, runId: aText, metrics: anObject };

/**
 * How far the partitions of a domain have come through the stages of its work, e.g. PENDING, INGESTED, NORMALIZED. One row for each
 * stage that a partition has reached; reached again, it is the newest word that counts.
 *
 * @example
 * const weeks = spine.manifest("finra.otc", ["INGESTED", "NORMALIZED", "PUBLISHED"]);
 * await weeks.advanceTo({ week: "2026-01-05" }, "INGESTED", { rows: 1_200, runId: run.id });
 * await weeks.isAtLeast({ week: "2026-01-05" }, "NORMALIZED"); // false
 */
export class WorkManifest implements Stages {
  readonly domain: string;
  readonly stages: readonly string[];
  readonly #store: ManifestStore;

  /** @throws SpineError CONFIG_INVALID for stages that are no list of different texts. */
  constructor(options: {
    readonly store: ManifestStore;
    readonly domain: string;
    readonly stages: readonly string[];
  }) {
    const { store, domain, stages } = options;
    const isList =
      Array.isArray(stages) && stages.length > 0 && stages.every((one) => aText.fits(one) && one !== "");
    if (!aText.fits(domain) || domain === "" || !isList || new Set(stages).size !== stages.length) {
      throw new SpineError(
        "CONFIG_INVALID",
        'A manifest has a domain and its stages, in their order: a list of different texts, e.g. ["INGESTED", "NORMALIZED"].',
      );
    }
    checkPartition({ [domain]: "", ...Object.fromEntries(stages.map((one) => [one, ""])) }, "of a manifest");
    this.#store = store;
    this.domain = domain;
    this.stages = Object.freeze([...stages]);
  }

  /** Says that a partition has reached a stage. */
  async advanceTo(partition: Partition, stage: string, advance: Advance = {}): Promise<void> {
    checkOptions(advance, ADVANCE, { of: "advanceTo" });
    const { rows = null, runId = null, metrics = {} } = advance;
    const rank = this.#rank(stage);
    const of = given(partition);
    await this.#store.advance({ domain: this.domain, partition: of, stage, rank, rows, runId, metrics });
  }

  /** The stages that a partition has reached, in their order. */
  async get(partition: Partition): Promise<readonly ManifestEntry[]> {
    return this.#store.list(this.domain, given(partition));
  }

  /** The last one in the order of the stages; null for none. */
  async latestStage(partition: Partition): Promise<string | null> {
    return (await this.get(partition)).at(-1)?.stage ?? null;
  }

  /** True when it has reached this stage, or a later one. */
  async isAtLeast(partition: Partition, stage: string): Promise<boolean> {
    const rank = this.#rank(stage);
    return (await this.get(partition)).some((entry) => entry.rank >= rank);
  }

  /** True when it has reached neither this stage nor a later one. */
  async isBefore(partition: Partition, stage: string): Promise<boolean> {
    return !(await this.isAtLeast(partition, stage));
  }

  /** True when it has reached this very stage. */
  async has(partition: Partition, stage: string): Promise<boolean> {
    this.#rank(stage);
    return (await this.get(partition)).some((entry) => entry.stage === stage);
  }

  /** What was said of a stage; null where it was not reached. */
  async metrics(partition: Partition, stage: string): Promise<Metrics | null> {
    this.#rank(stage);
    return (await this.get(partition)).find((entry) => entry.stage === stage)?.metrics ?? null;
  }

  #rank(stage: string): number {
    return rankOf(this, stage);
  }
}

function given(partition: Partition): Partition {
  checkArgument("partition", partition, anObject, { of: "a manifest" });
  return checkPartition(partition, "of a manifest") as Partition;
}
