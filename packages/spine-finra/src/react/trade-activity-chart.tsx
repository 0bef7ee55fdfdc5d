import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSpine } from "spine-react";
import { Segments, SeriesChart, type ViewState } from "spine-react/components";
import type { FinraWeek, FinraWeeks } from "../client/finra-api.ts";
import type { TierName } from "../tiers.ts";
import { ACTIVITY_BY, type ActivityBy, activityPoints } from "./activity-series.ts";
import { finraQueries } from "./finra-queries.ts";
import { type FinraLabels, finraTexts } from "./labels.ts";

interface Shown {
  readonly title?: string;
  readonly headingLevel?: 2 | 3 | 4;
  /** Of the plot, in pixels. */
  readonly height?: number;
  readonly labels?: Partial<FinraLabels>;
}

/** Data that are there already, e.g. on a server. */
interface GivenActivity extends Shown {
  /** What `finraApi(…).weeks` or `.week` has answered. */
  readonly data: FinraWeek | FinraWeeks;
  /** Which of a week's lists is drawn: `symbol` when left out. */
  readonly by?: ActivityBy;
}

/** Data that the chart asks for. */
interface AskedActivity extends Shown {
  readonly data?: undefined;
  readonly tier: TierName;
  /** Any day of the week that symbols and venues are shown of; weeks only when left out. */
  readonly week_ending?: string;
  /** What it begins with; people can change it. */
  readonly by?: ActivityBy;
  /** The most points. */
  readonly limit?: number;
  /** False: nothing is asked yet. */
  readonly enabled?: boolean;
}

export type TradeActivityChartProps = GivenActivity | AskedActivity;

/** Whatever the host's QueryClient does by default: errors are shown here, and nothing stands under the name of another week. */
const OWN_OPTIONS = { throwOnError: false, placeholderData: () => undefined, refetchOnMount: true } as const;
const WEEKS = 26;
const LARGEST = 12;

/**
 * What was traded over the counter: shares as bars, trades as a line, over the weeks that are loaded, or over the largest symbols or
 * venues of one week; with a cursor and the exact figures as a table. It says whose data they are, and whether they are a sample.
 *
 * @example
 * const asked = <TradeActivityChart tier="T1" week_ending="2026-03-06" by="venue" />;
 * // On a server, with what `finraApi(client).weeks({ tier: "T1" })` has answered:
 * const given = <TradeActivityChart data={weeks} />;
 */
export function TradeActivityChart(props: TradeActivityChartProps) {
  if (props.data === undefined) return <Asked {...props} />;
  const by = "items" in props.data ? "week" : props.by === "venue" ? "venue" : "symbol";
  return <Drawn {...props} by={by} />;
}

function Asked(props: AskedActivity) {
  const { tier, week_ending, limit, enabled = true, labels, ...shown } = props;
  const { client, queryClient } = useSpine();
  const [chosen, choose] = useState(props.by ?? "week");
  const by = week_ending === undefined ? "week" : chosen;
  const finra = finraQueries(client);
  const weeks = useQuery(
    { ...OWN_OPTIONS, ...finra.weeks({ tier, limit: limit ?? WEEKS }), enabled: enabled && by === "week" },
    queryClient,
  );
  const week = useQuery(
    {
      ...OWN_OPTIONS,
      ...finra.week({ tier, week_ending: week_ending ?? "", limit: limit ?? LARGEST }),
      enabled: enabled && by !== "week",
    },
    queryClient,
  );
  const { data, error, isFetching, isLoadingError, isRefetchError, dataUpdatedAt, refetch } =
    by === "week" ? weeks : week;
  const text = finraTexts(labels);
  const options = ACTIVITY_BY.map((value) => ({
    value,
    label: text(value === "week" ? "byWeek" : value === "symbol" ? "bySymbol" : "byVenue"),
  }));
  return (
    <Drawn
      {...shown}
      labels={labels ?? {}}
      data={data}
      by={by}
      tier={tier}
      state={{
        isLoading: data === undefined && isFetching,
        error: isLoadingError ? error : null,
        isStale: isRefetchError,
        lastUpdated: dataUpdatedAt > 0 ? new Date(dataUpdatedAt) : null,
        refetch,
      }}
      aside={
        week_ending === undefined ? undefined : (
          <Segments legend={text("by")} options={options} value={by} onChange={choose} isCompact />
        )
      }
    />
  );
}

interface DrawnProps extends Shown {
  readonly data: FinraWeek | FinraWeeks | undefined;
  readonly by: ActivityBy;
  readonly tier?: string;
  readonly state?: ViewState;
  readonly aside?: ReactNode;
}

function Drawn({
  data,
  by,
  tier = data?.tier ?? "",
  state,
  aside,
  labels,
  title,
  headingLevel,
  height,
}: DrawnProps) {
  const text = finraTexts(labels);
  const points = data ? activityPoints(data, by) : [];
  const week = data && "week_ending" in data ? data.week_ending : "";
  return (
    <SeriesChart
      {...state}
      title={title ?? text(by === "week" ? "chartTitle" : "chartTitleWeek", { tier, week })}
      headingLevel={headingLevel}
      height={height}
      aside={aside}
      points={points.map(({ point }) => point)}
      names={points.map(({ name }) => name)}
      pointsLabel={text(by)}
      series={[
        {
          id: "shares",
          label: text("shares"),
          kind: "bar",
          // A drawing needs no more than a double has; what is written is exact.
          values: points.map(({ shares }) => (shares === null ? null : Number(shares))),
          format: (_, index) => exact(points[index]?.shares ?? ""),
        },
        {
          id: "trades",
          label: text("trades"),
          // Weeks follow each other; symbols and venues do not.
          kind: by === "week" ? "line" : "dot",
          axis: "right",
          values: points.map(({ trades }) => trades),
        },
      ]}
      emptyHint={text(by === "week" ? "noWeeks" : "notLoaded")}
      note={data?.attribution}
    />
  );
}

/** An exact decimal with its thousands apart. */
function exact(decimal: string): string {
  const [whole = "", fraction] = decimal.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}
