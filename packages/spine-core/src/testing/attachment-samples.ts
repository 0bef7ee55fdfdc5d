import type {
  AlertAttachment,
  LoadAttachment,
  PartitionAttachment,
  QualityAttachment,
} from "../history/attachment.ts";
import { newId } from "../ids.ts";

export function loadSample(loadId: string): LoadAttachment {
  return {
    kind: "load",
    loadId,
    step: "load",
    table: "trades",
    partition: { week: "2025-01-06", tier: "T1" },
    disposition: "replace-partition",
    dataset: "d1",
    hash: `hash-${loadId}`,
    inserted: 10,
    superseded: 0,
  };
}

export function partitionSample(loadId: string): PartitionAttachment {
  return {
    kind: "partition",
    table: "trades",
    partition: { week: "2025-01-06", tier: "T1" },
    loadId,
    hash: `hash-${loadId}`,
    rows: 10,
  };
}

export function alertSample(
  labels: Readonly<Record<string, string>> = { pipeline: "trades" },
): AlertAttachment {
  return {
    kind: "alert",
    alertId: newId(),
    severity: "WARNING",
    title: "check failed",
    message: 'it\'s "10" rows',
    source: "quality",
    workflow: "trades",
    step: "quality",
    domain: null,
    partition: { week: "2025-01-06", tier: "T1" },
    labels,
    details: { samples: ["a", "b"], actual: null },
  };
}

export function qualitySample(): QualityAttachment {
  return {
    kind: "quality",
    step: "quality",
    result: {
      check: "row_count",
      category: "COMPLETENESS",
      status: "PASS",
      blocking: true,
      message: "10 rows",
      actual: 10,
      expected: ">= 1",
      rowsTested: 10,
      rowsFailed: 0,
      samples: ["a", "b"],
    },
  };
}
