// Every failure raises an alert in its own commit; a storm of them is one message, and their end is another. On a clock that is moved by hand.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  type AlertOptions,
  createSpine,
  type Database,
  defineWorkflow,
  failureSeverity,
  HistoryTracker,
  recordCount,
  type Spine,
  SpineError,
  type SpineOptions,
  secret,
  silentLogger,
} from "spine-core";
import { arraySource, overlay } from "spine-core/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { memory, sqlite } from "./databases/sqlite.ts";
import { AlertClock } from "./testing/alert-clock.ts";
import { failingFlow, MINUTE, recordingChannel } from "./testing/alert-flow.ts";
import { PLACES } from "./testing/places.ts";

describe.each(PLACES)("alerts on %s", { timeout: 120_000 }, (_name, open) => {
  const clock = new AlertClock();
  const chat = recordingChannel("chat");
  const pager = recordingChannel("pager", { acknowledges: true });
  let spine: Spine;
  let database: () => Database;
  let remove = () => {};
  let flows = 0;
  const options = {
    channels: [chat.channel, pager.channel],
    routes: [
      { match: { source: "nobody" }, channels: [] },
      { match: { severity: { atLeast: "CRITICAL" } }, channels: ["pager"], continue: true },
      { match: { domain: "paged" }, channels: ["pager"] },
      { channels: ["chat"] },
    ],
    inhibit: [{ source: { vendor: "down" }, target: { pipeline: { startsWith: "demo.inhibited" } } }],
    onFailure: (failure) => (failure.domain === "quiet" ? null : failureSeverity(failure)),
    maxAttempts: 8,
  } satisfies AlertOptions<never>;
  beforeAll(async () => {
    const place = await open();
    remove = () => place.remove();
    database = () => place.database();
    const alerts = options;
    spine = await createSpine({
      database: clock.watched(place.database()),
      logger: silentLogger,
      clock,
      alerts,
    });
  }, 60_000);
  afterAll(async () => {
    await spine?.stop();
    remove();
  });

  const flow = (domain?: string) => failingFlow(`demo.alerts_${++flows}`, domain);
  const wait = (ms: number, until?: () => boolean | Promise<boolean>) => clock.pass(ms, until);
  const run = async (
    workflow: ReturnType<typeof failingFlow>,
    params: { readonly ok?: boolean; readonly week?: string } = {},
  ) => {
    const started = await spine.run(workflow, params);
    await started.result().catch(() => {});
    return started.id;
  };

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
    });
    // The event of the failure and the alert have one time: that of their commit.
    const failed = (await spine.history.events(id)).find(({ type }) => type === "run.failed");
    expect(alert?.raisedAt).toBe(failed?.at);
    expect(await spine.alerts.get(alert?.alertId ?? "")).toEqual(alert);

    const late = await spine.run(
      defineWorkflow({ name: "demo.late" }).wait("ever", { signal: "never" }),
      {},
      { deadline: "1m" },
    );
    clock.advance(MINUTE + 1);
    await late.result().catch(() => {});
    expect(await spine.alerts.list({ runId: late.id })).toMatchObject([{ labels: { category: "TIMEOUT" } }]);

    const cancelled = await spine.run(
      defineWorkflow({ name: "demo.cancelled" }).wait("ever", { signal: "never" }),
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

  test("a secret that stands in an error stands in no alert and no message", async () => {
    process.env.SPINE_TEST_ALERT_SECRET = "hunter2-of-the-vendor";
    const workflow = defineWorkflow({ name: "demo.secret", params: z.object({ key: secret() }) }).step(
      "call",
      ({ params }) => {
        throw new Error(`the vendor refuses ${String(params.key)}`);
      },
    );
    const { id, result } = await spine.run(workflow, { key: "env:SPINE_TEST_ALERT_SECRET" });
    await result().catch(() => {});
    await wait(40_000, () => chat.told(workflow.name).length === 1);
    const [message] = chat.told(workflow.name);
    expect(message?.alerts[0]?.message).toMatch(/^the vendor refuses \S+$/);
    const all = [
      await spine.alerts.list({ runId: id }),
      message,
      await spine.alerts.deliveries(),
      await spine.alerts.groups(),
    ];
    expect(JSON.stringify(all)).not.toContain("hunter2");
  });

  test("routes by what an alert says, and a run that completes ends only alerts of its partition", async () => {
    const workflow = flow("paged");
    await run(workflow, { week: "1" });
    await run(workflow, { week: "2" });
    await wait(40_000, () => pager.told(workflow.name).length === 1);
    expect(pager.told(workflow.name)[0]).toMatchObject({
      reason: "FIRST",
      firing: 2,
      title: `${workflow.name}: 2 alerts`,
    });
    expect(chat.told(workflow.name)).toEqual([]);
    await run(workflow, { ok: true, week: "1" });
    await wait(6 * MINUTE, () => pager.told(workflow.name).length === 2);
    expect(pager.told(workflow.name)[1]).toMatchObject({ reason: "SOME_RESOLVED", firing: 1, resolved: 1 });
    await run(workflow, { week: "3" });
    await wait(6 * MINUTE, () => pager.told(workflow.name).length === 3);
    expect(pager.told(workflow.name)[2]).toMatchObject({ reason: "NEW_ALERTS", firing: 2 });

    // Somebody takes one on: the channel that wants to know is told, and only the other is told again.
    const [group] = (await spine.alerts.groups()).filter(({ labels }) => labels.pipeline === workflow.name);
    const [two, three] = group?.alerts ?? [];
    await spine.alerts.acknowledge(two?.fingerprint ?? "", { by: "ann" });
    await wait(5_000, () => pager.told(workflow.name).length === 4);
    expect(pager.told(workflow.name)[3]).toMatchObject({ reason: "ACKNOWLEDGED", status: "ACKNOWLEDGED" });
    expect(pager.told(workflow.name)[3]?.alerts.map(({ acknowledgedBy }) => acknowledgedBy)).toEqual([
      "ann",
      null,
    ]);
    await spine.alerts.acknowledge(three?.fingerprint ?? "", { by: "ben", note: "on it" });
    await spine.alerts.resolve(two?.fingerprint ?? "");
    await spine.alerts.resolve(three?.fingerprint ?? "");
    await wait(6 * MINUTE, () => pager.told(workflow.name).at(-1)?.reason === "RESOLVED");
    await expect(spine.alerts.resolve("none")).rejects.toThrow(/No alert with the fingerprint/);
  });

  test("an alert is acknowledged on a clock that stands still, also while another process is at the groups", async () => {
    const workflow = flow();
    await run(workflow);
    await wait(40_000, () => chat.told(workflow.name).length === 1);
    const [group] = (await spine.alerts.groups()).filter(({ labels }) => labels.pipeline === workflow.name);
    const other = database();
    onTestFinished(() => other.close());
    const { notifications } = await other.connect({ clock });
    const { promise: isThere, resolve: enter } = Promise.withResolvers<void>();
    const held = notifications.transaction(async () => {
      enter();
      await delay(120);
    });
    await isThere;
    await spine.alerts.acknowledge(group?.alerts[0]?.fingerprint ?? "", { by: "ann" });
    await held;
    await run(workflow, { ok: true });
    await wait(6 * MINUTE, () => chat.told(workflow.name).at(-1)?.reason === "RESOLVED");
  });

  test("a failed delivery is tried again when the other side says, and given up with its reason", async () => {
    const workflow = flow();
    const { name } = workflow;
    chat.behaviour.set(name, async () => {
      throw new SpineError("RATE_LIMITED", "slow down", { retryAfterMs: 90_000 });
    });
    await run(workflow);
    await wait(40_000, () => chat.tried(name).length > 0);
    // What became of an attempt is recorded in real time: only then may the clock go on.
    const failed = async (attempts: number) => {
      const group = chat.tried(name)[0]?.group ?? "";
      await vi.waitFor(
        async () => {
          const [delivery] = await spine.alerts.deliveries({ group });
          expect(delivery).toMatchObject({ attempts, error: "slow down" });
        },
        { timeout: 30_000, interval: 10 },
      );
    };
    await failed(1);
    await wait(70_000);
    expect(chat.tried(name)).toHaveLength(1);
    await wait(20_000, () => chat.tried(name).length === 2);
    await failed(2);
    const [first, second] = chat.tried(name);
    expect(second).toEqual(first);
    chat.behaviour.set(name, async () => {
      throw new SpineError("PERMISSION_DENIED", "the token is not known");
    });
    await wait(95_000, () => chat.tried(name).length === 3);
    const group = first?.group ?? "";
    const dead = async () => (await spine.alerts.deliveries({ status: "DEAD", group }))[0];
    await wait(1, async () => (await dead()) !== undefined);
    expect(await dead()).toMatchObject({ attempts: 3, error: "the token is not known", reason: "FIRST" });
    // What may be over in a moment is given up as well, but only after so many attempts.
    chat.behaviour.set(name, async () => {
      throw new Error("a connection was closed");
    });
    await spine.alerts.redeliver((await dead())?.deliveryId ?? "");
    await wait(6 * MINUTE, async () => (await dead()) !== undefined);
    expect(await dead()).toMatchObject({ attempts: 8, error: "a connection was closed" });
    chat.behaviour.delete(name);
    await spine.alerts.redeliver((await dead())?.deliveryId ?? "");
    await wait(5_000, () => chat.told(name).length === 1);
    await expect(spine.alerts.redeliver("none")).rejects.toThrow(/no delivery of this id that is DEAD/);
    await run(workflow, { ok: true });
  });

  test("a channel that hangs keeps no run and no other channel waiting, and gets everything once it is back", async () => {
    const [slow, other] = [flow(), flow("paged")];
    chat.behaviour.set(slow.name, () => new Promise(() => {}));
    await run(slow);
    await wait(40_000, () => chat.tried(slow.name).length > 0);
    // The message hangs by now: runs and the other channel go on.
    await run(other);
    await run(slow, { ok: true });
    await wait(40_000, () => pager.told(other.name).length === 1);
    expect(chat.told(slow.name)).toEqual([]);
    chat.behaviour.delete(slow.name);
    await wait(10 * MINUTE, () => chat.told(slow.name).length === 2);
    expect(chat.told(slow.name).map(({ reason }) => reason)).toEqual(["FIRST", "RESOLVED"]);
    await run(other, { ok: true });
  });

  test("silences and inhibition hold messages back, and what still fires is told then", async () => {
    const [silenced, inhibited] = [flow(), failingFlow("demo.inhibited")];
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
    await wait(10 * MINUTE);
    expect([...chat.told(silenced.name), ...chat.told(inhibited.name)]).toEqual([]);
    expect(chat.got.some(({ title }) => title === source.title)).toBe(true);
    await spine.alerts.unsilence(silence.silenceId);
    const [raised] = await spine.alerts.list({ severity: "WARNING", limit: 1 });
    await spine.alerts.resolve(raised?.fingerprint ?? "");
    await wait(11 * MINUTE, () => chat.told(silenced.name).length + chat.told(inhibited.name).length === 2);
    for (const each of [silenced, inhibited]) expect(chat.told(each.name)[0]?.reason).toBe("FIRST");
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
    pager.behaviour.set("", () => new Promise(() => {}));
    const late = expect(spine.alerts.test("pager")).rejects.toMatchObject({ code: "SOURCE_TIMEOUT" });
    await wait(15_000);
    await late;
    pager.behaviour.delete("");
    await expect(spine.alerts.test("none")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

test("asks the database less than once a second, idle and while alerts fire; without channels not at all", async () => {
  const clock = new AlertClock();
  let asked: string[] = [];
  const counting = (): Database => {
    const database = clock.watched(memory());
    return overlay(database, {
      connect: async (options) => {
        const stores = await database.connect(options);
        const notifications = new Proxy(stores.notifications, {
          get(target, name) {
            const own: unknown = Reflect.get(target, name, target);
            if (typeof own !== "function") return own;
            return (...args: unknown[]) => {
              asked.push(String(name));
              return Reflect.apply(own, target, args) as unknown;
            };
          },
        });
        return { ...stores, notifications };
      },
    });
  };
  const chat = recordingChannel("chat");
  const options = { logger: silentLogger, clock } as const;
  const spine = await createSpine({ ...options, database: counting(), alerts: { channels: [chat.channel] } });
  await clock.pass(MINUTE);
  expect(asked.length).toBeGreaterThan(0);
  expect(new Set(asked)).toEqual(new Set(["due"]));
  expect(asked.length).toBeLessThan(20);
  const workflow = failingFlow("demo.counted");
  await (await spine.run(workflow, {})).result().catch(() => {});
  await clock.pass(MINUTE, () => chat.told(workflow.name).length === 1);
  asked = [];
  const since = clock.now();
  await clock.pass(3 * MINUTE);
  expect(new Set(asked)).toEqual(new Set(["due", "groups", "completions"]));
  expect(asked.length).toBeLessThan((clock.now() - since) / 1_000);
  await spine.stop();

  asked = [];
  const silent = await createSpine({ ...options, database: counting() });
  const failed = await silent.run(workflow, {});
  await failed.result().catch(() => {});
  await clock.pass(MINUTE);
  expect(asked).toEqual([]);
  expect(await silent.alerts.list()).toHaveLength(1);
  await silent.stop();
});

test("a process without channels leaves alerts to those that have some; 300 pipelines that fail at once are all told", async () => {
  const clock = new AlertClock();
  const directory = mkdtempSync(join(tmpdir(), "spine-alerts-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const start = (more: Pick<SpineOptions, "alerts">) =>
    createSpine({
      database: clock.watched(sqlite(join(directory, "a.db"), { durability: "process" })),
      logger: silentLogger,
      clock,
      ...more,
    });
  const deaf = await start({ alerts: { onFailure: () => "CRITICAL" } });
  for (let n = 0; n < 350; n += 1) {
    const of = { severity: "WARNING", title: "t".repeat(900), message: "m".repeat(5_000) } as const;
    await deaf.alerts.raise({ ...of, labels: { pipeline: `demo.many_${n}` } });
  }
  await clock.pass(MINUTE);
  expect(await deaf.alerts.groups()).toEqual([]);
  const chat = recordingChannel("chat");
  const spine = await start({ alerts: { channels: [chat.channel] } });
  await clock.pass(2 * MINUTE, () => chat.got.length === 350);
  expect(chat.got[0]?.alerts[0]?.message).toHaveLength(1_000);
  await clock.pass(2 * MINUTE);
  expect(chat.got).toHaveLength(350);
  await Promise.all([spine.stop(), deaf.stop()]);
});
