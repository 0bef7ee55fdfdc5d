import { RunEventLog } from "./run-event-log.tsx";
import { events, httpError } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "RunEventLog", component: RunEventLog } satisfies Meta;

export const Events: Story = { render: () => <RunEventLog events={events} /> };
export const Empty: Story = { render: () => <RunEventLog events={[]} /> };
export const Loading: Story = { render: () => <RunEventLog events={[]} isLoading /> };
export const Failing: Story = {
  render: () => <RunEventLog events={[]} error={httpError} refetch={() => {}} />,
};
export const Stale: Story = {
  render: () => <RunEventLog title="Stale events" events={events} isStale refetch={() => {}} />,
};
