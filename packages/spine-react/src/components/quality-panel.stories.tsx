import { QualityPanel } from "./quality-panel.tsx";
import { httpError, quality } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "QualityPanel", component: QualityPanel } satisfies Meta;

export const Mixed: Story = { render: () => <QualityPanel results={quality} /> };
export const Empty: Story = { render: () => <QualityPanel results={[]} /> };
export const Loading: Story = { render: () => <QualityPanel results={[]} isLoading /> };
export const Failing: Story = {
  render: () => <QualityPanel results={[]} error={httpError} refetch={() => {}} />,
};
export const Stale: Story = { render: () => <QualityPanel results={quality.slice(0, 1)} isStale /> };
