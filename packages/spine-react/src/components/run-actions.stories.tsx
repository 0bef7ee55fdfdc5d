import { RunActions } from "./run-actions.tsx";
import { ACTIONS, httpError } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "RunActions", component: RunActions } satisfies Meta;

const act = () => Promise.resolve({ execution_id: "" });

export const Allowed: Story = { render: () => <RunActions actions={ACTIONS} act={act} /> };
export const Refused: Story = { render: () => <RunActions actions={ACTIONS} act={act} showRefused /> };
export const Pending: Story = { render: () => <RunActions actions={ACTIONS} act={act} pending="pause" /> };
export const Failing: Story = { render: () => <RunActions actions={ACTIONS} act={act} error={httpError} /> };
export const None: Story = { render: () => <RunActions actions={[]} act={act} /> };
