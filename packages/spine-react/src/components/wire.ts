// What the API answers, by the names that the components use for it. Types only.
import type { AnswerOf, At, RequestOf, Run, SpineOperations, Step } from "spine-http/client";

type Answer<P extends Extract<SpineOperations, { readonly method: "GET" }>["path"]> = AnswerOf<
  At<SpineOperations, "GET", P>
>;
type Item<P extends Extract<SpineOperations, { readonly method: "GET" }>["path"]> =
  Answer<P> extends { readonly items: readonly (infer I)[] } ? I : never;

export type { Event, Problem, Run, Step } from "spine-http/client";
/** A run with its steps, as `GET /pipelines/status/{id}` answers. */
export type Status = Answer<"/pipelines/status/{id}">;
export type RunStatus = Run["status"];
export type StepStatus = Step["status"];
export type Attempt = Answer<"/history/runs/{id}">["attempts"][number];
export type AllowedAction = Status["allowed_actions"][number];
export type Action = AllowedAction["action"];
export type QualityResult = Item<"/history/runs/{id}/quality">;
export type Reject = Item<"/history/runs/{id}/rejects">;
export type PartitionCell = Item<"/partitions/{table}">;
export type Schedule = Item<"/scheduler/schedules">;
export type AlertGroup = Item<"/alerts/groups">;
export type GroupedAlert = AlertGroup["alerts"][number];
/** What a backfill would do, as its dry run answers. */
export type BackfillItem = Extract<
  AnswerOf<At<SpineOperations, "POST", "/partitions/{table}/backfill">>,
  { readonly dry_run: true }
>["items"][number];
export type BackfillRequest = NonNullable<
  RequestOf<At<SpineOperations, "POST", "/partitions/{table}/backfill">>["body"]
>;
