// @vitest-environment jsdom
import { act, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { SpineHttpError, type Status } from "spine-http/client";
import { afterEach, expect, test, vi } from "vitest";
import "../testing/dom.ts";
import { DisplayContext } from "./display-context.ts";
import {
  LaunchForm,
  PipelineStatusCard,
  QuarantineTable,
  RunActions,
  StatusAnnouncer,
  StatusBadge,
  StepTimeline,
  Toaster,
  useRunToasts,
  useToast,
} from "./index.ts";
import {
  ACTIONS,
  completedRun,
  failedRun,
  httpError,
  paramsSchema,
  problem,
  rejects,
  runningRun,
} from "./testing/fixtures.ts";
import { toastStore } from "./toast-store.ts";

afterEach(() => toastStore.clear());

function elapse(ms: number): void {
  act(() => {
    vi.advanceTimersByTime(ms);
  });
}

test("texts are replaced, with the plural forms of their language", () => {
  const labels = {
    status_FAILED: "Nieudany",
    rows_one: "{count} wiersz",
    rows_few: "{count} wiersze",
    rows_other: "{count} wierszy",
  };
  render(
    <DisplayContext.Provider value={{ locale: "pl", labels }}>
      <StatusBadge status="FAILED" />
      <StepTimeline
        run={{
          ...completedRun,
          steps: completedRun.steps.map((step) =>
            step.rows ? { ...step, rows: { in: 3, out: 3, rejected: 0 } } : step,
          ),
        }}
        mode="list"
      />
    </DisplayContext.Provider>,
  );
  expect(screen.getByText("Nieudany")).toBeTruthy();
  expect(screen.getAllByText("3 wiersze").length).toBeGreaterThan(1);
});

test("times are the reader's once the page lives", () => {
  const run = { ...completedRun, started_at: "2026-11-20T23:30:00.000Z" };
  render(
    <DisplayContext.Provider value={{ locale: "en-GB", timeZone: "Asia/Tokyo" }}>
      <PipelineStatusCard run={run} />
    </DisplayContext.Provider>,
  );
  expect(screen.getByText("21 Nov, 08:30")).toBeTruthy();
});

test("a timeline says everything as text, and is one stop for Tab", () => {
  render(<StepTimeline run={runningRun} mode="timed" />);
  const rows = screen.getAllByRole("button");
  expect(rows).toHaveLength(runningRun.steps.length);
  expect(rows.filter(({ tabIndex }) => tabIndex === 0)).toHaveLength(1);
  expect(rows[0]?.textContent).toMatch(/^fetch, Completed,attempt 3.*7\.4 s$/);
  expect(rows.at(-1)?.textContent).toContain("summary, Pending,");
  rows[0]?.focus();
  fireEvent.keyDown(rows[0] as Element, { key: "End" });
  expect(document.activeElement).toBe(rows.at(-1));
  fireEvent.keyDown(rows.at(-1) as Element, { key: "ArrowUp" });
  expect(document.activeElement).toBe(rows.at(-2));
  expect(rows.filter(({ tabIndex }) => tabIndex === 0)).toEqual([rows.at(-2)]);
  fireEvent.click(rows[0] as Element);
  expect(rows[0]?.getAttribute("aria-expanded")).toBe("true");
  const attempts = within(screen.getByRole("table")).getAllByRole("row");
  expect(attempts).toHaveLength(4);
  expect(attempts[1]?.textContent).toContain("503 Service Unavailable");
});

test("what is to come is hollow, and the line of the present stands between that and what has been, and moves", () => {
  vi.useFakeTimers({ now: Date.now() });
  const { container, rerender } = render(<StepTimeline run={runningRun} mode="timed" />);
  const now = () => Number.parseFloat(container.querySelector(".spine-now line")?.getAttribute("x1") ?? "");
  const [before, pending] = [now(), runningRun.steps.filter(({ status }) => status === "PENDING")];
  const edges = [...container.querySelectorAll(".spine-track rect[data-kind=work]")].map(
    (bar) =>
      Number.parseFloat(bar.getAttribute("x") ?? "") + Number.parseFloat(bar.getAttribute("width") ?? ""),
  );
  expect(before).toBeGreaterThanOrEqual(Math.max(...edges) - 0.1);
  const hollow = [...container.querySelectorAll(".spine-track rect[data-kind=pending]")];
  expect(hollow).toHaveLength(pending.length);
  for (const bar of hollow) expect(Number.parseFloat(bar.getAttribute("x") ?? "")).toBeGreaterThan(before);
  const open = () => container.querySelector(".spine-step[data-status=RUNNING] rect")?.getAttribute("width");
  const [place, width] = [now(), open()];
  elapse(1_000);
  expect(now()).not.toBe(place);
  expect(open()).not.toBe(width);
  rerender(<StepTimeline run={completedRun} mode="timed" />);
  expect(container.querySelector(".spine-now, rect[data-kind=pending]")).toBeNull();
});

test("a step that never ran says so once the run is over", () => {
  render(<StepTimeline run={failedRun} mode="list" />);
  expect(screen.getByText("load").textContent).toContain("did not run");
});

test("toasts: good news go after six seconds, errors stay; what is looked at stays too", () => {
  vi.useFakeTimers();
  const retried = vi.fn();
  let toast: ReturnType<typeof useToast> | undefined;
  function Page() {
    toast = useToast();
    return <Toaster />;
  }
  render(<Page />);
  act(() => {
    toast?.success("Processed 3 records");
    toast?.error(httpError, { onRetry: retried });
    toast?.show({ kind: "error", title: "Short", durationMs: 1 });
  });
  expect(within(screen.getByRole("status")).getByText("Processed 3 records")).toBeTruthy();
  const alert = within(screen.getByRole("alert"));
  expect(alert.getByText(problem.request_id)).toBeTruthy();
  fireEvent.pointerEnter(screen.getByText("Processed 3 records").closest(".spine-toast") as Element);
  elapse(9_900);
  expect(screen.queryByText("Processed 3 records")).toBeTruthy();
  // Nobody reads an error that is gone within ten seconds, whatever was asked for.
  expect(screen.queryByText("Short")).toBeTruthy();
  elapse(200);
  expect(screen.queryByText("Short")).toBeNull();
  fireEvent.pointerLeave(screen.getByText("Processed 3 records").closest(".spine-toast") as Element);
  elapse(6_100);
  expect(screen.queryByText("Processed 3 records")).toBeNull();
  elapse(600_000);
  fireEvent.click(alert.getByRole("button", { name: "Retry" }));
  expect(retried).toHaveBeenCalledOnce();
  expect(screen.queryByText(problem.title)).toBeNull();
});

test("an error that would come again has no retry", () => {
  const refused = new SpineHttpError(403, { ...problem, status: 403, retryable: false }, null);
  let toast: ReturnType<typeof useToast> | undefined;
  function Page() {
    toast = useToast();
    return <Toaster />;
  }
  render(<Page />);
  act(() => void toast?.error(refused, { onRetry: () => {} }));
  expect(screen.queryByRole("button", { name: "Retry" })).toBeNull();
});

test("how a run ended is told once: its records, or why it failed with a retry; not of one that was over before", () => {
  const retried = vi.fn();
  function Page({ run, startedHere }: { readonly run: Status; readonly startedHere?: boolean }) {
    useRunToasts(run, { onRetry: retried, startedHere });
    return <Toaster />;
  }
  const { rerender, unmount } = render(<Page run={runningRun} />);
  rerender(<Page run={completedRun} />);
  rerender(<Page run={{ ...completedRun }} />);
  expect(screen.getAllByText("Processed 18,203 records")).toHaveLength(1);
  rerender(<Page run={{ ...runningRun, execution_id: "b" }} />);
  rerender(<Page run={{ ...failedRun, execution_id: "b" }} />);
  expect(screen.getByRole("alert").textContent).toContain("add up to 0.9312");
  fireEvent.click(screen.getByRole("button", { name: "Retry" }));
  expect(retried).toHaveBeenCalledOnce();
  unmount();
  act(() => {
    toastStore.clear();
  });
  const { unmount: leave } = render(<Page run={completedRun} />);
  expect(screen.getByRole("status").textContent).toBe("");
  leave();
  // A quick one of one's own is over before anybody looks.
  render(<Page run={completedRun} startedHere />);
  expect(screen.getByRole("status").textContent).toContain("Processed 18,203 records");
});

test("a retry that failed again before anybody looked is told, and one that is refused says so", async () => {
  const other = vi.fn();
  const refused = new SpineHttpError(503, { ...problem, title: "The database is away" }, null);
  const retried = vi.fn(() => Promise.reject(refused));
  function Page({ run, onRetry }: { readonly run: Status; readonly onRetry: () => unknown }) {
    useRunToasts(run, { onRetry });
    return <Toaster />;
  }
  const { rerender } = render(<Page run={runningRun} onRetry={retried} />);
  rerender(<Page run={failedRun} onRetry={retried} />);
  const again = { ...failedRun, completed_at: "2026-11-20T23:30:00.000Z", error: "failed again" };
  rerender(<Page run={again} onRetry={retried} />);
  // The first failure is over.
  expect(screen.getAllByText("Run failed")).toHaveLength(1);
  expect(screen.getByText("failed again")).toBeTruthy();
  // It is the failed run that is retried, whatever is shown by then.
  rerender(<Page run={{ ...runningRun, execution_id: "b" }} onRetry={other} />);
  fireEvent.click(screen.getAllByRole("button", { name: "Retry" })[0] as Element);
  await screen.findByText("The database is away");
  expect(other).not.toHaveBeenCalled();
  fireEvent.click(screen.getAllByRole("button", { name: "Retry" }).at(-1) as Element);
  await vi.waitFor(() => expect(retried).toHaveBeenCalledTimes(2));
});

test("that a run has failed is told no more once it goes on", () => {
  function Page({ run }: { readonly run: Status }) {
    useRunToasts(run, { onRetry: () => {}, startedHere: true });
    return <Toaster />;
  }
  const { rerender } = render(<Page run={failedRun} />);
  expect(screen.getByText("Run failed")).toBeTruthy();
  rerender(<Page run={{ ...failedRun, status: "RUNNING", completed_at: null }} />);
  expect(screen.queryByText("Run failed")).toBeNull();
  rerender(<Page run={{ ...completedRun, execution_id: failedRun.execution_id }} />);
  expect(screen.getByText("Processed 18,203 records")).toBeTruthy();
});

test("an approval is asked for by its step; a signal where one is waited for", async () => {
  const sent: unknown[] = [];
  const send = (...done: unknown[]) => {
    sent.push(done);
    return Promise.resolve({ execution_id: "" });
  };
  const waiting = (approve: readonly string[], signal: readonly string[]) =>
    ACTIONS.map((each) =>
      each.action === "approve"
        ? { ...each, allowed: approve.length > 0, targets: [...approve] }
        : each.action === "signal"
          ? { ...each, allowed: true, targets: [...signal] }
          : each,
    );
  const { rerender } = render(<RunActions actions={waiting([], [])} act={send} />);
  expect(screen.queryByRole("button", { name: "Send signal" })).toBeNull();
  rerender(<RunActions actions={waiting(["legal", "review"], ["go"])} act={send} />);
  fireEvent.click(screen.getByRole("button", { name: "Decide" }));
  fireEvent.change(screen.getByLabelText("Step"), { target: { value: "review" } });
  fireEvent.click(screen.getByLabelText("Reject"));
  fireEvent.change(screen.getByLabelText("Comment"), { target: { value: "two rows are wrong" } });
  // Somebody else decides about it meanwhile: the other one is not decided in its place.
  rerender(<RunActions actions={waiting(["legal"], ["go"])} act={send} />);
  fireEvent.click(screen.getByRole("button", { name: "Reject" }));
  expect(sent).toEqual([]);
  rerender(<RunActions actions={waiting(["legal", "review"], ["go"])} act={send} />);
  fireEvent.click(screen.getByRole("button", { name: "Reject" }));
  const decided = { step: "review", approved: false, comment: "two rows are wrong" };
  await waitFor(() => expect(sent).toEqual([["approve", decided]]));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  fireEvent.click(screen.getByRole("button", { name: "Send signal" }));
  expect((screen.getByLabelText("Name") as HTMLInputElement).value).toBe("go");
});

test("who presses a button that is gone by then goes on from where it was", () => {
  const done = () => Promise.resolve({ execution_id: "" });
  const page = (actions: typeof ACTIONS) => (
    <>
      <a href="#before">before</a>
      <RunActions actions={actions} act={done} />
      <Toaster />
    </>
  );
  const only = (...names: readonly string[]) =>
    ACTIONS.map((each) => ({ ...each, allowed: names.includes(each.action) }));
  const { rerender } = render(page(only("retry", "rerun")));
  screen.getByRole("button", { name: "Retry" }).focus();
  rerender(page(only("pause", "cancel")));
  expect(document.activeElement).toBe(screen.getByRole("group", { name: "Actions" }));
  // Who has left it is not called back.
  const pause = screen.getByRole("button", { name: "Pause" });
  pause.focus();
  pause.blur();
  rerender(page(only("rerun")));
  expect(document.activeElement).toBe(document.body);
  const link = screen.getByText("before");
  link.focus();
  act(() => void toastStore.add({ kind: "error", title: "Away" }));
  const dismiss = screen.getByRole("button", { name: "Dismiss: Away" });
  dismiss.focus();
  fireEvent.click(dismiss);
  expect(document.activeElement).toBe(link);
});

test("screen readers hear of changes, together, and of failures at once", () => {
  vi.useFakeTimers();
  const { rerender } = render(<StatusAnnouncer run={runningRun} />);
  const [status, alert] = [screen.getByRole("status"), screen.getByRole("alert")];
  elapse(10_000);
  // What is there at first is no change.
  expect(status.textContent).toBe("");
  const done = (run: Status, name: string): Status => ({
    ...run,
    steps: run.steps.map((step) => (step.name === name ? { ...step, status: "COMPLETED" as const } : step)),
  });
  const first = done(runningRun, "venues/XNAS");
  rerender(<StatusAnnouncer run={first} />);
  rerender(<StatusAnnouncer run={{ ...done(first, "venues"), status: "COMPLETED" }} />);
  elapse(2_900);
  expect(status.textContent).toBe("");
  elapse(200);
  expect(status.textContent).toBe("2 steps completed. finra.otc_transparency.ingest_week: Completed");
  rerender(<StatusAnnouncer run={{ ...failedRun, error: "the disk is full" }} />);
  expect(alert.textContent).toBe("finra.otc_transparency.ingest_week: Failed. the disk is full");
});

test("what cannot be taken back is asked first; what is refused says why", async () => {
  const asked = vi.fn(() => Promise.resolve({ execution_id: "" }));
  render(<RunActions actions={ACTIONS} act={asked} showRefused />);
  const resume = screen.getByRole("button", { name: "Resume" });
  expect(resume.getAttribute("aria-disabled")).toBe("true");
  expect(resume.getAttribute("title")).toBe("The run has not ended.");
  fireEvent.click(resume);
  expect(asked).not.toHaveBeenCalled();
  fireEvent.click(screen.getByRole("button", { name: "Cancel" }));
  const dialog = screen.getByRole("dialog", { name: "Cancel this run?" });
  expect(asked).not.toHaveBeenCalled();
  fireEvent.click(within(dialog).getByRole("button", { name: "Cancel run" }));
  expect(asked).toHaveBeenCalledWith("cancel", undefined);
  await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  fireEvent.click(screen.getByRole("button", { name: "Run again" }));
  const params = screen.getByLabelText("Other parameters (JSON)");
  fireEvent.change(params, { target: { value: "{" } });
  expect(screen.getByText("This is no JSON.")).toBeTruthy();
  fireEvent.change(params, { target: { value: '{"tier":"T2"}' } });
  fireEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Run again" }));
  expect(asked).toHaveBeenLastCalledWith("rerun", { params: { tier: "T2" } });
});

test("a form brings to what is wrong, sends what is right, and shows what the server says beside its field", async () => {
  const start = vi.fn(() => Promise.resolve());
  const form = { name: "demo", schema: paramsSchema, start };
  const { rerender } = render(<LaunchForm {...form} />);
  fireEvent.click(screen.getByRole("button", { name: "Start" }));
  expect(start).not.toHaveBeenCalled();
  expect(document.activeElement).toBe(screen.getByLabelText(/^Tier/));
  expect(screen.getByRole("alert").textContent).toBe("2 fields need another look.");
  fireEvent.change(screen.getByLabelText(/^Tier/), { target: { value: "1" } });
  fireEvent.change(screen.getByLabelText(/^Week ending/), { target: { value: "2026-11-19" } });
  fireEvent.change(screen.getByLabelText(/^Symbols/), { target: { value: "AAPL\n\nBRK.A" } });
  fireEvent.click(screen.getByRole("button", { name: "Start" }));
  expect(start).toHaveBeenCalledWith({
    tier: "T2",
    week_ending: "2026-11-19",
    limit: 5_000,
    dry: false,
    symbols: ["AAPL", "BRK.A"],
  });
  const refused = new SpineHttpError(
    422,
    {
      ...problem,
      code: "invalid-params",
      errors: [
        { path: "/params/week_ending", code: "custom", message: "is no Friday" },
        { path: "/params/symbols/1", code: "custom", message: "is unknown" },
      ],
    },
    null,
  );
  rerender(<LaunchForm {...form} startError={refused} />);
  const week = screen.getByLabelText(/^Week ending/);
  expect(week.getAttribute("aria-invalid")).toBe("true");
  expect(document.getElementById(week.getAttribute("aria-describedby") ?? "")?.textContent).toBe(
    "is no Friday",
  );
  expect(screen.getByText("is unknown")).toBeTruthy();
  expect(document.activeElement).toBe(week);
});

test("rows are chosen, and put aside with a reason; those that were put aside cannot be chosen", async () => {
  const discard = vi.fn(() => Promise.resolve());
  render(<QuarantineTable rejects={rejects} discard={discard} />);
  fireEvent.click(screen.getByLabelText("Select all"));
  expect(screen.getByText("3 selected")).toBeTruthy();
  fireEvent.click(screen.getByLabelText("Select row 2"));
  fireEvent.click(screen.getByRole("button", { name: "Discard" }));
  const dialog = within(screen.getByRole("dialog"));
  fireEvent.click(dialog.getByRole("button", { name: "Discard" }));
  expect(discard).not.toHaveBeenCalled();
  fireEvent.change(dialog.getByLabelText("Why"), { target: { value: "a test file" } });
  fireEvent.click(dialog.getByRole("button", { name: "Discard" }));
  expect(discard).toHaveBeenCalledWith({ step: "transform", indexes: [0, 2] }, "a test file");
  await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect((screen.getByLabelText("Select row 4") as HTMLInputElement).disabled).toBe(true);
});
