import { PartitionGrid } from "./partition-grid.tsx";
import { cells, httpError } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "PartitionGrid", component: PartitionGrid } satisfies Meta;

export const Weeks: Story = {
  render: () => <PartitionGrid title="finra_otc_weekly" cells={cells} onBackfill={() => {}} />,
};
export const OneDimension: Story = {
  render: () => (
    <PartitionGrid
      title="prices_daily"
      cells={cells
        .filter(({ partition }) => partition.tier === "T1")
        .map((cell) => ({ ...cell, key: cell.start, partition: { week: cell.start } }))}
    />
  ),
};
export const Empty: Story = { render: () => <PartitionGrid cells={[]} /> };
export const Loading: Story = { render: () => <PartitionGrid cells={[]} isLoading /> };
export const Failing: Story = {
  render: () => <PartitionGrid cells={[]} error={httpError} refetch={() => {}} />,
};
export const Stale: Story = {
  render: () => <PartitionGrid title="Stale weeks" cells={cells} isStale refetch={() => {}} />,
};
