import { StepTimeline } from "./step-timeline.tsx";
import {
  ago,
  completedRun,
  failedRun,
  httpError,
  longRun,
  pendingRun,
  runningRun,
  waitingRun,
} from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "StepTimeline", component: StepTimeline } satisfies Meta;

export const List: Story = { render: () => <StepTimeline run={runningRun} mode="list" /> };
export const Waterfall: Story = { render: () => <StepTimeline run={runningRun} mode="waterfall" /> };
export const Timed: Story = { render: () => <StepTimeline run={runningRun} mode="timed" /> };
export const Completed: Story = { render: () => <StepTimeline run={completedRun} mode="timed" /> };
export const Failed: Story = { render: () => <StepTimeline run={failedRun} mode="waterfall" /> };
export const Waiting: Story = { render: () => <StepTimeline run={waitingRun} mode="timed" /> };
export const Queued: Story = { render: () => <StepTimeline run={pendingRun} mode="timed" /> };
export const InnerSteps: Story = {
  render: () => <StepTimeline run={{ ...longRun, steps: longRun.steps.slice(0, 12) }} mode="timed" />,
};
export const Empty: Story = { render: () => <StepTimeline run={{ ...pendingRun, steps: [] }} /> };
export const Loading: Story = { render: () => <StepTimeline run={undefined} isLoading /> };
export const Failing: Story = {
  render: () => <StepTimeline run={undefined} error={httpError} refetch={() => {}} />,
};
export const Stale: Story = {
  render: () => <StepTimeline run={runningRun} isStale lastUpdated={new Date(ago(20))} refetch={() => {}} />,
};
