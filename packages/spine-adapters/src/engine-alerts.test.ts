// Every failure raises an alert in its own commit; a storm of them is one message, and their end is another. On a clock that is moved by hand.
import {
  type Alert,
  type AlertChannel,
  type AlertNotification,
  type AlertOptions,
  type ClaimedDelivery,
  createSpine,
  daily,
  definePartitions,
  defineTable,
  defineWorkflow,
  failureSeverity,
  HistoryTracker,
  recordCount,
  type Spine,
  SpineError,
  silentLogger,
} from "spine-core";
import { arraySource, TestClock } from "spine-core/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";

const MINUTE = 60_000;
const Params = z.object({ ok: z.boolean().optional(), week: z.string().optional() });

/** Fails unless it is told not to. */
function flowOf(name: string, domain = "demo") {
  return defineWorkflow({
    name,
    domain,
    params: Params,
    partition: ({ params }) => (params.week === undefined ? null : { week: params.week }),
  }).step("work", ({ params }) => {
    if (!params.ok) throw new SpineError("SOURCE_MALFORMED", "the file has <no> header\n@channel");
    return null;
  });
}

/** A channel that keeps what it is given, and does what `behave` says first. */
function recorder(name: string, more: Partial<AlertChannel> = {}) {
  const got: AlertNotification[] = [];
  const attempts: string[] = [];
  const state = { behave: async (_signal: AbortSignal): Promise<void> => {} };
  const channel: AlertChannel = {
    name,
    ...more,
    async send(notification, { signal, attempt }) {
      attempts.push(`${notification.key}#${attempt}`);
      await state.behave(signal);
      got.push(notification);
    },
  };
  return { channel, got, attempts, state };
}

describe.each(PLACES)("alerts on %s", (_name, open) => {
  const clock = new TestClock();
  const chat = recorder("chat");
  const pager = recorder("pager", { acknowledges: true });
  let spine: Spine;
  let remove = () => {};
  let flows = 0;
  const options: AlertOptions = {
    channels: [chat.channel, pager.channel],
    routes: [
      { match: { source: "nobody" }, channels: [] },
      { match: { severity: { atLeast: "CRITICAL" } }, channels: ["pager"], continue: true },
      { match: { domain: "paged" }, channels: ["pager"] },
      { channels: ["chat"] },
    ],
    inhibit: [{ source: { vendor: "down" }, target: { pipeline: { startsWith: "demo.inhibited" } } }],
    onFailure: (failure) => (failure.domain === "quiet" ? null : failureSeverity(failure)),
    maxAttempts: 3,
  };
  beforeAll(async () => {
    const place = await open();
    remove = () => place.remove();
    const alerts = options;
    spine = await createSpine({ database: place.database(), logger: silentLogger, clock, alerts });
  }, 60_000);
  afterAll(async () => {
    await spine?.stop();
    remove();
  });

  const flow = (domain?: string) => flowOf(`demo.alerts_${++flows}`, domain);
  const told = (who: typeof chat, pipeline: string) =>
    who.got.filter(({ labels }) => labels.pipeline === pipeline);
  /** Moves the time, in steps between which what is due is done. */
  const pass = async (ms: number, until: () => boolean | Promise<boolean> = () => true) => {
    for (let left = ms; left > 0; left -= 5_000) {
      clock.advance(Math.min(5_000, left));
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await vi.waitFor(
      async () => {
        clock.advance(1);
        expect(await until()).toBe(true);
      },
      { timeout: 15_000, interval: 20 },
    );
  };
  const run = async (workflow: ReturnType<typeof flowOf>, params: z.input<typeof Params> = {}) => {
    const started = await spine.run(workflow, params);
    await started.result().catch(() => {});
    return started.id;
  };

  test("1,000 failing runs of one pipeline in a minute: one message, one update, one that says it is over", async () => {
    const workflow = flow();
    for (let part = 0; part < 60; part += 1) {
      const runs = await spine.runMany(
        workflow,
        Array.from({ length: part < 40 ? 17 : 16 }, () => ({ params: {} })),
      );
      await Promise.all(runs.map((each) => each.result().catch(() => {})));
      clock.advance(1_000);
    }
    await pass(MINUTE, () => told(chat, workflow.name).length === 1);
    await pass(6 * MINUTE, () => told(chat, workflow.name).length === 2);
    await pass(2 * MINUTE);
    clock.advance(1);
    await run(workflow, { ok: true });
    await pass(6 * MINUTE, () => told(chat, workflow.name).length === 3);
    await pass(20 * MINUTE);
    const messages = told(chat, workflow.name);
    expect(messages.map(({ reason }) => reason)).toEqual(["FIRST", "REPEATED", "RESOLVED"]);
    // One is shown, and all others are counted.
    expect(messages.reduce((sum, { suppressed }) => sum + suppressed, 1)).toBe(1_000);
    expect(messages[1]?.alerts[0]).toMatchObject({ raised: 1_000, severity: "ERROR", status: "FIRING" });
    expect(messages[2]).toMatchObject({ status: "RESOLVED", firing: 0, resolved: 1 });
    expect(new Set(messages.map(({ group }) => group)).size).toBe(1);
    expect(new Set(messages.map(({ key }) => key)).size).toBe(3);
    expect((await spine.alerts.groups()).filter(({ labels }) => labels.pipeline === workflow.name)).toEqual(
      [],
    );
  }, 120_000);

  test("the alert of a failure commits with it, by whatever way the run fails", async () => {
    const workflow = flow();
    const id = await run(workflow, { week: "2026-01-05" });
    const [alert] = await spine.alerts.list({ runId: id });
    expect(alert).toMatchObject({
      severity: "ERROR",
      title: `${workflow.name} failed: SOURCE_MALFORMED`,
      source: "run",
      workflow: workflow.name,
      domain: "demo",
      step: "work",
      labels: { pipeline: workflow.name, domain: "demo", partition: "week=2026-01-05", category: "SOURCE" },
      details: { code: "SOURCE_MALFORMED", category: "SOURCE", step: "work" },
    } satisfies Partial<Alert> & object);
    // The event of the failure and the alert have one time: that of their commit.
    const failed = (await spine.history.events(id)).find(({ type }) => type === "run.failed");
    expect(alert?.raisedAt).toBe(failed?.at);
    expect(await spine.alerts.get(alert?.alertId ?? "")).toEqual(alert);

    const late = await spine.run(
      defineWorkflow({ name: "demo.late" }).wait("for ever", { signal: "never" }),
      {},
      { deadline: "1m" },
    );
    clock.advance(MINUTE + 1);
    await late.result().catch(() => {});
    expect(await spine.alerts.list({ runId: late.id })).toMatchObject([{ labels: { category: "TIMEOUT" } }]);

    const cancelled = await spine.run(
      defineWorkflow({ name: "demo.cancelled" }).wait("for ever", { signal: "never" }),
      {},
    );
    await spine.cancel(cancelled.id);
    expect(await spine.alerts.list({ runId: cancelled.id })).toEqual([]);

    await using tracker = new HistoryTracker(spine.history);
    let tracked = "";
    await tracker
      .trackWorkflow("demo.tracked", { domain: "demo" }, async ({ runId }) => {
        tracked = runId;
        throw new Error("it broke");
      })
      .catch(() => {});
    expect(await spine.alerts.list({ runId: tracked })).toMatchObject([
      { labels: { pipeline: "demo.tracked", domain: "demo", category: "INTERNAL" } },
    ]);

    const quiet = await run(flow("quiet"));
    expect(await spine.alerts.list({ runId: quiet })).toEqual([]);
  });

  test("a check that stops a run raises the one alert of that failure", async () => {
    const workflow = defineWorkflow({ name: "demo.checked" })
      .fetch("rows", { from: arraySource([{ k: 1 }]), request: () => ({}) })
      .quality("check", { on: "rows", checks: [recordCount({ min: 2 })] });
    const started = await spine.run(workflow, {});
    await started.result().catch(() => {});
    expect(await spine.alerts.list({ runId: started.id })).toMatchObject([
      { severity: "WARNING", source: "quality" },
    ]);
  });

  test("routes by what an alert says, and a run that completes ends only alerts of its partition", async () => {
    const workflow = flow("paged");
    await run(workflow, { week: "1" });
    await run(workflow, { week: "2" });
    await pass(40_000, () => told(pager, workflow.name).length === 1);
    expect(told(pager, workflow.name)[0]).toMatchObject({
      reason: "FIRST",
      firing: 2,
      title: `${workflow.name}: 2 alerts`,
    });
    expect(told(chat, workflow.name)).toEqual([]);
    await run(workflow, { ok: true, week: "1" });
    await pass(6 * MINUTE, () => told(pager, workflow.name).length === 2);
    expect(told(pager, workflow.name)[1]).toMatchObject({ reason: "SOME_RESOLVED", firing: 1, resolved: 1 });
    await run(workflow, { week: "3" });
    await pass(6 * MINUTE, () => told(pager, workflow.name).length === 3);
    expect(told(pager, workflow.name)[2]).toMatchObject({ reason: "NEW_ALERTS", firing: 2 });

    // Somebody takes one on: the channel that wants to know is told, and only the other is told again.
    const [group] = (await spine.alerts.groups()).filter(({ labels }) => labels.pipeline === workflow.name);
    const [two, three] = group?.alerts ?? [];
    await spine.alerts.acknowledge(two?.fingerprint ?? "", { by: "ann" });
    await pass(5_000, () => told(pager, workflow.name).length === 4);
    expect(told(pager, workflow.name)[3]).toMatchObject({ reason: "ACKNOWLEDGED", status: "ACKNOWLEDGED" });
    expect(told(pager, workflow.name)[3]?.alerts.map(({ acknowledgedBy }) => acknowledgedBy)).toEqual([
      "ann",
      null,
    ]);
    await spine.alerts.acknowledge(three?.fingerprint ?? "", { by: "ben", note: "on it" });
    await spine.alerts.resolve(two?.fingerprint ?? "");
    await spine.alerts.resolve(three?.fingerprint ?? "");
    await pass(6 * MINUTE, () => told(pager, workflow.name).at(-1)?.reason === "RESOLVED");
    await expect(spine.alerts.resolve("none")).rejects.toThrow(/No alert with the fingerprint/);
  });

  test("a failed delivery is tried again when the other side says, and given up with its reason", async () => {
    const workflow = flow();
    const before = chat.attempts.length;
    chat.state.behave = async () => {
      throw new SpineError("RATE_LIMITED", "slow down", { retryAfterMs: 90_000 });
    };
    await run(workflow);
    await pass(40_000, () => chat.attempts.length === before + 1);
    await pass(80_000);
    expect(chat.attempts).toHaveLength(before + 1);
    await pass(15_000, () => chat.attempts.length === before + 2);
    const [first, second] = chat.attempts.slice(before);
    expect(second).toBe(first?.replace("#1", "#2"));
    chat.state.behave = async () => {
      throw new SpineError("PERMISSION_DENIED", "the token is not known");
    };
    await pass(95_000, () => chat.attempts.length === before + 3);
    const dead = async () => (await spine.alerts.deliveries({ status: "DEAD", channel: "chat" }))[0];
    await pass(1, async () => (await dead()) !== undefined);
    expect(await dead()).toMatchObject({ attempts: 3, error: "the token is not known", reason: "FIRST" });
    chat.state.behave = async () => {};
    await spine.alerts.redeliver((await dead())?.deliveryId ?? "");
    await pass(5_000, () => told(chat, workflow.name).length === 1);
    await expect(spine.alerts.redeliver("none")).rejects.toThrow(/no delivery of this id that is DEAD/);
  });

  test("a channel that hangs keeps no run and no other channel waiting, and gets everything once it is back", async () => {
    const [slow, other] = [flow(), flow("paged")];
    const before = chat.attempts.length;
    chat.state.behave = () => new Promise(() => {});
    await run(slow);
    await pass(40_000, () => chat.attempts.length > before);
    // The message hangs by now: runs and the other channel go on.
    await run(other);
    await run(slow, { ok: true });
    await pass(40_000, () => told(pager, other.name).length === 1);
    expect(told(chat, slow.name)).toEqual([]);
    chat.state.behave = async () => {};
    await pass(10 * MINUTE, () => told(chat, slow.name).length === 2);
    expect(told(chat, slow.name).map(({ reason }) => reason)).toEqual(["FIRST", "RESOLVED"]);
    await run(other, { ok: true });
  });

  test("silences and inhibition hold messages back, and what still fires is told then", async () => {
    const [silenced, inhibited] = [flow(), flowOf("demo.inhibited")];
    const silence = await spine.alerts.silence({
      match: { pipeline: silenced.name },
      until: "20m",
      by: "ann",
      why: "a test",
    });
    expect(await spine.alerts.silences()).toEqual([silence]);
    const source = { severity: "WARNING", title: "The vendor is down", labels: { vendor: "down" } } as const;
    await spine.alerts.raise(source);
    await run(silenced);
    await run(inhibited);
    await pass(10 * MINUTE);
    expect([...told(chat, silenced.name), ...told(chat, inhibited.name)]).toEqual([]);
    expect(chat.got.some(({ title }) => title === source.title)).toBe(true);
    await spine.alerts.unsilence(silence.silenceId);
    const [raised] = await spine.alerts.list({ severity: "WARNING", limit: 1 });
    await spine.alerts.resolve(raised?.fingerprint ?? "");
    await pass(11 * MINUTE, () => told(chat, silenced.name).length + told(chat, inhibited.name).length === 2);
    for (const each of [silenced, inhibited]) expect(told(chat, each.name)[0]?.reason).toBe("FIRST");
    await expect(spine.alerts.unsilence("none")).rejects.toThrow(/no silence of this id/);
  });

  test("alerts by hand and silences are refused by name where they mean nothing", async () => {
    const alert = { severity: "WARNING", title: "t", labels: { a: "b" } } as const;
    const refused = async (work: Promise<unknown>, text: RegExp) =>
      await expect(work).rejects.toMatchObject({
        code: "VALIDATION_FAILED",
        message: expect.stringMatching(text),
      });
    await refused(spine.alerts.raise({ ...alert, labels: {} }), /`labels` .* one label at least/);
    await refused(spine.alerts.raise({ ...alert, severity: "BAD" as "INFO" }), /`severity`/);
    await refused(spine.alerts.raise({ ...alert, wrong: 1 } as typeof alert), /`wrong` is no option/);
    const silence = { match: {}, until: "1h", by: "ann", why: "w" } as const;
    await refused(spine.alerts.silence({ ...silence, until: "2020-01-01T00:00:00Z" }), /`until`/);
    await refused(spine.alerts.silence({ ...silence, from: "soon" }), /`from`/);
    await refused(spine.alerts.silence({ ...silence, match: { severity: "BAD" } }), /severity "BAD"/);
    await spine.alerts.test("pager");
    expect(pager.got.at(-1)).toMatchObject({ labels: { alert: "test" }, severity: "INFO" });
    await expect(spine.alerts.test("none")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});
