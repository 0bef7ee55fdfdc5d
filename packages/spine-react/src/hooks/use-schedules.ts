import { useMemo } from "react";
import type {
  NewSchedule,
  RunStarted,
  Schedule,
  ScheduleChange,
  ScheduleFilter,
  ScheduleTimes,
  SpineClient,
  Tick,
} from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { useAction } from "./use-action.ts";
import { useIntent } from "./use-intent.ts";
import { type List, type ListOptions, useList, useWholeList } from "./use-list.ts";

export interface ScheduleActions {
  readonly create: (schedule: NewSchedule) => Promise<Schedule>;
  /**
   * Changes fields; null takes one away. Of a `Schedule`, it is changed only as it was looked at; by its name, whatever it is now.
   *
   * @throws SpineHttpError `stale` (412) where somebody has changed it since
   */
  readonly update: (schedule: Schedule | string, change: ScheduleChange) => Promise<Schedule>;
  /** @throws SpineHttpError `stale` (412), as `update` does */
  readonly remove: (schedule: Schedule | string) => Promise<null>;
  readonly pause: (name: string, options?: { readonly reason?: string }) => Promise<Schedule>;
  readonly resume: (name: string, options?: { readonly missed?: "skip" | "catch-up" }) => Promise<Schedule>;
  /** Starts its run now. */
  readonly trigger: (name: string, options?: { readonly params?: unknown }) => Promise<RunStarted>;
  /** What is under way, and with which schedule. */
  readonly pending: { readonly action: ScheduleAction; readonly name: string } | null;
  /** Why the last action failed. */
  readonly actionError: Error | null;
  readonly reset: () => void;
}
export type ScheduleAction = "create" | "update" | "remove" | "pause" | "resume" | "trigger";

interface Doing {
  readonly action: ScheduleAction;
  readonly name: string;
  readonly send: () => Promise<unknown>;
}

const INTERVAL_MS = 10_000;

/**
 * The schedules, by name, and what can be done with them; asked again every ten seconds.
 *
 * @example
 * function Schedules() {
 *   const { items, pause, resume } = useSchedules();
 *   const toggle = ({ name, status }: Schedule) => (status === "PAUSED" ? resume(name) : pause(name)).catch(() => {});
 *   return items.map((each) => (
 *     <button key={each.name} type="button" onClick={() => toggle(each)}>{`${each.name}: ${each.status}`}</button>
 *   ));
 * }
 */
export function useSchedules(
  filter: ScheduleFilter = {},
  options: ListOptions = {},
): List<Schedule> & ScheduleActions {
  const list = useList(useSpine().queries.schedules(filter), { interval: INTERVAL_MS, ...options });
  return { ...list, ...useScheduleActions() };
}

/** What became of a schedule's ticks, the newest first. */
export function useTicks(name: string | null | undefined, options: ListOptions = {}): List<Tick> {
  const { enabled = true } = options;
  const query = useSpine().queries.ticks(name ?? "");
  return useList(query, { interval: INTERVAL_MS, ...options, enabled: enabled && !!name });
}

/** The next times of a schedule (by its name), or of one that is not made yet. */
export function usePreview(
  schedule: string | ScheduleTimes | null | undefined,
  options: ListOptions & { readonly count?: number } = {},
): List<string> {
  const { queries } = useSpine();
  const { count = 5, enabled = true } = options;
  const query =
    typeof schedule === "string" ? queries.preview(schedule, count) : queries.times({ count, ...schedule });
  return useWholeList(query, { ...options, enabled: enabled && !!schedule });
}

function useScheduleActions(): ScheduleActions {
  const { client, queries } = useSpine();
  const intent = useIntent();
  const { run, pending, error, reset } = useAction<Doing, unknown>({
    send: ({ send }) => send(),
    isRepeatable: false,
    changes: ({ action }) => [
      queries.keys.schedules(),
      ...(action === "trigger" ? [queries.keys.runs()] : []),
    ],
  });
  const actions = useMemo(() => {
    const act = (action: ScheduleAction, name: string, send: () => Promise<unknown>) =>
      run({ action, name, send }) as Promise<never>;
    return scheduleActions(client, act, intent);
  }, [client, run, intent]);
  return { ...actions, pending, actionError: error, reset };
}

function scheduleActions(
  client: SpineClient,
  act: (action: ScheduleAction, name: string, send: () => Promise<unknown>) => Promise<never>,
  intent: ReturnType<typeof useIntent>,
): Omit<ScheduleActions, "pending" | "actionError" | "reset"> {
  return {
    create: (body) => act("create", body.name, () => client.post("/scheduler/schedules", { body })),
    update: (schedule, body) => {
      const known = knownOf(schedule);
      return act("update", known.params.name, () =>
        client.patch("/scheduler/schedules/{name+}", { ...known, body }),
      );
    },
    remove: (schedule) => {
      const known = knownOf(schedule);
      return act("remove", known.params.name, () => client.delete("/scheduler/schedules/{name+}", known));
    },
    pause: (name, body = {}) =>
      act("pause", name, () => client.post("/scheduler/schedules/{name+}/pause", { params: { name }, body })),
    resume: (name, body = {}) =>
      act("resume", name, () =>
        client.post("/scheduler/schedules/{name+}/resume", { params: { name }, body }),
      ),
    trigger: (name, body = {}) =>
      act("trigger", name, () =>
        intent([name, body], (key) =>
          client.post("/scheduler/schedules/{name+}/trigger", {
            params: { name },
            body,
            headers: { "idempotency-key": key },
          }),
        ),
      ),
  };
}

/** Which schedule is meant, and as what it was looked at. */
function knownOf(schedule: Schedule | string) {
  return typeof schedule === "string"
    ? { params: { name: schedule }, headers: { "if-match": "*" } }
    : { params: { name: schedule.name }, headers: { "if-match": `"${schedule.revision}"` } };
}
