import { expect } from "vitest";
import type { AlertNotification } from "../alerts/alert.ts";
import { alertFingerprint } from "../alerts/fingerprint.ts";
import type { AlertRecord, NotificationTransaction, Silence } from "../alerts/notification-store.ts";
import { emptyGroup } from "../alerts/notify.ts";
import { newId } from "../ids.ts";
import { advanceCommit, committed, startRun, stepEnd } from "./history-samples.ts";
import {
  type Check,
  type DatabaseHarness,
  databaseSuite,
  type SuiteOptions,
  type TestContext,
} from "./suite.ts";

/** The conformance suite of notification stores: registers its tests with vitest. */
export function testNotificationStore(
  name: string,
  harness: DatabaseHarness,
  options: SuiteOptions = {},
): void {
  databaseSuite(`notification store: ${name}`, harness, options, (check) => {
    groupTests(check);
    deliveryTests(check);
    factTests(check);
  });
}

const LABELS = { vendor: "acme" };
const GROUP = emptyGroup({ groupId: "g1", channels: ["pager"], labels: LABELS, since: 1 });

function alertOf(more: Partial<AlertRecord> = {}): AlertRecord {
  return {
    alertId: newId(),
    severity: "ERROR",
    title: "It broke",
    message: "é\u2028",
    source: "test",
    workflow: null,
    domain: null,
    partition: null,
    labels: LABELS,
    details: { n: 1 },
    ...more,
  };
}

function notificationOf(key: string, group = "g1"): AlertNotification {
  const of = { severity: "ERROR", title: "It broke", labels: LABELS } as const;
  const counts = { alerts: [], firing: 1, resolved: 0, suppressed: 0 };
  return { ...of, ...counts, key, group, reason: "FIRST", status: "FIRING", at: "2026-01-05T09:00:00.000Z" };
}

async function inTransaction<T>(
  { stores }: Pick<TestContext, "stores">,
  work: (transaction: NotificationTransaction) => Promise<T>,
): Promise<T> {
  const done = await stores.notifications.transaction(work);
  if (done === null) throw new Error("Another process is at the alerts.");
  return done;
}

function groupTests(check: Check): void {
  check("an alert is taken in once, and raised once however often that is done", async (context) => {
    const { alerts, notifications } = context.stores;
    const alert = alertOf({ workflow: "demo.trades", partition: { week: "1" } });
    await notifications.raise(alert);
    await notifications.raise({ ...alert, title: "another" });
    expect(await notifications.due()).toMatchObject({ raised: true, groups: 0, groupsAt: null });
    const raised = await inTransaction(context, async (transaction) => {
      const found = await transaction.raised(10);
      await transaction.take(found.map(({ alertId }) => alertId));
      return found;
    });
    const at = new Date(context.clock.now()).toISOString();
    const fingerprint = alertFingerprint(LABELS);
    const stored = { ...alert, fingerprint, raisedAt: at, runId: null, step: null };
    expect(raised).toEqual([stored]);
    expect(await alerts.get(alert.alertId)).toEqual(stored);
    expect(await alerts.get(newId())).toBeUndefined();
    expect(await alerts.get("none")).toBeUndefined();
    expect(await notifications.due()).toMatchObject({ raised: false, now: context.clock.now() });
    expect(await inTransaction(context, (transaction) => transaction.raised(10))).toEqual([]);
  });

  check("keeps groups with the time at which they are looked at, until they are removed", async (context) => {
    const { notifications } = context.stores;
    const later = context.clock.now() + 30_000;
    await inTransaction(context, async (transaction) => {
      await transaction.save(GROUP, later);
      await transaction.save({ ...GROUP, groupId: "g2" }, null);
    });
    expect(await notifications.due()).toMatchObject({ groups: 2, groupsAt: later });
    expect(await inTransaction(context, (transaction) => transaction.groups())).toEqual([
      { group: GROUP, nextAt: later },
      { group: { ...GROUP, groupId: "g2" }, nextAt: null },
    ]);
    const changed = { ...GROUP, sent: 3 };
    await inTransaction(context, (transaction) => transaction.save(changed, null));
    expect(await notifications.groups()).toEqual([changed, { ...GROUP, groupId: "g2" }]);
    await inTransaction(context, (transaction) => transaction.remove("g1"));
    expect(await notifications.groups()).toEqual([{ ...GROUP, groupId: "g2" }]);
    expect(await notifications.due()).toMatchObject({ groups: 1, groupsAt: null });
  });

  check("a transaction that fails leaves nothing of it, and one at a time works", async (context) => {
    const { notifications } = context.stores;
    await notifications.raise(alertOf());
    const failed = inTransaction(context, async (transaction) => {
      await transaction.save(GROUP, null);
      await transaction.deliver(notificationOf("k1"), ["pager"]);
      await transaction.take((await transaction.raised(10)).map(({ alertId }) => alertId));
      throw new Error("undone");
    });
    await expect(failed).rejects.toThrow("undone");
    expect(await notifications.due()).toMatchObject({ raised: true, groups: 0 });
    expect(await notifications.deliveries()).toEqual([]);
    const other = (await context.again?.()) ?? null;
    if (other === null) return;
    try {
      let inside = 0;
      const slow = async (transaction: NotificationTransaction) => {
        inside += 1;
        expect(inside).toBe(1);
        const group = (await transaction.groups())[0]?.group ?? GROUP;
        await transaction.save({ ...group, sent: group.sent + 1 }, null);
        inside -= 1;
      };
      const stores = [notifications, other.stores.notifications, notifications];
      let worked = 0;
      // Often: one that begins while another ends must not see what was before that.
      for (let round = 0; round < 20; round += 1) {
        const done = await Promise.all(
          stores.map((store) => store.transaction((transaction) => slow(transaction).then(() => true))),
        );
        worked += done.filter((one) => one !== null).length;
        expect((await notifications.groups())[0]?.sent).toBe(worked);
      }
      expect(worked).toBeGreaterThan(0);
    } finally {
      await other.close();
    }
  });

  check("silences hold from their beginning to their end, or until they are ended", async (context) => {
    const { notifications } = context.stores;
    const at = (ms: number) => new Date(context.clock.now() + ms).toISOString();
    const silence = (from: number, until: number): Silence => ({
      silenceId: newId(),
      match: { vendor: { startsWith: "a" } },
      from: at(from),
      until: at(until),
      by: "ann",
      why: "a test",
    });
    const [now, later] = [silence(-1_000, 60_000), silence(30_000, 90_000)];
    for (const each of [now, later]) await notifications.silence(each);
    expect(await notifications.silences()).toEqual([later, now]);
    const holding = () => inTransaction(context, (transaction) => transaction.silences());
    expect(await holding()).toEqual([now]);
    context.clock.advance(40_000);
    expect(await holding()).toHaveLength(2);
    expect(await notifications.unsilence(now.silenceId)).toBe(true);
    expect(await notifications.unsilence(now.silenceId)).toBe(false);
    expect(await notifications.unsilence("none")).toBe(false);
    expect(await holding()).toEqual([later]);
  });
}

const LEASE = { limit: 10, leaseMs: 40_000 };

function deliveryTests(check: Check): void {
  check("a delivery is in the hands of one, until its lease is over or it has ended", async (context) => {
    const { notifications } = context.stores;
    const notification = notificationOf("k1");
    await inTransaction(context, async (transaction) => {
      await transaction.deliver(notification, ["pager", "chat"]);
      await transaction.deliver(notification, ["pager"]);
    });
    expect([...(await notifications.due()).deliveries.keys()].sort()).toEqual(["chat", "pager"]);
    const [first, ...others] = await notifications.claim("pager", LEASE);
    expect(first).toMatchObject({ channel: "pager", notification, attempt: 1 });
    expect(others).toEqual([]);
    expect(await notifications.claim("pager", LEASE)).toEqual([]);
    if (!first) return;
    context.clock.advance(39_999);
    expect(await notifications.claim("pager", LEASE)).toEqual([]);
    context.clock.advance(1);
    const [second] = await notifications.claim("pager", LEASE);
    expect(second).toMatchObject({ deliveryId: first.deliveryId, attempt: 2 });
    expect(await notifications.end(first, { status: "SENT" })).toBe(false);
    if (!second) return;
    expect(await notifications.end(second, { status: "PENDING", retryInMs: 5_000, error: "busy" })).toBe(
      true,
    );
    expect(await notifications.claim("pager", LEASE)).toEqual([]);
    context.clock.advance(5_000);
    const [third] = await notifications.claim("pager", LEASE);
    expect(third && (await notifications.end(third, { status: "SENT" }))).toBe(true);
    expect(await notifications.deliveries({ channel: "pager" })).toEqual([
      {
        deliveryId: first.deliveryId,
        key: "k1",
        groupId: "g1",
        channel: "pager",
        reason: "FIRST",
        status: "SENT",
        attempts: 3,
        notification,
        error: null,
        createdAt: "2026-01-05T09:00:00.000Z",
        nextAt: null,
        endedAt: new Date(context.clock.now()).toISOString(),
      },
    ]);
    expect([...(await notifications.due()).deliveries.keys()]).toEqual(["chat"]);
  });

  check("of one group the oldest that is not delivered goes first", async (context) => {
    const { notifications } = context.stores;
    await inTransaction(context, async (transaction) => {
      for (const key of ["k1", "k2"]) await transaction.deliver(notificationOf(key), ["pager"]);
      await transaction.deliver(notificationOf("k3", "g2"), ["pager"]);
    });
    const claim = async () => {
      const claimed = await notifications.claim("pager", LEASE);
      return claimed.toSorted((a, b) => (a.notification.key < b.notification.key ? -1 : 1));
    };
    const [first, other] = await claim();
    expect([first?.notification.key, other?.notification.key]).toEqual(["k1", "k3"]);
    expect(await claim()).toEqual([]);
    if (first) await notifications.end(first, { status: "DEAD", error: "refused" });
    expect((await claim()).map(({ notification: { key } }) => key)).toEqual(["k2"]);
    const [dead] = await notifications.deliveries({ status: "DEAD" });
    expect(dead).toMatchObject({ key: "k1", error: "refused" });
    expect(await notifications.redeliver(newId())).toBe(false);
    expect(await notifications.redeliver(dead?.deliveryId ?? "")).toBe(true);
    expect(await notifications.redeliver(dead?.deliveryId ?? "")).toBe(false);
    expect((await claim())[0]).toMatchObject({ attempt: 1, notification: { key: "k1" } });
    expect(await notifications.deliveries({ group: "g2", limit: 5 })).toHaveLength(1);
    const [newest] = await notifications.deliveries({ limit: 1 });
    expect(await notifications.deliveries({ after: newest?.deliveryId ?? "" })).toHaveLength(2);
    expect(await notifications.deliveries({ after: "none" })).toEqual([]);
    await expect(notifications.deliveries({ state: "DEAD" } as object)).rejects.toThrow(
      /`state` is no option/,
    );
  });

  check(
    "gives up what nobody takes, and not what waits behind another that is tried again",
    async (context) => {
      const { notifications } = context.stores;
      await inTransaction(context, async (transaction) => {
        for (const key of ["k1", "k2"]) await transaction.deliver(notificationOf(key), ["pager", "gone"]);
      });
      const before = context.clock.now() + 1;
      const [claimed] = await notifications.claim("pager", LEASE);
      if (claimed) await notifications.end(claimed, { status: "PENDING", retryInMs: 60_000, error: "busy" });
      expect(await notifications.abandon(before - 1)).toBe(0);
      expect(await notifications.abandon(before)).toBe(2);
      expect(await notifications.abandon(before)).toBe(0);
      const dead = await notifications.deliveries({ status: "DEAD" });
      expect(dead.map(({ channel, key }) => `${channel} ${key}`)).toEqual(["gone k2", "gone k1"]);
      for (const { error, endedAt, nextAt } of dead) {
        expect(error).toContain("none has its channel");
        expect([endedAt, nextAt]).toEqual([new Date(context.clock.now()).toISOString(), null]);
      }
      expect([...(await notifications.due()).deliveries.keys()]).toEqual(["pager"]);
      expect(await notifications.redeliver(dead[0]?.deliveryId ?? "")).toBe(true);
    },
  );

  check("removes what ended before a time, and nothing that is still to be done", async (context) => {
    const { notifications, alerts } = context.stores;
    await notifications.raise(alertOf());
    await inTransaction(context, async (transaction) => {
      await transaction.take((await transaction.raised(9)).map(({ alertId }) => alertId));
      await transaction.deliver(notificationOf("k1"), ["pager", "chat"]);
    });
    const [claimed] = await notifications.claim("pager", LEASE);
    if (claimed) await notifications.end(claimed, { status: "SENT" });
    await notifications.prune(context.clock.now());
    expect(await notifications.deliveries()).toHaveLength(2);
    expect(await alerts.list()).toHaveLength(1);
    await notifications.prune(context.clock.now() + 1);
    expect((await notifications.deliveries()).map(({ channel }) => channel)).toEqual(["chat"]);
    expect(await alerts.list()).toEqual([]);
  });
}

function factTests(check: Check): void {
  check(
    "knows when the newest run was completed, of a workflow, of a partition, or one that is named",
    async (context) => {
      const { history, notifications } = context.stores;
      const ask = async (
        partition: Readonly<Record<string, string>> | null,
        runId: string | null,
        workflow: string,
      ) => (await notifications.completions([{ workflow, partition, runId, since: 0 }]))[0];
      const run = await startRun(history, { workflow: "demo.a", partition: { week: "1" } });
      expect(await ask(null, null, "demo.a")).toBeNull();
      context.clock.advance(1_000);
      const end = { ended: [stepEnd("first")], run: { status: "COMPLETED" as const } };
      await committed(history, advanceCommit(run.runId, run.fence, end));
      const at = context.clock.now();
      expect(await ask(null, null, "demo.a")).toBe(at);
      expect(await ask({ week: "1" }, null, "demo.a")).toBe(at);
      expect(await ask({ week: "2" }, null, "demo.a")).toBeNull();
      expect(await ask({ week: "2" }, run.runId, "demo.a")).toBe(at);
      expect(await ask(null, "none", "demo.b")).toBeNull();
      expect(await notifications.completions([])).toEqual([]);
    },
  );

  check("remembers since when it was asked about a name", async (context) => {
    const { notifications } = context.stores;
    const began = context.clock.now();
    expect(await notifications.watchedSince("run/demo")).toBe(began);
    context.clock.advance(5_000);
    expect(await notifications.watchedSince("run/demo")).toBe(began);
    expect(await notifications.watchedSince("run/other")).toBe(began + 5_000);
  });
}
