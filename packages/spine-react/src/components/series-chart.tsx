import { Plot, placesOf, type Series } from "./chart-plot.tsx";
import { useDisplay } from "./display.ts";
import { Panel, type ViewState } from "./panel.tsx";
import { Table } from "./table.tsx";

export interface SeriesChartProps extends ViewState {
  readonly title: string;
  readonly headingLevel?: 2 | 3 | 4 | undefined;
  /** What stands below the points, from the first to the last. */
  readonly points: readonly string[];
  /** What the points are: the heading of their column. */
  readonly pointsLabel: string;
  readonly series: readonly Series[];
  /** In pixels; 260 when left out. */
  readonly height?: number | undefined;
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
  const { title, headingLevel, points, series, pointsLabel, height = 260, ...state } = props;
  return (
    <Panel
      title={title}
      headingLevel={headingLevel}
      className="spine-chart"
      state={state}
      isEmpty={points.length === 0}
      empty={text("noData")}
      hint={text("noDataHint")}
    >
      <Plot title={title} points={points} series={series} height={height} />
      <details className="spine-details">
        <summary>{text("showTable")}</summary>
        <DataTable title={title} pointsLabel={pointsLabel} points={points} series={series} />
      </details>
    </Panel>
  );
}

type DataTableProps = Pick<SeriesChartProps, "title" | "points" | "pointsLabel" | "series">;

function DataTable({ title, points, pointsLabel, series }: DataTableProps) {
  const { number } = useDisplay();
  return (
    <Table
      caption={title}
      columns={[{ name: pointsLabel }, ...series.map(({ label }) => ({ name: label, isNumber: true }))]}
    >
      {placesOf(points).map(({ point, index }) => (
        <tr key={index}>
          <th scope="row">{point}</th>
          {series.map(({ id, values, format = number }) => {
            const value = values[index] ?? null;
            return (
              <td key={id} data-number>
                {value === null ? "–" : format(value)}
              </td>
            );
          })}
        </tr>
      ))}
    </Table>
  );
}
