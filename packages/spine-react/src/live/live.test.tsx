// @vitest-environment jsdom
// Runs that are followed by events: a real Spine behind a real server.

import { focusManager } from "@tanstack/react-query";
import { act, render, screen, waitFor } from "@testing-library/react";
import { createClient } from "spine-http/client";
import { expect, test } from "vitest";
import { usePipelineStatus } from "../hooks/use-pipeline-status.ts";
import { useRunEvents } from "../hooks/use-run-events.ts";
import { SpineProvider } from "../provider.tsx";
import { gated } from "../testing/demo.ts";
import "../testing/dom.ts";
import { type Served, serve } from "../testing/serve.ts";

interface ShownProps {
  readonly runId: string;
  readonly name: string;
  readonly interval?: number;
}
/** Longer than any test: what is shown was told by events. */
const NEVER_MS = 60_000;

function Shown({ runId, name, interval = NEVER_MS }: ShownProps) {
  const { run, steps, connection, error } = usePipelineStatus(runId, { interval });
  const done = steps.filter(({ status }) => status === "COMPLETED").length;
  return (
    <p>{`${name} ${run?.status} ${done}/${steps.length} ${connection}${error ? ` (${error.message})` : ""}`}</p>
  );
}

function page(url: string, runs: Readonly<Record<string, string>>, interval?: number) {
  return (
    <SpineProvider client={createClient({ baseUrl: url })}>
      {Object.entries(runs).map(([name, runId]) => (
        <Shown key={name} name={name} runId={runId} {...(interval === undefined ? {} : { interval })} />
      ))}
    </SpineProvider>
  );
}
const streams = ({ asked }: Served) => asked.filter((path) => path.startsWith("GET /events")).length;
const looks = ({ asked }: Served) => asked.filter((path) => path.startsWith("GET /pipelines/status")).length;

test("one connection for all runs of a page; a change is shown at once, without asking in between", async () => {
  const served = await serve({ workflows: [gated] });
  const { spine, url } = served;
  const [a, b] = await Promise.all([spine.run(gated, {}), spine.run(gated, {})]);
  render(page(url, { a: a.id, b: b.id }, 100));
  await screen.findByText("a WAITING 1/4 live");
  await screen.findByText("b WAITING 1/4 live");
  expect(streams(served)).toBe(1);
  const before = looks(served);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(looks(served)).toBe(before);
  const times: number[] = [];
  for (const signal of ["first", "second"]) {
    const sentAt = performance.now();
    await spine.signal(a.id, signal, null);
    await screen.findByText(signal === "first" ? "a WAITING 2/4 live" : "a COMPLETED 4/4 off");
    times.push(performance.now() - sentAt);
  }
  // From the call that commits it, with the events that it causes; the browser test measures the whole way.
  expect(Math.max(...times)).toBeLessThan(1_000);
  expect(screen.getByText("b WAITING 1/4 live")).toBeTruthy();
});

test("runs come and go: nothing of the others is missed, and what is over needs no connection", async () => {
  const served = await serve({ workflows: [gated] });
  const { spine, url } = served;
  const client = createClient({ baseUrl: url });
  const runs = await Promise.all([1, 2, 3, 4, 5].map(() => spine.run(gated, {})));
  function Page({ count }: { readonly count: number }) {
    return (
      <SpineProvider client={client}>
        {runs.slice(0, count).map(({ id }, index) => (
          <Shown key={id} name={`run${index}`} runId={id} />
        ))}
      </SpineProvider>
    );
  }
  const { rerender, unmount } = render(<Page count={1} />);
  await screen.findByText("run0 WAITING 1/4 live");
  // While connections change, signals are sent to all.
  for (const [index, run] of runs.entries()) {
    rerender(<Page count={index + 1} />);
    await spine.signal(run.id, "first", null);
  }
  for (const index of runs.keys()) await screen.findByText(`run${index} WAITING 2/4 live`);
  for (const run of runs) await spine.signal(run.id, "second", null);
  for (const index of runs.keys()) await screen.findByText(`run${index} COMPLETED 4/4 off`);
  // Known events are not told again: each connection goes on behind them.
  expect(served.asked.filter((path) => /after=0(&|$)/.test(path))).toEqual([]);
  const settled = served.asked.length;
  unmount();
  expect(served.asked.length).toBe(settled);
});

test("a connection that is cut comes back, and nothing is missed", async () => {
  const served = await serve({ workflows: [gated] });
  const run = await served.spine.run(gated, {});
  render(page(served.url, { a: run.id }));
  await screen.findByText("a WAITING 1/4 live");
  served.cut();
  await served.spine.signal(run.id, "first", null);
  await screen.findByText("a WAITING 2/4 live");
  await served.spine.signal(run.id, "second", null);
  await screen.findByText("a COMPLETED 4/4 off");
});

test("a run that is not there keeps nobody else from being live", async () => {
  const served = await serve({ workflows: [gated] });
  const run = await served.spine.run(gated, {});
  render(page(served.url, { a: run.id, gone: "01900000-0000-7000-8000-000000000000" }));
  await screen.findByText("a WAITING 1/4 live");
  await screen.findByText(/^gone undefined 0\/0 off \(/);
});

test("where there are no events it is polled, and a hidden tab has no connection", async () => {
  const served = await serve({ workflows: [gated] }, { limits: { streams: 1 } });
  const [a, b] = await Promise.all([served.spine.run(gated, {}), served.spine.run(gated, {})]);
  const leaving = new AbortController();
  const events = createClient({ baseUrl: served.url }).events(b.id, { signal: leaving.signal });
  await events[Symbol.asyncIterator]().next();
  render(page(served.url, { a: a.id }, 200));
  await screen.findByText("a WAITING 1/4 polling");
  await served.spine.signal(a.id, "first", null);
  await screen.findByText("a WAITING 2/4 polling");
  // The server has said when it may be tried again.
  expect(streams(served)).toBe(1);
  leaving.abort();
  const place = `${served.url}/pipelines/events/${b.id}`;
  await expect.poll(async () => (await fetch(place, { method: "HEAD" })).status).toBe(200);
  act(() => focusManager.setFocused(false));
  act(() => focusManager.setFocused(true));
  await screen.findByText("a WAITING 2/4 live");
  act(() => focusManager.setFocused(false));
  await screen.findByText("a WAITING 2/4 off");
  await expect.poll(served.streams).toBe(0);
  const before = served.asked.length;
  await served.spine.signal(a.id, "second", null);
  await (await served.spine.attach(a.id)).result();
  expect(served.asked.length).toBe(before);
  act(() => focusManager.setFocused(true));
  await screen.findByText("a COMPLETED 4/4 off");
});

test("of more than a hundred runs the newest are live, and another one is once there is a place", async () => {
  const served = await serve({ workflows: [gated] });
  const runs = await Promise.all(Array.from({ length: 102 }, () => served.spine.run(gated, {})));
  render(page(served.url, Object.fromEntries(runs.map(({ id }, index) => [`run${index}`, id]))));
  await waitFor(() => expect(screen.getAllByText(/ WAITING 1\/4 live$/)).toHaveLength(100));
  for (const name of ["run0", "run1"]) expect(screen.getByText(`${name} WAITING 1/4 polling`)).toBeTruthy();
  const [newest] = runs.slice(-1);
  for (const signal of ["first", "second"]) await served.spine.signal(newest?.id ?? "", signal, null);
  await screen.findByText("run101 COMPLETED 4/4 off");
  await screen.findByText("run1 WAITING 1/4 live");
  expect(screen.getByText("run0 WAITING 1/4 polling")).toBeTruthy();
});

test("events of a run are added as they happen, each once", async () => {
  const served = await serve({ workflows: [gated] });
  const run = await served.spine.run(gated, {});
  function Log() {
    const { items, hasMore } = useRunEvents(run.id);
    return <p>{`${items.map(({ seq, type }) => `${seq} ${type}`).join(", ")}${hasMore ? " …" : ""}`}</p>;
  }
  render(
    <SpineProvider client={createClient({ baseUrl: served.url })}>
      <Log />
    </SpineProvider>,
  );
  await screen.findByText(/step\.waiting/);
  await served.spine.signal(run.id, "first", null);
  await served.spine.signal(run.id, "second", null);
  await run.result();
  const all = (await served.spine.history.events(run.id)).map(({ seq, type }) => `${seq} ${type}`);
  await waitFor(() => expect(screen.getByText(/run\.created/).textContent).toBe(all.join(", ")), {
    timeout: 5_000,
  });
});
