import { deepFreeze } from "../json.ts";
import type { AlertNotification, AlertSeverity, NotifiedAlert, NotifyReason } from "./alert.ts";
import type { Acknowledgement, AlertGroup, GroupedAlert, NotifyPolicy } from "./alert-group.ts";
import { rankOf } from "./match.ts";

/** An alert that is raised, as the group takes it in. */
export type RaisedAlert = Pick<
  GroupedAlert,
  "fingerprint" | "severity" | "title" | "message" | "source" | "labels" | "workflow" | "partition" | "runId"
> & { readonly at: number };

/** What follows for a group at a moment. */
export interface NotifyDecision {
  /** The group from now on; null: all of it is over and told. */
  readonly group: AlertGroup | null;
  readonly notification: Omit<AlertNotification, "key"> | null;
  /** When it is to be looked at again without anything having happened; null for never. */
  readonly nextAt: number | null;
}

/** Different alerts of a group that are known one by one: what is beyond that is counted. */
const MOST_ALERTS = 500;
const SHOWN = 20;

export function emptyGroup(of: Pick<AlertGroup, "groupId" | "channels" | "labels" | "since">): AlertGroup {
  return { ...of, sent: 0, notifiedAt: null, repeats: 0, changedAt: null, beyond: 0, alerts: [] };
}

/** A group with an alert that was raised: a new one of it, or one that fires already, once more. */
export function raiseIn(group: AlertGroup, raised: RaisedAlert): AlertGroup {
  const { at, ...fresh } = raised;
  const known = group.alerts.find(({ fingerprint }) => fingerprint === raised.fingerprint);
  if (!known && group.alerts.length >= MOST_ALERTS)
    return { ...group, beyond: group.beyond + 1, changedAt: group.changedAt ?? at };
  if (!known) {
    const first = { firstAt: at, lastAt: at, raised: 1, told: 0, toldAs: null, resolvedAt: null } as const;
    const alert = { ...fresh, ...first, acknowledged: null };
    return { ...group, changedAt: group.changedAt ?? at, alerts: [...group.alerts, alert] };
  }
  // What was over fires again before anybody was told: nothing has changed for him but the count.
  const again = { raised: known.raised + 1, resolvedAt: null, lastAt: Math.max(known.lastAt, at) };
  const newest = at >= known.lastAt ? fresh : {};
  return replaced(group, { ...known, ...newest, ...again });
}

/** A group in which an alert is over. */
export function resolveIn(group: AlertGroup, fingerprint: string, at: number): AlertGroup {
  const known = group.alerts.find((alert) => alert.fingerprint === fingerprint);
  if (!known || known.resolvedAt !== null) return group;
  return { ...replaced(group, { ...known, resolvedAt: at }), changedAt: group.changedAt ?? at };
}

/** A group in which somebody has taken an alert on. */
export function acknowledgeIn(
  group: AlertGroup,
  fingerprint: string,
  acknowledged: Acknowledgement,
): AlertGroup {
  const known = group.alerts.find((alert) => alert.fingerprint === fingerprint);
  return known ? replaced(group, { ...known, acknowledged }) : group;
}

function replaced(group: AlertGroup, alert: GroupedAlert): AlertGroup {
  const alerts = group.alerts.map((one) => (one.fingerprint === alert.fingerprint ? alert : one));
  return { ...group, alerts };
}

/**
 * The heart of alerting: whether somebody is told of a group now, why, and of what. Pure: whoever comes second decides the same.
 *
 * @param isMuted true for alerts that are silenced or inhibited: they are kept, and told once that is over.
 */
export function decide(
  group: AlertGroup,
  now: number,
  policy: NotifyPolicy,
  isMuted: (alert: GroupedAlert) => boolean,
): NotifyDecision {
  const open = group.alerts.filter(({ resolvedAt }) => resolvedAt === null);
  const over = group.alerts.filter(({ resolvedAt, toldAs }) => resolvedAt !== null && toldAs === "FIRING");
  const muted = open.filter((alert) => isMuted(alert));
  const firing = open.filter((alert) => !muted.includes(alert));
  const fresh = firing.filter(({ toldAs }) => toldAs === null);

  const changeAt = changeDue(group, policy);
  const repeatAt = repeatDue(group, firing, policy);
  let reason: NotifyReason | null = null;
  if (changeAt !== null && changeAt <= now) {
    if (fresh.length > 0 || group.beyond > 0) reason = group.notifiedAt === null ? "FIRST" : "NEW_ALERTS";
    else if (over.length > 0) reason = open.length === 0 ? "RESOLVED" : "SOME_RESOLVED";
  }
  if (reason === null && repeatAt !== null && repeatAt <= now) reason = "REPEATED";

  if (reason !== null) {
    const after = told(group, reason, now, firing, muted.length > 0);
    const notification = messageOf(group, reason, now, firing, over);
    if (after.alerts.length === 0) return { group: null, notification, nextAt: null };
    const next = [repeatDue(after, firing.map(asTold), policy), changeDue(after, policy)];
    return { group: after, notification, nextAt: earliest(next) };
  }
  // What fired and ended before anybody was told is nobody's concern.
  const left = group.alerts.filter(({ resolvedAt, toldAs }) => resolvedAt === null || toldAs === "FIRING");
  const waits = changeAt !== null && changeAt > now;
  if (left.length === 0 && !waits) return { group: null, notification: null, nextAt: null };
  // A silence ends without a word: it is looked whether it has.
  const look = muted.length > 0 && !waits ? now + policy.groupIntervalMs : null;
  const changedAt = waits || muted.length > 0 ? group.changedAt : null;
  const nextAt = earliest([waits ? changeAt : null, repeatAt, look]);
  return { group: { ...group, changedAt, alerts: left }, notification: null, nextAt };
}

/** When what has changed is told: with all that comes within the wait, and not too soon behind the last time. */
function changeDue({ changedAt, notifiedAt }: AlertGroup, policy: NotifyPolicy): number | null {
  if (changedAt === null) return null;
  const waited = changedAt + policy.groupWaitMs;
  return notifiedAt === null ? waited : Math.max(waited, notifiedAt + policy.groupIntervalMs);
}

/**
 * When what is known is told again: soon where it was raised again, and then at twice the interval each time, up to how often it is
 * told when it only goes on firing.
 */
function repeatDue(group: AlertGroup, firing: readonly GroupedAlert[], policy: NotifyPolicy): number | null {
  const { notifiedAt, repeats } = group;
  const known = firing.filter(({ toldAs, acknowledged }) => toldAs === "FIRING" && acknowledged === null);
  if (notifiedAt === null || known.length === 0) return null;
  const again = known.some(({ raised, told }) => raised > told);
  const wait = again ? policy.groupIntervalMs * 2 ** Math.min(repeats, 20) : policy.repeatMs;
  return notifiedAt + Math.min(wait, policy.repeatMs);
}

/** The group once this was told. */
function told(
  group: AlertGroup,
  reason: NotifyReason,
  now: number,
  firing: readonly GroupedAlert[],
  isPartMuted: boolean,
): AlertGroup {
  const shown = new Set(firing.map(({ fingerprint }) => fingerprint));
  return {
    ...group,
    sent: group.sent + 1,
    notifiedAt: now,
    repeats: reason === "REPEATED" ? group.repeats + 1 : 0,
    // What is muted is looked at again after the interval.
    changedAt: isPartMuted ? now : null,
    beyond: 0,
    alerts: group.alerts.flatMap((alert) => {
      if (alert.resolvedAt !== null) return [];
      return [shown.has(alert.fingerprint) ? asTold(alert) : alert];
    }),
  };
}

function asTold(alert: GroupedAlert): GroupedAlert {
  return { ...alert, told: alert.raised, toldAs: "FIRING" };
}

/** The message to channels that want to know that somebody has taken an alert on. */
export function acknowledgedMessage(group: AlertGroup, now: number): Omit<AlertNotification, "key"> {
  const open = group.alerts.filter(({ resolvedAt }) => resolvedAt === null);
  return messageOf(group, "ACKNOWLEDGED", now, open, []);
}

function messageOf(
  group: AlertGroup,
  reason: NotifyReason,
  now: number,
  firing: readonly GroupedAlert[],
  over: readonly GroupedAlert[],
): Omit<AlertNotification, "key"> {
  const all = [...firing, ...over].sort(
    (a, b) => rankOf(b.severity) - rankOf(a.severity) || a.firstAt - b.firstAt,
  );
  const [worst] = all;
  // One of each that is new is shown as itself.
  const untold = all.reduce(
    (sum, { raised, told, toldAs }) => sum + raised - told - (toldAs === null ? 1 : 0),
    0,
  );
  return deepFreeze({
    group: group.groupId,
    reason,
    status: reason === "RESOLVED" ? "RESOLVED" : reason === "ACKNOWLEDGED" ? "ACKNOWLEDGED" : "FIRING",
    severity: worst?.severity ?? ("INFO" satisfies AlertSeverity),
    title: titleOf(group, all),
    labels: group.labels,
    alerts: all.slice(0, SHOWN).map(notified),
    firing: firing.length,
    resolved: over.length,
    suppressed: untold + group.beyond,
    at: new Date(now).toISOString(),
  });
}

function titleOf({ labels }: AlertGroup, all: readonly GroupedAlert[]): string {
  const [first, ...others] = all;
  if (!first) return "Alerts";
  if (others.length === 0) return first.title;
  const about = Object.values(labels)
    .filter((text) => text !== "")
    .join(" ");
  return `${about === "" ? "Spine" : about}: ${all.length} alerts`;
}

/** An alert of a group as channels and people see it. */
export function notified(alert: GroupedAlert): NotifiedAlert {
  const { fingerprint, severity, title, message, source, labels, runId, raised, firstAt, lastAt } = alert;
  return {
    severity,
    title,
    message,
    source,
    runId,
    labels,
    raisedAt: new Date(lastAt).toISOString(),
    fingerprint,
    status: alert.resolvedAt === null ? "FIRING" : "RESOLVED",
    raised,
    since: new Date(firstAt).toISOString(),
    acknowledgedBy: alert.acknowledged?.by ?? null,
  };
}

function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}
