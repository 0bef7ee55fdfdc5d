import { AlertsPanel } from "./alerts-panel.tsx";
import { alertGroups, httpError } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "AlertsPanel", component: AlertsPanel } satisfies Meta;

const done = () => Promise.resolve();

export const Firing: Story = {
  render: () => (
    <AlertsPanel groups={alertGroups} acknowledge={done} resolve={done} hrefOf={(id) => `#${id}`} />
  ),
};
export const Quiet: Story = { render: () => <AlertsPanel groups={[]} /> };
export const Loading: Story = { render: () => <AlertsPanel groups={[]} isLoading /> };
export const Failing: Story = {
  render: () => <AlertsPanel groups={[]} error={httpError} refetch={() => {}} />,
};
export const Stale: Story = {
  render: () => <AlertsPanel title="Stale alerts" groups={alertGroups} isStale />,
};
