import type { Measurement } from "../harness/measurement.ts";
import type { Figures } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import { measureChildren } from "./children.ts";
import { measureCommits } from "./commits.ts";
import { measureCheckpoints, measureDataMemory, measureParsing } from "./data.ts";
import { measureHttp } from "./http.ts";
import {
  measureFanOut,
  measureIdle,
  measureMemory,
  measureQueued,
  measureWaiting,
} from "./queued-latency.ts";
import { measureSchedules } from "./schedules.ts";
import { measureLatency } from "./w1-latency.ts";
import { measureThroughput } from "./w2-throughput.ts";
import { measureBurst } from "./w3-burst.ts";
import { measureRecovery } from "./w4-recovery.ts";
import { measureQueries } from "./w5-queries.ts";
import { measureLoad } from "./w7-load.ts";
import { measureLongRun } from "./w8-long-run.ts";

/** The workloads by the name that a measurement calls them. */
export const WORKLOADS: Readonly<
  Record<string, (system: System, measurement: Measurement) => Promise<Figures>>
> = {
  latency: measureLatency,
  throughput: measureThroughput,
  commits: measureCommits,
  burst: measureBurst,
  recovery: measureRecovery,
  queued: measureQueued,
  idle: measureIdle,
  "fan-out": measureFanOut,
  children: measureChildren,
  memory: measureMemory,
  waiting: measureWaiting,
  queries: measureQueries,
  "long-run": measureLongRun,
  parsing: measureParsing,
  checkpoints: measureCheckpoints,
  "data-memory": measureDataMemory,
  load: measureLoad,
  schedules: measureSchedules,
  http: measureHttp,
};
