import { PipelineStatusCard } from "./pipeline-status-card.tsx";
import { RunActions } from "./run-actions.tsx";
import {
  ago,
  completedRun,
  failedRun,
  httpError,
  notFound,
  pendingRun,
  runningRun,
  waitingRun,
} from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "PipelineStatusCard", component: PipelineStatusCard } satisfies Meta;

const act = () => Promise.resolve({ execution_id: "" });

export const Running: Story = {
  render: () => (
    <PipelineStatusCard
      run={runningRun}
      connection="live"
      actions={<RunActions actions={runningRun.allowed_actions} act={act} />}
    />
  ),
};
export const Completed: Story = { render: () => <PipelineStatusCard run={completedRun} timeline="timed" /> };
export const Failed: Story = {
  render: () => (
    <PipelineStatusCard
      run={failedRun}
      actions={<RunActions actions={failedRun.allowed_actions} act={act} />}
    />
  ),
};
export const Waiting: Story = { render: () => <PipelineStatusCard run={waitingRun} timeline="waterfall" /> };
export const Pending: Story = { render: () => <PipelineStatusCard run={pendingRun} timeline={false} /> };
export const Empty: Story = { render: () => <PipelineStatusCard run={undefined} /> };
export const Loading: Story = { render: () => <PipelineStatusCard run={undefined} isLoading /> };
export const NotFound: Story = {
  render: () => <PipelineStatusCard run={undefined} error={notFound} refetch={() => {}} />,
};
export const Failing: Story = {
  render: () => <PipelineStatusCard run={undefined} error={httpError} refetch={() => {}} />,
};
export const Stale: Story = {
  render: () => (
    <PipelineStatusCard
      run={runningRun}
      isStale
      lastUpdated={new Date(ago(20))}
      refetch={() => {}}
      timeline={false}
    />
  ),
};
