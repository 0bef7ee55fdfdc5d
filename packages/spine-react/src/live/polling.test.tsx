// @vitest-environment jsdom
// When a run is asked about, by a clock that the tests move.

import { focusManager, QueryClient } from "@tanstack/react-query";
import { act, render, screen } from "@testing-library/react";
import { Profiler, type ReactNode, StrictMode } from "react";
import type { Status } from "spine-http/client";
import { beforeEach, expect, test, vi } from "vitest";
import { usePipelineStatus } from "../hooks/use-pipeline-status.ts";
import { useRuns } from "../hooks/use-runs.ts";
import { SpineProvider } from "../provider.tsx";
import { spineKeys } from "../queries/spine-keys.ts";
import "../testing/dom.ts";
import {
  problemAnswer,
  RUN_ID,
  type ScriptedApi,
  scriptedApi,
  statusAnswer,
} from "../testing/scripted-api.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

function Shown({ runId = RUN_ID, interval }: { readonly runId?: string; readonly interval?: number }) {
  const { run, isLoading, error, isStale, connection } = usePipelineStatus(
    runId,
    interval === undefined ? {} : { interval },
  );
  const shown = [isLoading ? "loading" : (run?.status ?? "nothing"), connection];
  return (
    <p>{[...shown, ...(error ? [`(${error.message})`] : []), ...(isStale ? ["stale"] : [])].join(" ")}</p>
  );
}

let client: QueryClient;
function show(api: ScriptedApi, children: ReactNode) {
  client = new QueryClient({ defaultOptions: { queries: { gcTime: 0 } } });
  return render(
    <SpineProvider client={api.client} queryClient={client} live={false}>
      {children}
    </SpineProvider>,
  );
}

/** Moves the clock, and lets what follows happen. */
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));
/** When it was asked, in seconds since the first time. */
const seconds = ({ asked }: ScriptedApi) =>
  asked.map(({ at }) => Math.round((at - (asked[0]?.at ?? 0)) / 100) / 10);

test("one request every two seconds for each run, however many components look at it", async () => {
  const other = RUN_ID.replace("01a", "01b");
  const api = scriptedApi(({ path }) =>
    statusAnswer({ execution_id: path.includes(other) ? other : RUN_ID }),
  );
  const looking = (more: number) => (
    <>
      {Array.from({ length: 3 + more }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <Shown key={index} />
      ))}
      <Shown runId={other} />
    </>
  );
  const { rerender } = show(api, looking(0));
  await pass(1_000);
  expect(screen.getAllByText("RUNNING polling")).toHaveLength(4);
  // One that comes in between uses what is known.
  rerender(
    <SpineProvider client={api.client} queryClient={client} live={false}>
      {looking(1)}
    </SpineProvider>,
  );
  await pass(7_500);
  const of = (id: string) => seconds({ ...api, asked: api.asked.filter(({ path }) => path.includes(id)) });
  expect(of(RUN_ID)).toEqual([0, 2, 4, 6, 8]);
  expect(of(other)).toEqual([0, 2, 4, 6, 8]);
});

test("goes on asking while it waits to begin, and asks no more once it has ended; nothing is left behind", async () => {
  const statuses = ["PENDING", "PENDING", "RUNNING", "WAITING", "PAUSED", "RUNNING", "COMPLETED"] as const;
  const api = scriptedApi(() =>
    statusAnswer({ status: statuses[api.asked.length - 1] ?? "COMPLETED", version: api.asked.length }),
  );
  const { unmount } = show(api, <Shown />);
  await pass(12_500);
  expect(screen.getByText("COMPLETED off")).toBeTruthy();
  expect(seconds(api)).toEqual([0, 2, 4, 6, 8, 10, 12]);
  await pass(600_000);
  act(() => focusManager.setFocused(false));
  act(() => focusManager.setFocused(true));
  await pass(10_000);
  expect(api.asked).toHaveLength(statuses.length);
  unmount();
  await pass(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("asks more and more rarely while it fails, not before it is told to, and shows what it knows meanwhile", async () => {
  let answer: () => Response | Promise<Response> = () => statusAnswer({});
  const api = scriptedApi(() => answer());
  show(api, <Shown />);
  await pass(0);
  answer = () => problemAnswer(503, "store-unavailable");
  await pass(2_000);
  expect(screen.getByText("RUNNING polling (store-unavailable: store-unavailable) stale")).toBeTruthy();
  await pass(123_000);
  expect(seconds(api)).toEqual([0, 2, 4, 8, 16, 32, 62, 92, 122]);
  answer = () => problemAnswer(429, "rate-limited", 50);
  await pass(30_000);
  api.asked.length = 0;
  await pass(46_000);
  expect(api.asked).toEqual([]);
  answer = () => statusAnswer({});
  await pass(3_000);
  expect(screen.getByText("RUNNING polling")).toBeTruthy();
  await pass(3_500);
  expect(seconds(api)).toEqual([0, 2, 4]);
});

test("asks in time whatever the clocks say: a server that is ahead of the browser, a clock that is set back", async () => {
  const api = scriptedApi(() => statusAnswer({}));
  client = new QueryClient();
  const ahead = Date.now() + 3 * 3_600_000;
  client.setQueryData(spineKeys("/spine").status(RUN_ID), (await statusAnswer({}).json()) as Status, {
    updatedAt: ahead,
  });
  render(
    <SpineProvider client={api.client} queryClient={client} live={false}>
      <Shown />
    </SpineProvider>,
  );
  await pass(2_100);
  expect(api.asked).toHaveLength(1);
  vi.setSystemTime(Date.now() - 3 * 3_600_000);
  await pass(4_100);
  expect(api.asked).toHaveLength(3);
});

test("waits no longer than an hour, however long it is told to", async () => {
  const api = scriptedApi(() => problemAnswer(503, "store-unavailable", 10_000_000));
  show(api, <Shown />);
  // Timers run out at once where they are longer than 24 days.
  await pass(600_000);
  expect(api.asked).toHaveLength(1);
  await pass(3_600_000);
  expect(api.asked).toHaveLength(2);
});

test.each(["text/html", "text/plain"])(
  "a %s that says it is a success is an error in words, and is asked again as other failures are",
  async (type) => {
    const page = () =>
      new Response("<!doctype html><title>Log in</title>", { headers: { "content-type": type } });
    const api = scriptedApi(page);
    show(api, <Shown />);
    await pass(100);
    expect(screen.getByText(/^nothing polling \(Something else than the API has answered/)).toBeTruthy();
    await pass(10_000);
    expect(seconds(api)).toEqual([0, 2, 6]);
    api.answer = () => statusAnswer({});
    await pass(10_000);
    expect(screen.getByText("RUNNING polling")).toBeTruthy();
  },
);

test("an error of the first look stays while the next one is under way, and what is refused is not asked again", async () => {
  const answers = [
    () => Promise.reject(new TypeError("Failed to fetch")),
    () => new Promise<Response>((resolve) => setTimeout(() => resolve(problemAnswer(404, "not-found")), 500)),
  ];
  const api = scriptedApi(() => (answers[api.asked.length - 1] as () => Promise<Response>)());
  show(api, <Shown />);
  expect(screen.getByText("loading polling")).toBeTruthy();
  await pass(0);
  expect(screen.getByText("nothing polling (Failed to fetch)")).toBeTruthy();
  await pass(2_200);
  expect(api.asked).toHaveLength(2);
  expect(screen.getByText("nothing polling (Failed to fetch)")).toBeTruthy();
  await pass(500);
  expect(screen.getByText("nothing off (not-found: not-found)")).toBeTruthy();
  await pass(100_000);
  expect(api.asked).toHaveLength(2);
});

test("says what it knows, and renders nothing anew where nothing has changed", async () => {
  const api = scriptedApi(({ headers }) =>
    headers.get("if-none-match") === `W/"${RUN_ID}.3.0a0b0c0d"`
      ? new Response(null, { status: 304 })
      : statusAnswer({}),
  );
  const renders = vi.fn();
  show(
    api,
    <Profiler id="shown" onRender={renders}>
      <Shown />
    </Profiler>,
  );
  await pass(100);
  const before = renders.mock.calls.length;
  await pass(10_000);
  expect(api.asked.map(({ headers }) => headers.has("if-none-match"))).toEqual([
    false,
    true,
    true,
    true,
    true,
    true,
  ]);
  expect(renders.mock.calls.length).toBe(before);
});

test("asks nothing in a hidden tab, and at once when it is seen again", async () => {
  const api = scriptedApi(() => statusAnswer({}));
  show(api, <Shown />);
  await pass(100);
  act(() => focusManager.setFocused(false));
  expect(screen.getByText("RUNNING off")).toBeTruthy();
  await pass(60_000);
  expect(api.asked).toHaveLength(1);
  act(() => focusManager.setFocused(true));
  await pass(100);
  expect(api.asked).toHaveLength(2);
  await pass(2_000);
  expect(api.asked).toHaveLength(3);
});

test("StrictMode, which mounts twice, asks once; the shortest interval counts", async () => {
  const api = scriptedApi(() => statusAnswer({}));
  const { unmount } = show(
    api,
    <StrictMode>
      <Shown interval={5_000} />
      <Shown interval={1_000} />
    </StrictMode>,
  );
  await pass(3_500);
  expect(seconds(api)).toEqual([0, 1, 2, 3]);
  unmount();
  await pass(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("a list that does not come is asked for rarely, and its error stays while it is", async () => {
  const api = scriptedApi(() => Promise.reject(new TypeError("Failed to fetch")));
  function Runs() {
    const { items, isLoading, error } = useRuns();
    return <p>{isLoading ? "loading" : `${items.length} runs ${error?.message ?? ""}`}</p>;
  }
  show(api, <Runs />);
  await pass(6_500);
  expect(screen.getByText("loading")).toBeTruthy();
  await pass(1_000);
  expect(screen.getByText("0 runs Failed to fetch")).toBeTruthy();
  expect(seconds(api)).toEqual([0, 1, 3, 7]);
  await pass(31_000);
  expect(api.asked.length).toBe(6);
  expect(screen.getByText("0 runs Failed to fetch")).toBeTruthy();
  api.answer = () => Response.json({ items: [], next_cursor: null });
  await pass(5_000);
  expect(screen.getByText("0 runs")).toBeTruthy();
});
