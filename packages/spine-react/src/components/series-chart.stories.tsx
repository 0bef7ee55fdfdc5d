import { SeriesChart } from "./series-chart.tsx";
import { httpError } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "SeriesChart", component: SeriesChart } satisfies Meta;

const weeks = Array.from({ length: 26 }, (_, index) =>
  new Date(Date.UTC(2026, 4, 25 + index * 7)).toISOString().slice(0, 10),
);
const volume = weeks.map((_, index) =>
  Math.round(1.9e9 + Math.sin(index / 3) * 4.4e8 + ((index * 7919) % 97) * 3e6),
);
const trades = weeks.map((_, index) =>
  index === 9 ? null : Math.round(1.2e6 + Math.cos(index / 4) * 2.1e5 + ((index * 31) % 17) * 8e3),
);
const chart = { title: "Volume by week", pointsLabel: "Week", points: weeks } as const;

export const BarsAndLine: Story = {
  render: () => (
    <SeriesChart
      {...chart}
      series={[
        { id: "shares", label: "Shares", kind: "bar", values: volume },
        { id: "trades", label: "Trades", kind: "line", axis: "right", values: trades },
      ]}
    />
  ),
};
export const BarsAndDots: Story = {
  render: () => (
    <SeriesChart
      title="Volume by symbol"
      pointsLabel="Symbol"
      points={["AAA", "BBB", "CCC", "DDD"]}
      series={[
        { id: "shares", label: "Shares", kind: "bar", values: [9e6, 4e6, 3e6, 1e6] },
        { id: "trades", label: "Trades", kind: "dot", axis: "right", values: [8_100, 5_200, null, 900] },
      ]}
    />
  ),
};
export const Lines: Story = {
  render: () => (
    <SeriesChart
      {...chart}
      title="Three lines"
      series={[1, 0.8, 0.55].map((part, index) => ({
        id: String(index),
        label: `Tier ${index + 1}`,
        kind: "line" as const,
        values: volume.map((value) => value * part - 1.4e9),
      }))}
    />
  ),
};
export const TwoBars: Story = {
  render: () => (
    <SeriesChart
      {...chart}
      title="Gains and losses"
      points={weeks.slice(0, 8)}
      series={[
        { id: "a", label: "Gains", kind: "bar", values: [3, 5, -2, 7, 0, -4, 6, null] },
        { id: "b", label: "Losses", kind: "bar", values: [-1, 2, 2, -3, 4, 4, -1, 2] },
      ]}
    />
  ),
};
export const OnePoint: Story = {
  render: () => (
    <SeriesChart
      {...chart}
      title="One week"
      points={weeks.slice(0, 1)}
      series={[{ id: "a", label: "Shares", kind: "bar", values: [12] }]}
    />
  ),
};
const nothing = { ...chart, points: [], series: [] } as const;
export const Empty: Story = { render: () => <SeriesChart {...nothing} /> };
export const Loading: Story = { render: () => <SeriesChart {...nothing} isLoading /> };
export const Failing: Story = {
  render: () => <SeriesChart {...nothing} error={httpError} refetch={() => {}} />,
};
export const Stale: Story = {
  render: () => (
    <SeriesChart
      {...chart}
      title="Volume, stale"
      isStale
      refetch={() => {}}
      series={[{ id: "shares", label: "Shares", kind: "bar", values: volume }]}
    />
  ),
};
