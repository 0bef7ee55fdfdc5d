import { SpineHttpError } from "spine-http/client";
import { LaunchForm } from "./launch-form.tsx";
import { httpError, paramsSchema, problem } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "LaunchForm", component: LaunchForm } satisfies Meta;

const form = { name: "finra.otc_transparency.ingest_week", start: () => Promise.resolve() } as const;
const refused = new SpineHttpError(
  422,
  {
    ...problem,
    title: "The parameters do not fit",
    status: 422,
    code: "invalid-params",
    retryable: false,
    errors: [
      { path: "/params/week_ending", code: "custom", message: "No week ends on that day." },
      { path: "/params/source/url", code: "invalid_format", message: "Is no URL." },
    ],
  },
  null,
);

export const Fields: Story = { render: () => <LaunchForm {...form} schema={paramsSchema} /> };
export const Prefilled: Story = {
  render: () => (
    <LaunchForm
      {...form}
      title="Run again"
      schema={paramsSchema}
      initial={{ tier: "T2", week_ending: "2026-11-20", symbols: ["AAPL", "BRK.A"], dry: true }}
    />
  ),
};
export const Refused: Story = {
  render: () => <LaunchForm {...form} title="Refused" schema={paramsSchema} startError={refused} />,
};
export const AsJson: Story = {
  render: () => <LaunchForm {...form} title="Any parameters" schema={{ type: "object" }} />,
};
export const NoParameters: Story = {
  render: () => <LaunchForm {...form} title="Nothing to say" schema={{ type: "object", properties: {} }} />,
};
export const Pending: Story = {
  render: () => (
    <LaunchForm {...form} title="Under way" schema={{ type: "object", properties: {} }} isPending />
  ),
};
export const NetworkFailure: Story = {
  render: () => (
    <LaunchForm
      {...form}
      title="Not started"
      schema={{ type: "object", properties: {} }}
      startError={httpError}
    />
  ),
};
export const Loading: Story = { render: () => <LaunchForm {...form} schema={undefined} isLoading /> };
export const Failing: Story = {
  render: () => <LaunchForm {...form} schema={undefined} error={httpError} refetch={() => {}} />,
};
