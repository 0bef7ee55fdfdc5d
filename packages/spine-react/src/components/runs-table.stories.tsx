import { RunsTable } from "./runs-table.tsx";
import { httpError, runs } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "RunsTable", component: RunsTable } satisfies Meta;

export const Runs: Story = {
  render: () => <RunsTable runs={runs} hrefOf={(id) => `#${id}`} hasMore fetchMore={() => {}} />,
};
export const Buttons: Story = {
  render: () => <RunsTable title="Recent" runs={runs.slice(0, 2)} onOpen={() => {}} />,
};
export const OfOnePipeline: Story = {
  render: () => (
    <RunsTable title="Weeks" runs={runs.slice(0, 2)} nameBy="partition" hrefOf={(id) => `#${id}`} />
  ),
};
export const Empty: Story = { render: () => <RunsTable runs={[]} /> };
export const Loading: Story = { render: () => <RunsTable runs={[]} isLoading /> };
export const Failing: Story = { render: () => <RunsTable runs={[]} error={httpError} refetch={() => {}} /> };
export const Stale: Story = {
  render: () => <RunsTable title="Stale runs" runs={runs} isStale error={httpError} refetch={() => {}} />,
};
