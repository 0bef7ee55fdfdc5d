// @vitest-environment jsdom
// Every hook against a real Spine behind a real server.

import { renderHook, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import type { QualityResult, RunStarted, Schedule } from "spine-http/client";
import { createClient, SpineHttpError } from "spine-http/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SpineProvider } from "../provider.tsx";
import { broken, flaky, gated, report, rows } from "../testing/demo.ts";
import "../testing/dom.ts";
import { openDemo, type Served } from "../testing/serve.ts";
import {
  useAlertActions,
  useAlertGroups,
  useAlerts,
  useChannels,
  useDeliveries,
  useSilences,
} from "./use-alerts.ts";
import { useBackfill } from "./use-backfill.ts";
import { useHealth, useSession } from "./use-health.ts";
import { usePartitionReport, usePartitions, usePartitionTables } from "./use-partitions.ts";
import { usePipelineStatus } from "./use-pipeline-status.ts";
import { usePipeline, usePipelines } from "./use-pipelines.ts";
import { useQuality, useQualityTrend } from "./use-quality.ts";
import { useRejects } from "./use-rejects.ts";
import { useRunActions } from "./use-run-actions.ts";
import { useRunPipeline } from "./use-run-pipeline.ts";
import { useRuns } from "./use-runs.ts";
import { usePreview, useSchedules, useTicks } from "./use-schedules.ts";

let served: Served;
beforeAll(async () => {
  served = await openDemo();
});
afterAll(() => served.close());

/** Each hook on a page of its own. */
function use<T>(hook: () => T, fetched: typeof fetch = fetch) {
  const client = createClient({ baseUrl: served.url, fetch: fetched });
  const wrapper = ({ children }: { readonly children: ReactNode }) => (
    <SpineProvider client={client}>{children}</SpineProvider>
  );
  return renderHook(hook, { wrapper }).result;
}

test("pipelines, and the schema of one", async () => {
  const hook = use(() => ({ all: usePipelines({ q: "re" }), one: usePipeline("demo.report") }));
  expect(hook.current.all).toMatchObject({ items: [], isLoading: true, error: null });
  await waitFor(() => expect(hook.current.all.items.map(({ name }) => name)).toEqual(["demo.report"]));
  await waitFor(() => expect(hook.current.one.value?.params_schema).toMatchObject({ required: ["day"] }));
});

test("starts a run: one for each intent, also where an answer is lost, and what does not fit is told by field", async () => {
  const keys: (string | null)[] = [];
  let losses = 1;
  const hook = use(
    () => ({ start: useRunPipeline("demo.report"), runs: useRuns({ pipeline: "demo.report" }) }),
    async (url, init) => {
      const response = await fetch(url, init);
      if (init?.method !== "POST") return response;
      keys.push(new Headers(init.headers).get("idempotency-key"));
      losses -= 1;
      if (losses >= 0) throw new TypeError("The answer was lost.");
      return response;
    },
  );
  const { start, check } = hook.current.start;
  const started = await start({ day: "2026-01-05" }, { tags: ["react"] });
  expect(started.existing).toBe(true);
  expect(new Set(keys).size).toBe(1);
  expect(keys).toHaveLength(2);
  await waitFor(() => expect(hook.current.runs.items.map(({ tags }) => tags)).toEqual([["react"]]));
  expect(hook.current.start.data?.execution_id).toBe(started.execution_id);
  // Wanted again, it is another run.
  expect((await start({ day: "2026-01-05" })).existing).toBe(false);
  expect(new Set(keys).size).toBe(2);
  await waitFor(() => expect(hook.current.runs.items).toHaveLength(2));
  const refused = await start({ day: "yesterday" }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(SpineHttpError);
  expect(refused).toMatchObject({ code: "invalid-params", problem: { errors: [{ path: "/params/day" }] } });
  await waitFor(() => expect(hook.current.start.error).toBe(refused));
  expect(await check({ day: "2026-01-06" })).toEqual({ day: "2026-01-06" });
  await expect(check({})).rejects.toMatchObject({ code: "invalid-params" });
});

test("what was wanted and got no answer is the same intent at the next click; after an answer it is another one", async () => {
  const run = await served.spine.run(report, { day: "2026-03-01" });
  await run.result();
  const keys: (string | null)[] = [];
  const hook = use(
    () => useRunActions(run.id),
    async (url, init) => {
      const response = await fetch(url, init);
      if (init?.method !== "POST") return response;
      keys.push(new Headers(init.headers).get("idempotency-key"));
      if (keys.length === 1) throw new TypeError("The answer was lost.");
      return response;
    },
  );
  await expect(hook.current.act("rerun")).rejects.toThrow("lost");
  await waitFor(() => expect(hook.current.error?.message).toBe("The answer was lost."));
  const second = await hook.current.act("rerun");
  expect(second.existing).toBe(true);
  const third = await hook.current.act("rerun");
  expect(third).toMatchObject({ existing: false });
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
});

test("runs come in pages", async () => {
  for (const day of ["2026-02-01", "2026-02-02", "2026-02-03"])
    await (await served.spine.run(report, { day }, { tags: ["pages"] })).result();
  const hook = use(() => useRuns({ tag: "pages", limit: 2 }));
  await waitFor(() => expect(hook.current).toMatchObject({ hasMore: true, isLoading: false }));
  expect(hook.current.items).toHaveLength(2);
  hook.current.fetchMore();
  await waitFor(() => expect(hook.current).toMatchObject({ hasMore: false }));
  expect(hook.current.items).toHaveLength(3);
});

test("acts on a run: what is allowed, a signal, a pause, a retry, a rerun", async () => {
  const run = await served.spine.run(gated, {});
  const hook = use(() => ({ ...useRunActions(run.id), status: usePipelineStatus(run.id).run?.status }));
  const allowed = () => hook.current.actions.filter((each) => each.allowed).map(({ action }) => action);
  await waitFor(() => expect(allowed()).toEqual(["cancel", "pause", "rerun", "signal"]));
  expect(await hook.current.act("signal", { name: "first" })).toMatchObject({ sent: true });
  expect(await hook.current.act("pause")).toMatchObject({ changed: true });
  await waitFor(() => expect(hook.current.status).toBe("PAUSED"));
  await hook.current.act("resume");
  await waitFor(() => expect(hook.current.status).toBe("WAITING"));
  await hook.current.act("cancel", { reason: "by hand" });
  await waitFor(() => expect(hook.current.status).toBe("CANCELLED"));
  const again = await hook.current.act("rerun", { tags: ["again"] });
  expect(again.execution_id).not.toBe(run.id);
  await expect(hook.current.act("resume")).rejects.toMatchObject({ code: "conflict" });
  await waitFor(() => expect(hook.current.error).toBeInstanceOf(SpineHttpError));
});

test("a run that has failed is followed again once it is retried", async () => {
  const run = await served.spine.run(broken, {});
  const hook = use(() => ({ ...useRunActions(run.id), look: usePipelineStatus(run.id) }));
  await waitFor(() =>
    expect(hook.current.look.run).toMatchObject({ status: "FAILED", error: "the disk said no" }),
  );
  expect(hook.current.look.connection).toBe("off");
  flaky.isMended = true;
  await hook.current.act("retry");
  await waitFor(() => expect(hook.current.look.run?.status).toBe("COMPLETED"));
  const [, step] = hook.current.look.steps;
  expect(step?.history.map(({ status, error }) => [status, error])).toEqual([
    ["FAILED", "the disk said no"],
    ["COMPLETED", null],
  ]);
});

test("quality, refused rows and what is done with them", async () => {
  const run = await served.spine.run(rows, { week: "2025-01-06" });
  await run.result();
  const hook = use(() => ({
    quality: useQuality(run.id),
    rejects: useRejects(run.id),
  }));
  await waitFor(() =>
    expect(hook.current.quality.items).toMatchObject([{ status: "FAIL", blocking: false }]),
  );
  const [{ check }] = hook.current.quality.items as [QualityResult];
  await waitFor(() =>
    expect(hook.current.rejects.items).toMatchObject([{ code: "NO_SYMBOL", state: "OPEN" }]),
  );
  expect(hook.current.rejects).toMatchObject({ step: "clean", steps: [{ name: "clean", rejected: 1 }] });
  expect(await hook.current.rejects.discard({}, "known")).toEqual({ changed: 1 });
  await waitFor(() => expect(hook.current.rejects.items[0]?.discarded).toMatchObject({ reason: "known" }));
  expect(await hook.current.rejects.restore({ indexes: [0] })).toEqual({ changed: 1 });
  const mended = { edits: { "0": { symbol: "CCC", shares: "1" } } };
  const redriven = await hook.current.rejects.redrive(mended);
  await (await served.spine.attach(redriven.execution_id)).result();
  hook.current.rejects.refetch();
  await waitFor(() => expect(hook.current.rejects.items[0]?.redriven_by).toBe(redriven.execution_id));
  const trend = use(() => useQualityTrend({ pipeline: "demo.rows", check }));
  await waitFor(() => expect(trend.current.items.length).toBeGreaterThan(0));
});

test("partitions, what is missing, and a backfill of it", async () => {
  const range = { from: "2025-02-03", to: "2025-02-16" };
  const hook = use(() => ({
    tables: usePartitionTables(),
    cells: usePartitions("react_trades", range),
    report: usePartitionReport("react_trades", range),
    backfill: useBackfill("react_trades"),
  }));
  await waitFor(() =>
    expect(hook.current.tables.items).toMatchObject([{ table: "react_trades", can_backfill: true }]),
  );
  const states = () => hook.current.cells.items.map(({ key, state }) => `${key} ${state}`);
  await waitFor(() => expect(states()).toHaveLength(2));
  expect(hook.current.cells.items.every(({ state }) => state === "MISSING")).toBe(true);
  await waitFor(() => expect(hook.current.report.value?.missing).toHaveLength(2));
  const select = { range };
  expect(await hook.current.backfill.preview({ select })).toHaveLength(2);
  const started: RunStarted = await hook.current.backfill.start({ select });
  await (await served.spine.attach(started.execution_id)).result();
  hook.current.cells.refetch();
  await waitFor(() => expect(hook.current.cells.items.every(({ state }) => state === "READY")).toBe(true));
});

test("schedules: made, paused, changed as they were looked at, started, removed", async () => {
  const hook = use(() => ({
    ...useSchedules(),
    ticks: useTicks("nightly"),
    next: usePreview("nightly", { count: 3 }),
  }));
  await waitFor(() => expect(hook.current.isLoading).toBe(false));
  const params = { day: "2026-01-05" };
  await hook.current.create({ name: "nightly", pipeline: "demo.report", params, cron: "0 2 * * *" });
  await waitFor(() => expect(hook.current.items.map(({ name }) => name)).toEqual(["nightly"]));
  const looked = hook.current.items[0] as Schedule;
  await hook.current.pause("nightly");
  await waitFor(() => expect(hook.current.items[0]?.status).toBe("PAUSED"));
  await expect(hook.current.update(looked, { cron: "0 3 * * *" })).rejects.toMatchObject({
    status: 412,
    code: "stale",
  });
  await waitFor(() => expect(hook.current.actionError).toMatchObject({ code: "stale" }));
  await hook.current.update(hook.current.items[0] as Schedule, { cron: "0 4 * * *" });
  await hook.current.resume("nightly", { missed: "skip" });
  await waitFor(() => expect(hook.current.items[0]).toMatchObject({ status: "ACTIVE", cron: "0 4 * * *" }));
  await waitFor(() => expect(hook.current.next.items).toHaveLength(3));
  const times = use(() => usePreview({ cron: "0 4 * * *", timezone: "UTC" }));
  await waitFor(() => expect(times.current.items).toHaveLength(5));
  expect((await hook.current.trigger("nightly")).pipeline).toBe("demo.report");
  await hook.current.remove("nightly");
  await waitFor(() => expect(hook.current.items).toEqual([]));
});

test("alerts: what fires, taken on, silenced, over; who is told", async () => {
  await served.spine.alerts.raise({ severity: "WARNING", title: "ACME is slow", labels: { vendor: "ACME" } });
  const hook = use(() => ({
    raised: useAlerts({ severity: "WARNING" }),
    groups: useAlertGroups({ interval: 200 }),
    silences: useSilences(),
    deliveries: useDeliveries({}, { interval: 200 }),
    channels: useChannels(),
    actions: useAlertActions(),
  }));
  await waitFor(() => expect(hook.current.raised.items).toMatchObject([{ title: "ACME is slow" }]));
  const fires = () =>
    hook.current.groups.items.flatMap(({ alerts }) => alerts).find(({ title }) => title === "ACME is slow");
  await waitFor(() => expect(fires()?.status).toBe("FIRING"));
  await waitFor(() => expect(hook.current.deliveries.items[0]?.status).toBe("SENT"));
  expect(hook.current.channels.items).toEqual([{ name: "chat" }]);
  const { fingerprint = "" } = fires() ?? {};
  const { acknowledge, resolve, silence, unsilence, testChannel } = hook.current.actions;
  await acknowledge(fingerprint, { note: "I look." });
  await waitFor(() => expect(fires()?.acknowledged_by).not.toBeNull());
  const made = await silence({ match: { vendor: "ACME" }, until: "2h", why: "known" });
  await waitFor(() => expect(hook.current.silences.items).toMatchObject([{ why: "known" }]));
  await unsilence(made.silence_id);
  await waitFor(() => expect(hook.current.silences.items).toEqual([]));
  await resolve(fingerprint);
  expect(await testChannel("chat")).toMatchObject({ sent: true });
  await expect(resolve("0".repeat(64))).rejects.toMatchObject({ code: "not-found" });
});

test("health is shown also where it is bad, and who one is", async () => {
  const hook = use(() => ({ health: useHealth(), session: useSession() }));
  await waitFor(() => expect(hook.current.health.value?.checks.length).toBeGreaterThan(0));
  await waitFor(() => expect(hook.current.session.value).toMatchObject({ principal: "anybody" }));
  expect(hook.current.health.error).toBeNull();
});

test("without an id nothing is asked, and without a provider a hook says what is missing", () => {
  const before = served.asked.length;
  const hook = use(() => [
    usePipelineStatus(null),
    useQuality(undefined),
    useRejects(null),
    usePipeline(""),
    useTicks(null),
  ]);
  for (const each of hook.current) expect(each).toMatchObject({ isLoading: false, error: null });
  expect(served.asked.length).toBe(before);
  expect(() => renderHook(() => useRuns())).toThrow("<SpineProvider client={…}>");
});
