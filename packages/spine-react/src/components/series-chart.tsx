import type { ReactNode } from "react";
import { Plot, placesOf, type Series } from "./chart-plot.tsx";
import { useDisplay } from "./display.ts";
import { type CardLook, Panel, type ViewState } from "./panel.tsx";
import { Table } from "./table.tsx";

export interface SeriesChartProps extends ViewState, CardLook {
  readonly title: string;
  /** What stands below the points, from the first to the last. */
  readonly points: readonly string[];
  /** What points are called in full, where that is longer. */
  readonly names?: readonly (string | null)[] | undefined;
  /** What the points are: the heading of their column. */
  readonly pointsLabel: string;
  readonly series: readonly Series[];
  /** In pixels; 260 when left out. */
  readonly height?: number | undefined;
  /** Beside the heading, e.g. what is drawn. */
  readonly aside?: ReactNode;
  /** What there is to know where there are no points. */
  readonly emptyHint?: string | undefined;
  /** Below the chart, e.g. whose data they are. */
  readonly note?: ReactNode;
}

/**
 * Bars and lines over points, with one or two axes, a cursor for pointer and keyboard, and the data as a table.
 *
 * @example
 * <SeriesChart title="Volume by week" pointsLabel="Week" points={["2025-01-06", "2025-01-13"]}
 *   series={[{ id: "shares", label: "Shares", kind: "bar", values: [1_200, 1_800] },
 *            { id: "trades", label: "Trades", kind: "line", axis: "right", values: [12, 19] }]} />
 */
export function SeriesChart(props: SeriesChartProps) {
  const { text } = useDisplay();
  const {
    title,
    headingLevel,
    className = "",
    points,
    names,
    series,
    pointsLabel,
    height = 260,
    aside,
    emptyHint,
    note,
    ...state
  } = props;
  return (
    <Panel
      title={title}
      headingLevel={headingLevel}
      aside={aside}
      className={`spine-chart ${className}`}
      state={state}
      isEmpty={points.length === 0}
      empty={text("noData")}
      hint={emptyHint ?? text("noDataHint")}
    >
      <Plot title={title} points={points} names={names} series={series} height={height} />
      <details className="spine-details">
        <summary>{text("showTable")}</summary>
        <DataTable title={title} pointsLabel={pointsLabel} points={points} names={names} series={series} />
      </details>
      {note && <p className="spine-hint">{note}</p>}
    </Panel>
  );
}

type DataTableProps = Pick<SeriesChartProps, "title" | "points" | "names" | "pointsLabel" | "series">;

function DataTable({ title, points, names = [], pointsLabel, series }: DataTableProps) {
  const { number } = useDisplay();
  return (
    <Table
      caption={title}
      columns={[{ name: pointsLabel }, ...series.map(({ label }) => ({ name: label, isNumber: true }))]}
    >
      {placesOf(points).map(({ point, index }) => (
        <tr key={index}>
          <th scope="row">
            {point}
            {names[index] && <span className="spine-hint"> {names[index]}</span>}
          </th>
          {series.map(({ id, values, format = number }) => {
            const value = values[index] ?? null;
            return (
              <td key={id} data-number>
                {value === null ? "–" : format(value, index)}
              </td>
            );
          })}
        </tr>
      ))}
    </Table>
  );
}
