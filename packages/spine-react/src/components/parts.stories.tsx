import { Card, CardContent } from "./card.tsx";
import { ErrorBanner, ErrorMessage } from "./error-banner.tsx";
import { Segments } from "./segments.tsx";
import { Spinner } from "./spinner.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { httpError, notFound } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "Parts", component: StatusBadge } satisfies Meta;

const STATUSES =
  "PENDING RUNNING WAITING PAUSED COMPLETED FAILED CANCELLED SKIPPED PASS WARN FAIL ERROR READY MISSING NOT_DUE ACTIVE DISABLED ENDED INFO WARNING CRITICAL UNHEARD_OF";

export const Badges: Story = {
  render: () => (
    <Card title="StatusBadge">
      <CardContent>
        <p>
          {STATUSES.split(" ").map((status) => (
            <span key={status}>
              <StatusBadge status={status} />{" "}
            </span>
          ))}
        </p>
      </CardContent>
    </Card>
  ),
};
export const Choice: Story = {
  render: () => (
    <Segments
      legend="Tier"
      options={["T1", "T2", "OTCE"].map((value) => ({ value, label: value }))}
      value="T2"
      onChange={() => {}}
    />
  ),
};
export const Waiting: Story = { render: () => <Spinner /> };
export const Banner: Story = { render: () => <ErrorBanner error={httpError} onRetry={() => {}} /> };
export const BannerWithoutRetry: Story = {
  render: () => <ErrorBanner error={notFound} onRetry={() => {}} />,
};
export const Network: Story = {
  render: () => <ErrorBanner error={new TypeError("Failed to fetch")} onRetry={() => {}} />,
};
export const Message: Story = {
  render: () => (
    <ErrorMessage code="QUALITY_FAILED" category="DATA_QUALITY">
      {"The shares of venue XNAS add up to 0.9312.\nA second line says more."}
    </ErrorMessage>
  ),
};
