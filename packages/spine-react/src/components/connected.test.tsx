// @vitest-environment jsdom
// Every component by id, on a page that talks with a real Spine behind a real server.
import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import type { ReactNode } from "react";
import { createClient } from "spine-http/client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { SpineProvider } from "../provider.tsx";
import { broken, flaky, gated, rows } from "../testing/demo.ts";
import "../testing/dom.ts";
import { openDemo, type Served } from "../testing/serve.ts";
import {
  AlertsPanel,
  LaunchForm,
  PartitionGrid,
  PipelineStatusCard,
  QualityPanel,
  QuarantineTable,
  RunActions,
  RunEventLog,
  RunsTable,
  ScheduleManager,
  StatusAnnouncer,
  StepTimeline,
} from "./index.ts";

let served: Served;
beforeAll(async () => {
  served = await openDemo();
});
afterAll(() => served.close());

function show(children: ReactNode) {
  return render(
    <SpineProvider client={createClient({ baseUrl: served.url })} locale="en-GB" timeZone="UTC">
      {children}
    </SpineProvider>,
  );
}

test("a pipeline is started by its form, and its card, timeline and log follow it to the end", async () => {
  const started = vi.fn();
  show(<LaunchForm pipeline="demo.report" onStarted={started} />);
  fireEvent.change(await screen.findByLabelText(/^Day/), { target: { value: "2026-01-05" } });
  fireEvent.click(screen.getByRole("button", { name: "Start" }));
  await waitFor(() => expect(started).toHaveBeenCalledOnce());
  const id = started.mock.calls[0]?.[0].execution_id as string;
  show(
    <>
      <PipelineStatusCard runId={id} timeline={false} />
      <StepTimeline runId={id} mode="timed" />
      <RunEventLog runId={id} />
      <StatusAnnouncer runId={id} />
    </>,
  );
  expect(await screen.findByText("Completed")).toBeTruthy();
  expect(screen.getByText("1 of 1 steps")).toBeTruthy();
  expect((await screen.findByText("count")).closest("li")?.dataset.status).toBe("COMPLETED");
  expect(await screen.findByText("run.completed")).toBeTruthy();
});

test("a run that failed is retried from its buttons: the same run goes on, without its first step", async () => {
  flaky.isMended = false;
  const run = await served.spine.run(broken, {});
  await expect(run.result()).rejects.toThrow();
  show(<PipelineStatusCard runId={run.id} actions={<RunActions runId={run.id} />} />);
  expect((await screen.findAllByText("the disk said no")).length).toBeGreaterThan(0);
  flaky.isMended = true;
  fireEvent.click(await screen.findByRole("button", { name: "Retry" }));
  expect(await screen.findByText("Completed")).toBeTruthy();
  expect(await screen.findByText("2 of 2 steps")).toBeTruthy();
  expect(screen.getByText("attempt 2")).toBeTruthy();
});

test("a run that waits is cancelled, once somebody has said so twice", async () => {
  const run = await served.spine.run(gated, {});
  show(<PipelineStatusCard runId={run.id} actions={<RunActions runId={run.id} />} />);
  expect(await screen.findByText("Waiting")).toBeTruthy();
  fireEvent.click(await screen.findByRole("button", { name: "Cancel" }));
  fireEvent.click(screen.getByRole("button", { name: "Cancel run" }));
  expect(await screen.findByText("Cancelled")).toBeTruthy();
});

test("rows that were refused, what the checks found, the run in the list, and its partition in the grid", async () => {
  const run = await served.spine.run(rows, { week: "2025-01-06" });
  await run.result();
  show(
    <>
      <QuarantineTable runId={run.id} />
      <QualityPanel runId={run.id} />
      <RunsTable filter={{ pipeline: "demo.rows" }} hrefOf={(id) => `/runs/${id}`} />
      <PartitionGrid table="react_trades" from="2025-01-06" to="2025-01-20" />
    </>,
  );
  expect(await screen.findByText("The row has no symbol.")).toBeTruthy();
  expect(await screen.findByText("0 of 1 passed")).toBeTruthy();
  expect((await screen.findByRole("link", { name: "demo.rows" })).getAttribute("href")).toBe(
    `/runs/${run.id}`,
  );
  expect(await screen.findByRole("button", { name: /6 Jan 2025, Ready, 2 rows/ })).toBeTruthy();
  const missing = await screen.findByRole("button", { name: /13 Jan 2025, Missing/ });
  fireEvent.click(missing);
  fireEvent.click(screen.getByRole("button", { name: "Backfill…" }));
  const dialog = within(screen.getByRole("dialog"));
  fireEvent.click(dialog.getByRole("button", { name: "Preview" }));
  expect(await dialog.findByText("1 run would start.")).toBeTruthy();
  fireEvent.click(dialog.getByRole("button", { name: "Start backfill" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await waitFor(() =>
    expect(screen.getByRole("button", { name: /13 Jan 2025, (Running|Ready)/ })).toBeTruthy(),
  );
});

test("a schedule is paused and goes on; an alert is taken on and resolved", async () => {
  await served.spine.schedules.create({
    name: "nightly",
    workflow: "demo.report",
    cron: "0 3 * * *",
    params: { day: "2026-01-05" },
  });
  flaky.isMended = false;
  await expect((await served.spine.run(broken, {})).result()).rejects.toThrow();
  show(
    <>
      <ScheduleManager />
      <AlertsPanel />
    </>,
  );
  fireEvent.click(await screen.findByRole("button", { name: "Pause nightly" }));
  fireEvent.click(await screen.findByRole("button", { name: "Resume nightly" }));
  expect(await screen.findByRole("button", { name: "Pause nightly" })).toBeTruthy();
  fireEvent.click(await screen.findByRole("button", { name: /^Acknowledge: / }));
  expect(await screen.findByText(/^Acknowledged by /)).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: /^Resolve: / }));
  expect(await screen.findByText("All quiet")).toBeTruthy();
});

test("a run that there is not says so, and is not asked for again by a button", async () => {
  show(<PipelineStatusCard runId="01900000-0000-7000-8000-000000000000" />);
  expect((await screen.findByRole("alert")).textContent).toContain("not-found");
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
});
