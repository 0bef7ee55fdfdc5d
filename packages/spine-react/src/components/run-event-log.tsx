import { useEffect, useId, useRef, useState } from "react";
import type { Event } from "spine-http/client";
import { useRunEvents } from "../hooks/use-run-events.ts";
import { useDisplay } from "./display.ts";
import { toneOf } from "./icon.tsx";
import { type CardLook, type ListState, Panel } from "./panel.tsx";
import { Time } from "./time.tsx";

interface LogData extends ListState {
  /** Oldest first. */
  readonly events: readonly Event[];
}
/** The events of a run, or events that are given. */
export type RunEventLogProps = CardLook & ({ readonly runId: string | null | undefined } | LogData);

/** What happened to a run, as it happens: to be filtered, and followed to its end. */
export function RunEventLog(props: RunEventLogProps) {
  return "events" in props ? <Log {...props} /> : <LiveLog {...props} />;
}

function LiveLog({ runId, ...look }: CardLook & { readonly runId: string | null | undefined }) {
  const { items, ...state } = useRunEvents(runId);
  return <Log {...look} {...state} events={items} />;
}

function Log({ events, title, headingLevel, className, ...state }: CardLook & LogData) {
  const { text } = useDisplay();
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const [filter, setFilter] = useState("");
  const [isFollowing, setFollowing] = useState(true);
  const wanted = filter.trim().toLowerCase();
  const shown =
    wanted === ""
      ? events
      : events.filter(({ type, data }) => `${type} ${textOf(data)}`.toLowerCase().includes(wanted));
  const newest = events.at(-1)?.seq;
  useEffect(() => {
    if (isFollowing && newest !== undefined) list.current?.scrollTo?.({ top: list.current.scrollHeight });
  }, [isFollowing, newest]);
  return (
    <Panel
      title={title ?? text("events")}
      headingLevel={headingLevel}
      className={className}
      state={state}
      isEmpty={events.length === 0}
      empty={text("noEvents")}
      hint={text("noEventsHint")}
    >
      <div className="spine-toolbar">
        <label className="spine-hidden" htmlFor={id}>
          {text("filterEvents")}
        </label>
        <input
          id={id}
          type="search"
          className="spine-input"
          placeholder={text("filterEvents")}
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
        <label className="spine-check">
          <input
            type="checkbox"
            checked={isFollowing}
            onChange={(event) => setFollowing(event.target.checked)}
          />
          {text("follow")}
        </label>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <div ref={list} className="spine-log" role="log" aria-label={title ?? text("events")} tabIndex={0}>
        {shown.length === 0 && <p>{text("noMatch")}</p>}
        {shown.map((event) => (
          <div key={event.seq} data-tone={toneOf(event.type.split(".")[1]?.toUpperCase() ?? "")}>
            <Time at={event.at} as="clock" />
            <b>{event.type}</b>
            <span>{textOf(event.data)}</span>
          </div>
        ))}
      </div>
    </Panel>
  );
}

/** `step fetch · attempt 1` */
function textOf(data: unknown): string {
  if (data === null || data === undefined) return "";
  if (typeof data !== "object") return typeof data === "string" ? data : JSON.stringify(data);
  return Object.entries(data)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" · ");
}
