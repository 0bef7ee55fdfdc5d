import { useState } from "react";
import type { RunStarted, Schedule, ScheduleFilter } from "spine-http/client";
import { useSchedules } from "../hooks/use-schedules.ts";
import { Button } from "./button.tsx";
import { type Display, useDisplay } from "./display.ts";
import { ErrorBanner } from "./error-banner.tsx";
import { type CardLook, type ListState, Panel } from "./panel.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { Table } from "./table.tsx";
import { Time } from "./time.tsx";
import { Words } from "./words.tsx";

interface ScheduleCalls {
  readonly pause?: ((name: string) => Promise<unknown>) | undefined;
  readonly resume?: ((name: string) => Promise<unknown>) | undefined;
  readonly trigger?: ((name: string) => Promise<unknown>) | undefined;
}
interface ManagerData extends ScheduleCalls, ListState {
  readonly schedules: readonly Schedule[];
}
interface Filtered {
  readonly filter?: ScheduleFilter | undefined;
  /** Called with the run that "Run now" has started. */
  readonly onStarted?: ((run: RunStarted) => void) | undefined;
}
/** The schedules that fit a filter, all when it is left out; or schedules that are given. */
export type ScheduleManagerProps = CardLook & (Filtered | ManagerData);

/** When pipelines run by themselves: what is next, and buttons to pause one or to run it now. */
export function ScheduleManager(props: ScheduleManagerProps) {
  return "schedules" in props ? <Schedules {...props} /> : <LiveSchedules {...props} />;
}

function LiveSchedules({ filter, onStarted, ...look }: CardLook & Filtered) {
  const { items, pause, resume, trigger, ...state } = useSchedules(filter);
  const start = async (name: string) => onStarted?.(await trigger(name));
  return <Schedules {...look} {...state} schedules={items} pause={pause} resume={resume} trigger={start} />;
}

function Schedules(props: CardLook & ManagerData) {
  const { schedules, title, headingLevel, className, pause, resume, trigger, ...state } = props;
  const display = useDisplay();
  const { text } = display;
  const [pending, setPending] = useState<string | null>(null);
  const [failed, setFailed] = useState<Error | null>(null);
  const call = async (name: string, what: string, ask: (name: string) => Promise<unknown>) => {
    setPending(`${what} ${name}`);
    setFailed(null);
    await ask(name).catch((error: Error) => setFailed(error));
    setPending(null);
  };
  const button = (schedule: Schedule, what: "pause" | "resume" | "runNow", ask: ScheduleCalls["pause"]) =>
    ask && (
      <Button
        isPending={pending === `${what} ${schedule.name}`}
        aria-label={text(`${what}Of`, { name: schedule.name })}
        onClick={() => void call(schedule.name, what, ask)}
      >
        {text(what === "runNow" ? what : `action_${what}`)}
      </Button>
    );
  const isPassive = !(pause || resume || trigger);
  return (
    <Panel
      title={title ?? text("schedules")}
      headingLevel={headingLevel}
      className={className}
      state={state}
      isEmpty={schedules.length === 0}
      empty={text("noSchedules")}
      hint={text("noSchedulesHint")}
    >
      {failed && <ErrorBanner error={failed} />}
      <Table
        caption={title ?? text("schedules")}
        isStacked
        columns={[
          { name: text("schedule") },
          { name: text("when"), isMinor: true },
          { name: text("statusColumn") },
          { name: text("nextRun"), isMinor: true },
          ...(isPassive ? [] : [{ name: text("actions"), isQuiet: true }]),
        ]}
      >
        {schedules.map((schedule) => (
          <tr key={schedule.name}>
            <th scope="row" className="spine-wide">
              <Words>{schedule.name}</Words>
              <div className="spine-sub">{schedule.reason ?? schedule.pipeline}</div>
            </th>
            <td data-minor>
              <code>{whenOf(schedule, display)}</code>
              <div className="spine-sub">{schedule.timezone}</div>
            </td>
            <td>
              <StatusBadge status={schedule.status} />
            </td>
            <td data-minor>
              {schedule.next_tick_at === null ? "–" : <Time at={schedule.next_tick_at} as="short" />}
            </td>
            {!isPassive && (
              <td>
                <div className="spine-buttons spine-end">
                  {schedule.status === "PAUSED"
                    ? button(schedule, "resume", resume)
                    : schedule.status === "ACTIVE" && button(schedule, "pause", pause)}
                  {button(schedule, "runNow", trigger)}
                </div>
              </td>
            )}
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function whenOf({ cron, every, at }: Schedule, { text, duration, time }: Display): string {
  if (cron !== null) return cron;
  if (every !== null) return text("every", { duration: duration(every) });
  return at === null ? "–" : text("once", { time: time(at, "short") });
}
