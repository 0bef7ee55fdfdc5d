import { type KeyboardEvent, memo, type ReactNode, useId, useMemo, useState } from "react";
import type { Run } from "spine-http/client";
import { usePipelineStatus } from "../hooks/use-pipeline-status.ts";
import { isTerminal } from "../is-terminal.ts";
import { useDisplay } from "./display.ts";
import { Icon, toneOf } from "./icon.tsx";
import { useNow } from "./now.ts";
import { States, type ViewState } from "./panel.tsx";
import { StepDetail } from "./step-detail.tsx";
import { Elapsed } from "./time.tsx";
import { roomyEnd, type ScalePlan, scalePlan, type TimeScale, timeScale } from "./time-scale.ts";
import { isRetrying, queueOf, rowsOf, type Segment, segmentsOf, type TimelineStep } from "./timeline-rows.ts";
import { Mark, Track } from "./timeline-track.tsx";

/** What is drawn: a run and its steps, with `history` where the attempts were asked for. */
export interface TimelineRun
  extends Pick<Run, "execution_id" | "status" | "created_at" | "started_at" | "completed_at"> {
  readonly steps: readonly TimelineStep[];
}

interface Look {
  /** `list`: text only. `waterfall`: bars one after another, with waits cut short. `timed`: bars on the axis of time. */
  readonly mode?: "list" | "waterfall" | "timed" | undefined;
  /** More about a step, below what is shown when it is opened. */
  readonly renderStep?: ((step: TimelineStep) => ReactNode) | undefined;
}
interface TimelineData extends ViewState {
  readonly run: TimelineRun | undefined;
}
/** A run by its id, or what is known of one. */
export type StepTimelineProps = Look & ({ readonly runId: string | null | undefined } | TimelineData);

/**
 * The steps of a run: what ran when, each attempt for itself, and what waited for what.
 *
 * @example
 * <StepTimeline runId={runId} mode="timed" />
 */
export function StepTimeline(props: StepTimelineProps) {
  return "run" in props ? <Timeline {...props} /> : <LiveTimeline {...props} />;
}

function LiveTimeline({ runId, ...look }: Look & { readonly runId: string | null | undefined }) {
  return <Timeline {...look} {...usePipelineStatus(runId)} />;
}

function Timeline({ run, mode = "waterfall", renderStep, ...state }: Look & TimelineData) {
  const { text } = useDisplay();
  return (
    <div className="spine-root spine-timeline" data-mode={mode}>
      <States state={state} isEmpty={!run || run.steps.length === 0} empty={text("noSteps")}>
        {run && <Rows run={run} mode={mode} renderStep={renderStep} />}
      </States>
    </div>
  );
}

interface RowsProps {
  readonly run: TimelineRun;
  readonly mode: "list" | "waterfall" | "timed";
  readonly renderStep: Look["renderStep"];
}

function Rows({ run, mode, renderStep }: RowsProps) {
  const { text } = useDisplay();
  const hint = useId();
  const { steps } = run;
  const isOver = isTerminal(run.status);
  const rows = useMemo(() => rowsOf(steps), [steps]);
  const queue = useMemo(() => queueOf(run), [run]);
  const scale = useScale(run, queue, mode);
  const [current, setCurrent] = useState(0);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [toggle] = useState(
    () => (name: string) =>
      setOpened((known) => {
        const next = new Set(known);
        if (!next.delete(name)) next.add(name);
        return next;
      }),
  );
  const isDrawn = mode !== "list";
  return (
    <>
      {isDrawn && <Legend steps={steps} hasQueue={queue !== null} isOver={isOver} />}
      <span id={hint} className="spine-hidden">
        {text("stepKeys")}
      </span>
      <div className="spine-timeline-body">
        {isDrawn && <Axis scale={scale} run={run} isOver={isOver} />}
        <ol className="spine-steps" aria-label={text("steps")} aria-describedby={hint} onKeyDown={moveFocus}>
          {queue && <QueueRow queue={queue} scale={isDrawn ? scale : null} />}
          {rows.map(({ step, depth, label, isOuter }, index) => (
            <StepRow
              key={step.name}
              step={step}
              depth={depth}
              label={label}
              isOuter={isOuter}
              scale={isDrawn ? scale : null}
              isOver={isOver}
              index={index}
              isCurrent={index === Math.min(current, rows.length - 1)}
              isOpen={opened.has(step.name)}
              onCurrent={setCurrent}
              onToggle={toggle}
              renderStep={renderStep}
            />
          ))}
        </ol>
      </div>
    </>
  );
}

/** Arrow keys move between the rows, of which Tab reaches one. */
function moveFocus(event: KeyboardEvent<HTMLOListElement>): void {
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>(".spine-step-row")];
  const at = buttons.indexOf(event.target as HTMLElement);
  if (at < 0) return;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  const next = to === undefined ? undefined : buttons[to];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** Grows in leaps, so that only what is under way is drawn at each tick. */
function useScale(run: TimelineRun, queue: Segment | null, mode: RowsProps["mode"]): TimeScale {
  const isOver = isTerminal(run.status);
  const segments = useMemo(() => run.steps.flatMap(segmentsOf), [run.steps]);
  const now = useNow(isOver || mode === "list" ? null : 1_000);
  const from = queue?.from ?? Date.parse(run.started_at ?? run.created_at);
  // The newest time that is known: where there is no clock yet, and where the one of this machine is behind.
  const newest = useMemo(
    () => segments.reduce((most, segment) => Math.max(most, segment.to ?? 0, segment.from), from + 1),
    [segments, from],
  );
  const last = run.completed_at === null ? 0 : Date.parse(run.completed_at);
  const to = isOver ? Math.max(last, newest) : roomyEnd(from, Math.max(now ?? 0, newest));
  const hasMore = !isOver && run.steps.some(({ status }) => status === "PENDING");
  const plan = JSON.stringify(scalePlan({ from, to, hasMore, isTimed: mode === "timed", segments }));
  // By value: another scale draws all rows anew.
  return useMemo(() => timeScale(JSON.parse(plan) as ScalePlan), [plan]);
}

interface LegendProps {
  readonly steps: readonly TimelineStep[];
  readonly hasQueue: boolean;
  readonly isOver: boolean;
}

function Legend({ steps, hasQueue, isOver }: LegendProps) {
  const { text, status } = useDisplay();
  const kinds = useMemo(() => new Set(steps.flatMap(segmentsOf).map(({ kind }) => kind)), [steps]);
  const isPending = !isOver && steps.some((step) => step.status === "PENDING");
  const shown = [
    ["work", text("work"), kinds.has("work")],
    ["backoff", text("backoff"), kinds.has("backoff")],
    ["wait", text("waiting"), kinds.has("wait")],
    ["queue", text("inQueue"), hasQueue],
    ["pending", status("PENDING"), isPending],
  ] as const;
  return (
    <div className="spine-legend" aria-hidden="true">
      {shown.map(([kind, label, isShown]) =>
        isShown ? (
          <span key={kind} data-kind={kind}>
            <svg viewBox="0 0 20 10" aria-hidden="true">
              <Mark kind={kind} from={4} to={96} />
            </svg>
            {label}
          </span>
        ) : null,
      )}
    </div>
  );
}

/** Marks of time, and the line of the present. */
function Axis({
  scale,
  run,
  isOver,
}: {
  readonly scale: TimeScale;
  readonly run: TimelineRun;
  readonly isOver: boolean;
}) {
  const { duration, text } = useDisplay();
  const now = useNow(isOver ? null : 1_000);
  const from = Date.parse(queueOf(run) === null ? (run.started_at ?? run.created_at) : run.created_at);
  const at = now === null ? null : scale.at(now);
  return (
    <div className="spine-axis">
      <svg aria-hidden="true">
        {scale.marks.map((mark) => {
          const x = `${scale.at(from + mark * 1_000)}%`;
          return (
            <g key={mark}>
              <line x1={x} x2={x} y1="20" y2="100%" />
              <text x={x} y="11" textAnchor={mark === 0 ? "start" : "middle"}>
                {mark === 0 ? "0" : duration(mark)}
              </text>
            </g>
          );
        })}
        {at !== null && (
          <g className="spine-now">
            <line x1={`${at}%`} x2={`${at}%`} y1="20" y2="100%" />
            <title>{text("now")}</title>
            <circle cx={`${at}%`} cy="20" r="3" />
          </g>
        )}
      </svg>
    </div>
  );
}

function QueueRow({ queue, scale }: { readonly queue: Segment; readonly scale: TimeScale | null }) {
  const { text } = useDisplay();
  const from = new Date(queue.from).toISOString();
  const to = queue.to === null ? null : new Date(queue.to).toISOString();
  return (
    <li className="spine-step" data-tone="idle">
      <div className="spine-step-line">
        <Icon name="WAITING" />
        <span className="spine-step-name">{text(queue.to === null ? "inQueue" : "waitedInQueue")}</span>
        {scale && <Track segments={[queue]} scale={scale} />}
        <span className="spine-step-rows" />
        <span className="spine-step-time">
          <Elapsed from={from} to={to} />
        </span>
      </div>
    </li>
  );
}

interface StepRowProps {
  readonly step: TimelineStep;
  readonly depth: number;
  readonly label: string;
  readonly isOuter: boolean;
  /** Null: nothing is drawn. */
  readonly scale: TimeScale | null;
  readonly isOver: boolean;
  readonly index: number;
  readonly isCurrent: boolean;
  readonly isOpen: boolean;
  readonly onCurrent: (index: number) => void;
  readonly onToggle: (name: string) => void;
  readonly renderStep: Look["renderStep"];
}

/** Of hundreds only those are drawn anew that have changed. */
const StepRow = memo(function StepRow(props: StepRowProps) {
  const { step, depth, label, isOuter, scale, isOver, index, isCurrent, isOpen } = props;
  const display = useDisplay();
  const id = useId();
  const segments = useMemo(() => segmentsOf(step), [step]);
  const shown = isRetrying(step) && !isOver ? "WAITING" : step.status;
  const notRun = isOver && step.status === "PENDING";
  const { rows } = step;
  return (
    <li
      className="spine-step"
      data-status={step.status}
      data-tone={isRetrying(step) && !isOver ? "warn" : toneOf(step.status)}
      data-depth={depth === 0 ? undefined : Math.min(depth, 5)}
      data-outer={isOuter || undefined}
    >
      <button
        type="button"
        className="spine-step-row spine-step-line"
        tabIndex={isCurrent ? 0 : -1}
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onFocus={() => props.onCurrent(index)}
        onClick={() => props.onToggle(step.name)}
      >
        <Icon name={shown} />
        <span className="spine-step-name" title={step.name}>
          {label}
          <span className="spine-hidden">
            , {notRun ? display.text("notRun") : display.status(step.status)},
          </span>
          <StepNote step={step} isOver={isOver} />
        </span>
        {scale && (
          <Track segments={segments} scale={scale} isPending={step.status === "PENDING" && !isOver} />
        )}
        <span className="spine-step-rows">
          {rows !== null && (rows.out > 0 || rows.in > 0) && display.count("rows", rows.out || rows.in)}
        </span>
        <span className="spine-step-time">
          {step.status === "PENDING" ? (
            <span aria-hidden="true">–</span>
          ) : step.duration === null && isOver ? (
            "–"
          ) : step.duration === null ? (
            <Elapsed from={step.started_at} to={step.completed_at} />
          ) : (
            display.duration(step.duration)
          )}
        </span>
      </button>
      {isOpen && (
        <div id={id} className="spine-step-detail">
          <StepDetail step={step} />
          {props.renderStep?.(step)}
        </div>
      )}
    </li>
  );
});

/** What is to be known of a step at a glance. */
function StepNote({ step, isOver }: { readonly step: TimelineStep; readonly isOver: boolean }) {
  const { text, count, number, time } = useDisplay();
  const retrying = isRetrying(step) && !isOver;
  const { progress, rows } = step;
  const notes: [name: string, note: ReactNode][] = [];
  if (step.attempts > 1) notes.push(["attempt", text("attemptOf", { n: step.attempts })]);
  if (retrying && step.retry_at) notes.push(["retry", <RetriesIn key="retry" at={step.retry_at} />]);
  if (step.status === "RUNNING" && progress) {
    if (progress.total)
      notes.push([
        "progress",
        `${number(progress.done ?? 0)} / ${number(progress.total)} ${progress.unit ?? ""}`,
      ]);
    else if (progress.message) notes.push(["progress", progress.message]);
  }
  if (step.status === "WAITING") {
    if (step.waiting_until)
      notes.push(["waits", text("waitsUntil", { time: time(step.waiting_until, "short") })]);
    else if (step.waiting_for) notes.push(["waits", text("waitsFor", { what: step.waiting_for })]);
  }
  if (step.status === "SKIPPED" && step.skip_reason) notes.push(["skipped", step.skip_reason]);
  if (rows && rows.rejected > 0) notes.push(["rejected", count("rejected", rows.rejected)]);
  if (step.status === "FAILED" && step.error) notes.push(["error", step.error]);
  if (notes.length === 0) return null;
  return (
    <span className="spine-step-note">
      {notes.map(([name, note]) => (
        <span key={name}>{note}</span>
      ))}
    </span>
  );
}

function RetriesIn({ at }: { readonly at: string }) {
  const { text, duration } = useDisplay();
  const now = useNow(1_000);
  if (now === null) return null;
  const seconds = Math.ceil((Date.parse(at) - now) / 1_000);
  return <>{seconds > 0 ? text("retriesIn", { duration: duration(seconds) }) : text("retriesNow")}</>;
}
