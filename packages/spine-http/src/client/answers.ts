import type { z } from "zod";
import type { SpineOperations } from "../operations/index.ts";
import type { Step } from "../wire/step.ts";
import type { AnswerOf, At } from "./types.ts";

// What the API answers and takes, by name. Types only, made of the table: nothing of it reaches a browser.

type Get<P extends string> = AnswerOf<At<SpineOperations, "GET", P>>;
type Item<List extends { readonly items: readonly unknown[] }> = List["items"][number];
/** What a list is narrowed by. */
type Filter<P extends SpineOperations["path"]> = Omit<
  z.input<NonNullable<Extract<SpineOperations, { readonly method: "GET"; readonly path: P }>["query"]>>,
  "cursor"
>;
/** What is sent to the operation at a path. */
type Body<P extends SpineOperations["path"]> = z.input<
  NonNullable<Extract<SpineOperations, { readonly method: "POST" | "PATCH"; readonly path: P }>["body"]>
>;

/** How a run stands, with its steps. */
export type Status = Get<"/pipelines/status/{id}">;
export type RunStatus = Status["status"];
export type StepStatus = Step["status"];
export type RowCounts = NonNullable<Step["rows"]>;
export type Progress = NonNullable<Step["progress"]>;
export type ErrorDetail = NonNullable<Status["error_detail"]>;
/** What can be done with a run, or why not. */
export type AllowedAction = Status["allowed_actions"][number];
export type QualityResult = Status["quality"][number];
export type TrendItem = Item<Get<"/history/quality">>;
/** Everything about a run. */
export type RunFull = Get<"/history/runs/{id}">;
export type Log = Item<Get<"/history/runs/{id}/logs">>;
export type Stats = Get<"/history/stats">;
export type Pipeline = Item<Get<"/pipelines">>;
export type PipelineDetail = Get<"/pipelines/{name}">;
export type DeclaredStep = PipelineDetail["steps"][number];
/** The answer to a start: of a pipeline, a schedule, a rerun, a redrive, a backfill. */
export type RunStarted = AnswerOf<At<SpineOperations, "POST", "/pipelines/rerun/{id}">>;
/** The answer to a control of a run. */
export type Controlled = AnswerOf<At<SpineOperations, "POST", "/pipelines/retry/{id}">>;
/** A row that was refused. */
export type Reject = Item<Get<"/history/runs/{id}/rejects">>;
export type Schedule = Get<"/scheduler/schedules/{name+}">;
export type Tick = Item<Get<"/scheduler/schedules/{name+}/ticks">>;
export type PartitionedTable = Item<Get<"/partitions">>;
export type PartitionCell = Item<Get<"/partitions/{table}">>;
export type PartitionReport = Get<"/partitions/{table}/report">;
export type PartitionFinding = Item<{ readonly items: PartitionReport["missing"] }>;
/** A partition that a backfill would load. */
export type BackfillItem = Item<
  Extract<AnswerOf<At<SpineOperations, "POST", "/partitions/{table}/backfill">>, { readonly dry_run: true }>
>;
export type Alert = Item<Get<"/alerts">>;
export type AlertGroup = Item<Get<"/alerts/groups">>;
export type GroupedAlert = AlertGroup["alerts"][number];
export type Silence = Item<Get<"/alerts/silences">>;
export type Delivery = Item<Get<"/alerts/deliveries">>;
export type Channel = Item<Get<"/alerts/channels">>;
export type ChannelTest = AnswerOf<At<SpineOperations, "POST", "/alerts/channels/{name}/test">>;
/** What is wrong with the database, and with the work on it. */
export type Readiness = Get<"/health/ready">;
/** Who the caller is, and what he may do. */
export type Session = Get<"/session">;

/** What a run is started with. */
export type RunRequest = Body<"/pipelines/run/{name}">;
export type RerunRequest = Body<"/pipelines/rerun/{id}">;
export type Signal = Body<"/pipelines/signal/{id}">;
export type Decision = Body<"/pipelines/approve/{id}">;
export type NewSchedule = Body<"/scheduler/schedules">;
export type ScheduleChange = Body<"/scheduler/schedules/{name+}">;
export type BackfillRequest = Body<"/partitions/{table}/backfill">;
export type SilenceRequest = Body<"/alerts/silences">;
export type DiscardRequest = Body<"/history/runs/{id}/rejects/discard">;
export type RejectChoice = Body<"/history/runs/{id}/rejects/restore">;
export type RedriveRequest = Body<"/history/runs/{id}/rejects/redrive">;

export type RunFilter = Filter<"/history/runs">;
export type StatsFilter = Filter<"/history/stats">;
export type TrendFilter = Filter<"/history/quality">;
export type PipelineFilter = Filter<"/pipelines">;
export type ScheduleFilter = Filter<"/scheduler/schedules">;
export type ScheduleTimes = Filter<"/scheduler/preview">;
export type PartitionRange = Filter<"/partitions/{table}">;
export type AlertFilter = Filter<"/alerts">;
export type DeliveryFilter = Filter<"/alerts/deliveries">;
export type RejectFilter = Filter<"/history/runs/{id}/rejects">;
