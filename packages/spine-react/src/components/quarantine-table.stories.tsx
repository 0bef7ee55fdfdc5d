import { QuarantineTable } from "./quarantine-table.tsx";
import { httpError, rejects } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "QuarantineTable", component: QuarantineTable } satisfies Meta;

const done = () => Promise.resolve();

export const Rejects: Story = {
  render: () => (
    <QuarantineTable rejects={rejects} discard={done} redrive={done} hasMore fetchMore={() => {}} />
  ),
};
export const ReadOnly: Story = { render: () => <QuarantineTable title="Only to read" rejects={rejects} /> };
export const Empty: Story = { render: () => <QuarantineTable rejects={[]} discard={done} /> };
export const Loading: Story = { render: () => <QuarantineTable rejects={[]} isLoading /> };
export const Failing: Story = {
  render: () => <QuarantineTable rejects={[]} error={httpError} refetch={() => {}} />,
};
export const Stale: Story = {
  render: () => <QuarantineTable title="Stale rows" rejects={rejects} isStale />,
};
