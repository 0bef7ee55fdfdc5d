// @vitest-environment jsdom
import { act, renderHook } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { runningRun } from "../components/testing/fixtures.ts";
import { SpineProvider } from "../provider.tsx";
import "../testing/dom.ts";
import { RUN_ID, scriptedApi, statusAnswer } from "../testing/scripted-api.ts";
import { useRejects } from "./use-rejects.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

test("rows that are refused while a run goes on are asked for, and nothing where there are no more of them", async () => {
  let rejected = 1;
  let version = 1;
  const api = scriptedApi(({ path }) => {
    if (path.includes("/rejects")) return Response.json({ items: [], next_cursor: null });
    version += 1;
    const [step] = runningRun.steps;
    const rows = { in: 10, out: 10 - rejected, rejected };
    return statusAnswer({ version, steps: step ? [{ ...step, name: "clean", rows }] : [] });
  });
  const { result } = renderHook(() => useRejects(RUN_ID), {
    wrapper: ({ children }) => (
      <SpineProvider client={api.client} live={false}>
        {children}
      </SpineProvider>
    ),
  });
  const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));
  const asked = () => api.asked.filter(({ path }) => path.includes("/rejects?step=clean")).length;
  await pass(100);
  expect(result.current.steps).toEqual([{ name: "clean", rejected: 1 }]);
  await pass(4_000);
  expect(asked()).toBe(1);
  rejected = 2;
  await pass(2_000);
  expect(asked()).toBe(2);
});
