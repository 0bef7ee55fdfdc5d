import { nice, ticks } from "d3-array";
import { line } from "d3-shape";
import { type PointerEvent, useEffect, useRef, useState } from "react";
import { useDisplay } from "./display.ts";

/** Values that belong together, one for each point. */
export interface Series {
  readonly id: string;
  readonly label: string;
  /** `line` says that points follow each other; `dot` is for those that do not. */
  readonly kind: "bar" | "line" | "dot";
  /** The axis that it is read from; `left` when left out. */
  readonly axis?: "left" | "right";
  /** Null where there is none. */
  readonly values: readonly (number | null)[];
  /** As its values are written; as numbers of the locale when left out. The index says of which point. */
  readonly format?: (value: number, index: number) => string;
}

/** As wide as a server draws it: a browser measures, and draws it anew. */
const WIDTH = 640;
const TOP = 12;
const BOTTOM = 26;
const SIDE = 52;
const WIDEST_BAR = 36;
/** About as many marks as an axis has. */
const MARKS = 4;
/** Of the room of a point; the rest keeps it from the next. */
const BARS_PART = 0.72;

interface PlotProps {
  readonly title: string;
  readonly points: readonly string[];
  readonly names?: readonly (string | null)[] | undefined;
  readonly series: readonly Series[];
  readonly height: number;
}

/** The drawing, its cursor, and what stands at it. */
export function Plot({ title, points, names = [], series, height }: PlotProps) {
  const display = useDisplay();
  const plot = useRef<HTMLDivElement>(null);
  const width = useWidth(plot);
  const [cursor, setCursor] = useState<number | null>(null);
  const at = cursor === null ? null : Math.min(cursor, points.length - 1);
  const right = series.some(({ axis }) => axis === "right") ? SIDE : 8;
  const [inner, bottom] = [Math.max(80, width - SIDE - right), height - BOTTOM];
  const places = placesOf(points);
  const step = inner / Math.max(1, points.length);
  const middle = (index: number) => SIDE + (index + 0.5) * step;
  const left = axisOf(series, "left", bottom);
  const axes = { left, right: axisOf(series, "right", bottom, left?.marks.length) };
  const bars = series.filter(({ kind }) => kind === "bar");
  const thick = Math.min((step * BARS_PART) / Math.max(1, bars.length), WIDEST_BAR);
  const shownAt = (one: Series, index: number) => {
    const value = one.values[index] ?? null;
    return value === null ? "–" : (one.format ?? display.number)(value, index);
  };
  const nameOf = (index: number) => [points[index], names[index]].filter(Boolean).join(" · ");
  const every = Math.max(1, Math.ceil((longest(points) * 6.6 + 14) / step));
  const move = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    setCursor(Math.max(0, Math.min(points.length - 1, Math.floor((x - SIDE) / step))));
  };
  return (
    <>
      <div className="spine-legend" aria-hidden="true">
        <span className="spine-legend-point">{at === null ? "" : nameOf(at)}</span>
        {series.map((one, index) => (
          <span key={one.id} data-series={index + 1} data-kind={one.kind}>
            <i />
            {one.label}
            {at !== null && <b>{shownAt(one, at)}</b>}
          </span>
        ))}
      </div>
      <div
        ref={plot}
        className="spine-plot"
        onPointerMove={move}
        onPointerDown={move}
        onPointerLeave={() => setCursor(null)}
      >
        <input
          type="range"
          min={0}
          max={points.length - 1}
          value={at ?? 0}
          aria-label={display.text("pointOf", { title })}
          aria-valuetext={[
            nameOf(at ?? 0),
            ...series.map((one) => `${one.label} ${shownAt(one, at ?? 0)}`),
          ].join(", ")}
          title={display.text("chartKeys")}
          onChange={(event) => setCursor(Number(event.target.value))}
          onFocus={() => setCursor((known) => known ?? 0)}
          onBlur={() => setCursor(null)}
        />
        <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
          {at !== null && (
            <rect
              className="spine-plot-cursor"
              x={SIDE + at * step}
              y={TOP}
              width={step}
              height={bottom - TOP}
            />
          )}
          {(["left", "right"] as const).map((side) => {
            const axis = axes[side];
            const x = side === "left" ? SIDE : SIDE + inner;
            return axis?.marks.map((mark) => (
              <g key={`${side}${mark}`}>
                {(side === "left" || !axes.left) && (
                  <line
                    className="spine-plot-grid"
                    x1={SIDE}
                    x2={SIDE + inner}
                    y1={axis.y(mark)}
                    y2={axis.y(mark)}
                  />
                )}
                <text
                  x={side === "left" ? x - 8 : x + 8}
                  y={axis.y(mark)}
                  dy="0.32em"
                  textAnchor={side === "left" ? "end" : "start"}
                >
                  {display.compact(mark)}
                </text>
              </g>
            ));
          })}
          {places.map(({ point, index }) =>
            // The one at the cursor takes the room of those beside it.
            index === at || (index % every === 0 && (at === null || Math.abs(index - at) >= every)) ? (
              <text
                key={index}
                className={index === at ? "spine-plot-here" : undefined}
                x={middle(index)}
                y={height - 6}
                textAnchor="middle"
              >
                {point}
              </text>
            ) : null,
          )}
          {series.map((one, number) => {
            const axis = axes[one.axis ?? "left"];
            if (!axis) return null;
            const shift = (bars.indexOf(one) - bars.length / 2) * thick;
            return (
              <g key={one.id} data-series={number + 1} data-kind={one.kind}>
                <Marks
                  one={one}
                  axis={axis}
                  places={places}
                  middle={middle}
                  shift={shift}
                  thick={thick}
                  at={at}
                />
              </g>
            );
          })}
        </svg>
      </div>
    </>
  );
}

interface MarksProps {
  readonly one: Series;
  readonly axis: Axis;
  readonly places: readonly Place[];
  readonly middle: (index: number) => number;
  /** From the middle of a point to where its bar begins. */
  readonly shift: number;
  readonly thick: number;
  readonly at: number | null;
}

function Marks({ one, axis, places, middle, shift, thick, at }: MarksProps) {
  const values = places.map(({ index }) => ({ index, value: one.values[index] ?? null }));
  if (one.kind === "bar")
    return values.map(({ index, value }) =>
      value === null ? null : (
        <rect
          key={index}
          x={middle(index) + shift + 0.5}
          y={Math.min(axis.y(value), axis.y(0))}
          width={Math.max(1, thick - 1)}
          height={Math.abs(axis.y(0) - axis.y(value))}
          rx={Math.min(3, thick / 4)}
        />
      ),
    );
  const dot = ({ index, value }: (typeof values)[number]) =>
    value === null ? null : (
      <circle key={index} cx={middle(index)} cy={axis.y(value)} r={index === at ? 4.5 : 3.5} />
    );
  if (one.kind === "dot") return values.map(dot);
  const path = line<(typeof values)[number]>()
    .defined(({ value }) => value !== null)
    .x(({ index }) => middle(index))
    .y(({ value }) => axis.y(value ?? 0));
  return (
    <>
      <path d={path(values) ?? ""} />
      {/* A value between two that are missing has no line: its dot shows it. */}
      {values.filter(({ index }) => index === at || isAlone(one.values, index)).map(dot)}
    </>
  );
}

interface Place {
  readonly point: string;
  readonly index: number;
}

/** Points have no name of their own: two may be called the same. */
export function placesOf(points: readonly string[]): readonly Place[] {
  return points.map((point, index) => ({ point, index }));
}

interface Axis {
  readonly marks: readonly number[];
  readonly y: (value: number) => number;
}

/**
 * Null where nothing is read from it. Beside bars everything begins at zero, as they do: lines and bars can be compared then.
 *
 * @param count how many marks the other axis has: both share its lines.
 */
function axisOf(series: readonly Series[], side: "left" | "right", bottom: number, count = 0): Axis | null {
  const own = series.filter(({ axis = "left" }) => axis === side);
  if (own.length === 0) return null;
  let [least, most] = series.some(({ kind }) => kind === "bar") ? [0, 0] : [Infinity, -Infinity];
  for (const { values } of own)
    for (const value of values)
      if (value !== null) [least, most] = [Math.min(least, value), Math.max(most, value)];
  if (least > most) [least, most] = [0, 1];
  if (least === most) [least, most] = [Math.min(0, least), Math.max(least === 0 ? 1 : 0, most)];
  const marks = count > 1 ? alignedTicks(least, most, count) : ticks(...nice(least, most, MARKS), MARKS);
  const [from = 0, to = 1] = [marks[0], marks.at(-1)];
  const y = (value: number) => bottom - ((value - from) / (to - from)) * (bottom - TOP);
  return { marks, y };
}

const STEPS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100];

/** So many marks, as round as can be, that the values lie between. */
function alignedTicks(least: number, most: number, count: number): readonly number[] {
  const power = 10 ** Math.floor(Math.log10((most - least) / (count - 1)));
  const isWide = (step: number) => Math.floor(least / step) * step + (count - 1) * step >= most;
  const step = power * (STEPS.find((each) => isWide(each * power)) ?? 100);
  return Array.from({ length: count }, (_, index) => (Math.floor(least / step) + index) * step);
}

function isAlone(values: readonly (number | null)[], index: number): boolean {
  return (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
}

function longest(points: readonly string[]): number {
  return points.reduce((most, { length }) => Math.max(most, length), 0);
}

function useWidth(of: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(WIDTH);
  useEffect(() => {
    const element = of.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(([entry]) => {
      const found = Math.round(entry?.contentRect.width ?? 0);
      if (found > 0) setWidth(found);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [of]);
  return width;
}
