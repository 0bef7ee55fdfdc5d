import { ScheduleManager } from "./schedule-manager.tsx";
import { httpError, schedules } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "ScheduleManager", component: ScheduleManager } satisfies Meta;

const done = () => Promise.resolve();

export const Schedules: Story = {
  render: () => <ScheduleManager schedules={schedules} pause={done} resume={done} trigger={done} />,
};
export const ReadOnly: Story = {
  render: () => <ScheduleManager title="Only to read" schedules={schedules} />,
};
export const Empty: Story = { render: () => <ScheduleManager schedules={[]} /> };
export const Loading: Story = { render: () => <ScheduleManager schedules={[]} isLoading /> };
export const Failing: Story = {
  render: () => <ScheduleManager schedules={[]} error={httpError} refetch={() => {}} />,
};
export const Stale: Story = {
  render: () => <ScheduleManager title="Stale schedules" schedules={schedules} isStale refetch={() => {}} />,
};
