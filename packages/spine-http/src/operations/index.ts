import { alertChannelOperations } from "./alert-channels.ts";
import { alertOperations } from "./alerts.ts";
import { compareOperations } from "./compare-runs.ts";
import { cursorOperations } from "./cursors.ts";
import { eventOperations } from "./events.ts";
import { healthOperations } from "./health.ts";
import { historyOperations } from "./history.ts";
import { lineageOperations } from "./lineage.ts";
import { metaOperations } from "./meta.ts";
import { partitionOperations } from "./partitions.ts";
import { pipelineOperations } from "./pipelines.ts";
import { qualityOperations } from "./quality.ts";
import { queueOperations } from "./queues.ts";
import { rejectOperations } from "./rejects.ts";
import { runControlOperations } from "./run-controls.ts";
import { statusOperations } from "./run-status.ts";
import { scheduleOperations } from "./schedules.ts";
import { statisticsOperations } from "./statistics.ts";
import { workerOperations } from "./workers.ts";

/** All operations that a Spine has. A group more is a file beside this one, and a line here. */
export const OPERATIONS = [
  ...healthOperations,
  ...metaOperations,
  ...pipelineOperations,
  ...statusOperations,
  ...runControlOperations,
  ...eventOperations,
  ...historyOperations,
  ...compareOperations,
  ...statisticsOperations,
  ...qualityOperations,
  ...rejectOperations,
  ...queueOperations,
  ...scheduleOperations,
  ...cursorOperations,
  ...partitionOperations,
  ...lineageOperations,
  ...alertOperations,
  ...alertChannelOperations,
  ...workerOperations,
] as const;

/** The table as a type: what the client knows of it. */
export type SpineOperations = (typeof OPERATIONS)[number];
