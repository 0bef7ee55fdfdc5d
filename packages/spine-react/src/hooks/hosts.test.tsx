// @vitest-environment jsdom
// What hooks promise holds whatever the host's QueryClient does by default, and without a provider of its own.

import { focusManager, onlineManager, QueryClient, type QueryClientConfig } from "@tanstack/react-query";
import { act, render, renderHook, screen } from "@testing-library/react";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { SpineProvider } from "../provider.tsx";
import "../testing/dom.ts";
import {
  problemAnswer,
  RUN_ID,
  type ScriptedApi,
  scriptedApi,
  statusAnswer,
} from "../testing/scripted-api.ts";
import { useBackfill } from "./use-backfill.ts";
import { usePipelineStatus } from "./use-pipeline-status.ts";
import { useRunActions } from "./use-run-actions.ts";
import { useRunPipeline } from "./use-run-pipeline.ts";
import { useRuns } from "./use-runs.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

const OTHER = RUN_ID.replace("01a", "01b");
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

function Shown({ runId }: { readonly runId: string }) {
  const { run, isLoading, error, connection } = usePipelineStatus(runId);
  return (
    <p>
      {isLoading ? "loading" : `${run?.execution_id} ${run?.status}`} {connection} {error?.message}
    </p>
  );
}

function page(api: ScriptedApi, queryClient: QueryClient, runId: string) {
  return (
    <SpineProvider client={api.client} queryClient={queryClient} live={false}>
      <Shown runId={runId} />
    </SpineProvider>
  );
}
const hostWith = (queries: NonNullable<QueryClientConfig["defaultOptions"]>["queries"]) =>
  new QueryClient({ defaultOptions: { queries: { ...queries }, mutations: { throwOnError: true } } });

test("a run is never shown in the place of another one", async () => {
  const api = scriptedApi(({ path }) =>
    path.includes(OTHER)
      ? new Promise<Response>(() => {})
      : statusAnswer({ execution_id: RUN_ID, status: "COMPLETED" }),
  );
  const queryClient = hostWith({ placeholderData: (before: unknown) => before });
  const { rerender } = render(page(api, queryClient, RUN_ID));
  await pass(100);
  screen.getByText(`${RUN_ID} COMPLETED off`);
  rerender(page(api, queryClient, OTHER));
  await pass(100);
  screen.getByText("loading polling");
});

test("an error is told, not thrown, and what is asked again is planned by whatever hash of keys", async () => {
  const api = scriptedApi(() => problemAnswer(503, "store-unavailable"));
  const queryClient = hostWith({
    throwOnError: true,
    retry: false,
    queryKeyHashFn: (key) => `host ${JSON.stringify(key)}`,
  });
  render(page(api, queryClient, RUN_ID));
  await pass(0);
  screen.getByText(/store-unavailable/);
  api.answer = () => statusAnswer({});
  await pass(2_100);
  screen.getByText(`${RUN_ID} RUNNING polling`);
  await pass(4_000);
  expect(api.asked).toHaveLength(4);
});

test("an action that fails rejects, and throws nothing into the page", async () => {
  const api = scriptedApi(() => problemAnswer(403, "forbidden"));
  function Start() {
    const { start, error } = useRunPipeline("demo");
    return (
      <button type="button" onClick={() => void start().catch(() => {})}>
        {error ? error.message : "Start"}
      </button>
    );
  }
  render(
    <SpineProvider client={api.client} queryClient={hostWith({})}>
      <Start />
    </SpineProvider>,
  );
  act(() => screen.getByRole("button").click());
  await pass(100);
  screen.getByText("forbidden: forbidden");
});

test("what was asked for of one run, pipeline or table is done to it, also where another one is shown by now", async () => {
  const api = scriptedApi(() => Response.json({ execution_id: RUN_ID }));
  const { result, rerender } = renderHook(
    ({ of }) => ({
      act: useRunActions(of).act,
      start: useRunPipeline(of).start,
      backfill: useBackfill(of).start,
    }),
    {
      initialProps: { of: "first" },
      wrapper: ({ children }) => <SpineProvider client={api.client}>{children}</SpineProvider>,
    },
  );
  const { act: retry, start, backfill } = result.current;
  rerender({ of: "second" });
  api.asked.length = 0;
  await act(async () => {
    await Promise.all([retry("retry"), start({}), backfill({ select: "missing" })]);
  });
  const posted = api.asked.map(({ path }) => path).filter((path) => !path.includes("/status/"));
  expect(posted).toEqual(["/pipelines/retry/first", "/pipelines/run/first", "/partitions/first/backfill"]);
});

test("a list is not asked for in a hidden tab", async () => {
  const api = scriptedApi(() => Response.json({ items: [], next_cursor: null }));
  function Runs() {
    return <p>{useRuns().items.length}</p>;
  }
  render(
    <SpineProvider client={api.client} queryClient={hostWith({ refetchIntervalInBackground: true })}>
      <Runs />
    </SpineProvider>,
  );
  await pass(100);
  act(() => focusManager.setFocused(false));
  await pass(60_000);
  expect(api.asked).toHaveLength(1);
});

test("what has ended is not asked again by whoever comes to look", async () => {
  const api = scriptedApi(() => statusAnswer({ status: "COMPLETED" }));
  const queryClient = hostWith({ refetchOnMount: "always" });
  render(page(api, queryClient, RUN_ID));
  await pass(100);
  render(page(api, queryClient, RUN_ID));
  await pass(100);
  expect(api.asked).toHaveLength(1);
});

test("a run is followed again once the browser is online, without a provider of the host's", async () => {
  onTestFinished(() => onlineManager.setOnline(true));
  const api = scriptedApi(() => statusAnswer({}));
  render(page(api, hostWith({}), RUN_ID));
  await pass(100);
  act(() => onlineManager.setOnline(false));
  await pass(10_000);
  expect(api.asked).toHaveLength(1);
  act(() => onlineManager.setOnline(true));
  await pass(100);
  expect(api.asked).toHaveLength(2);
});
