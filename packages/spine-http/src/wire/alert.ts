import {
  ALERT_SEVERITIES,
  type AlertDelivery,
  type AlertMatch,
  DELIVERY_STATUSES,
  type Matcher,
  NOTIFY_REASONS,
  type NotifiedAlert,
  type OpenAlertGroup,
  type Silence as SpineSilence,
  type StoredAlert,
} from "spine-core";
import { z } from "zod";
import { Partition } from "./run.ts";

const Iso = z.iso.datetime();
const Labels = z.record(z.string(), z.string());

/** An alert as it was raised. */
export const Alert = z
  .strictObject({
    alert_id: z.string(),
    severity: z.enum(ALERT_SEVERITIES),
    title: z.string(),
    message: z.string(),
    source: z.string(),
    /** Null for what no run has raised: an alert of one's own, a run that did not happen. */
    pipeline: z.string().nullable(),
    execution_id: z.string().nullable(),
    step: z.string().nullable(),
    domain: z.string().nullable(),
    partition: Partition.nullable(),
    labels: Labels,
    fingerprint: z.string(),
    raised_at: Iso,
    details: z.unknown(),
  })
  .meta({ id: "Alert" });

export function alertOf(alert: StoredAlert): z.output<typeof Alert> {
  const { alertId, workflow, runId, raisedAt, labels, ...same } = alert;
  return {
    alert_id: alertId,
    pipeline: workflow,
    execution_id: runId,
    raised_at: raisedAt,
    labels: { ...labels },
    ...same,
  };
}

/** An alert of a group: all that was raised with its fingerprint since it began to fire. */
const GroupedAlert = z
  .strictObject({
    fingerprint: z.string().describe("Of its labels: what it is acknowledged and resolved by."),
    status: z.enum(["FIRING", "RESOLVED"]),
    severity: z.enum(ALERT_SEVERITIES),
    title: z.string(),
    message: z.string(),
    source: z.string(),
    execution_id: z.string().nullable().describe("The newest run that it was raised for."),
    labels: Labels,
    raised: z.int().describe("How often."),
    since: Iso,
    raised_at: Iso,
    acknowledged_by: z.string().nullable(),
  })
  .meta({ id: "GroupedAlert" });

function groupedAlertOf(alert: NotifiedAlert): z.output<typeof GroupedAlert> {
  const { runId, raisedAt, acknowledgedBy, labels, ...same } = alert;
  return {
    execution_id: runId,
    raised_at: raisedAt,
    acknowledged_by: acknowledgedBy,
    labels: { ...labels },
    ...same,
  };
}

/** Alerts that are told together, as they are now. */
export const AlertGroup = z
  .strictObject({
    group_id: z.string(),
    channels: z.array(z.string()),
    labels: Labels,
    since: Iso,
    notified_at: Iso.nullable().describe("Null: nobody was told yet."),
    notifications: z.int(),
    alerts: z.array(GroupedAlert),
  })
  .meta({ id: "AlertGroup" });

export function groupOf(group: OpenAlertGroup): z.output<typeof AlertGroup> {
  const { groupId, channels, labels, since, notifiedAt, notifications, alerts } = group;
  return {
    group_id: groupId,
    channels: [...channels],
    labels: { ...labels },
    since,
    notified_at: notifiedAt,
    notifications,
    alerts: alerts.map(groupedAlertOf),
  };
}

const Text = z.string().max(1_000);
const Texts = z.array(Text).max(1_000);
/** What one fact of an alert is to be. */
const WireMatcher = z.union([
  Text,
  z.strictObject({ not: z.union([Text, Texts]) }),
  z.strictObject({ in: Texts }),
  z.strictObject({ starts_with: Text }),
  z.strictObject({ at_least: z.enum(ALERT_SEVERITIES) }),
]);
/** Which alerts are meant: labels, `severity` and `source`, each as its matcher says. */
export const Match = z.record(z.string(), WireMatcher).meta({ id: "AlertMatch" });
type WireMatcher = z.output<typeof WireMatcher>;

export function givenMatch(match: z.output<typeof Match>): AlertMatch {
  return Object.fromEntries(
    Object.entries(match).map(([fact, matcher]): [string, Matcher] => [fact, insideOf(matcher)]),
  );
}

function insideOf(matcher: WireMatcher): Matcher {
  if (typeof matcher === "string") return matcher;
  if ("starts_with" in matcher) return { startsWith: matcher.starts_with };
  return "at_least" in matcher ? { atLeast: matcher.at_least } : matcher;
}

function outsideOf(matcher: Matcher): WireMatcher {
  if (typeof matcher === "string") return matcher;
  if ("startsWith" in matcher) return { starts_with: matcher.startsWith };
  if ("atLeast" in matcher) return { at_least: matcher.atLeast };
  if ("in" in matcher) return { in: [...matcher.in] };
  return { not: typeof matcher.not === "string" ? matcher.not : [...matcher.not] };
}

/** A time in which nobody is told of alerts that match. */
export const Silence = z
  .strictObject({
    silence_id: z.string(),
    match: Match,
    from: Iso,
    until: Iso,
    by: z.string(),
    why: z.string(),
  })
  .meta({ id: "Silence" });

export function silenceOf({ silenceId, match, ...same }: SpineSilence): z.output<typeof Silence> {
  const outside = Object.entries(match).map(([fact, matcher]) => [fact, outsideOf(matcher)]);
  return { silence_id: silenceId, match: Object.fromEntries(outside), ...same };
}

/** One notification on its way to one channel. */
export const Delivery = z
  .strictObject({
    delivery_id: z.string(),
    key: z.string().describe("The same for all channels and attempts of one notification."),
    group_id: z.string(),
    channel: z.string(),
    reason: z.enum(NOTIFY_REASONS),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.int(),
    error: z.string().nullable().describe("Why the last attempt failed."),
    created_at: Iso,
    next_at: Iso.nullable(),
    ended_at: Iso.nullable(),
    notification: z.strictObject({
      status: z.enum(["FIRING", "ACKNOWLEDGED", "RESOLVED"]),
      severity: z.enum(ALERT_SEVERITIES),
      title: z.string(),
      labels: Labels,
      alerts: z.array(GroupedAlert),
      firing: z.int(),
      resolved: z.int(),
      suppressed: z.int(),
      at: Iso,
    }),
  })
  .meta({ id: "Delivery" });

export function deliveryOf(delivery: AlertDelivery): z.output<typeof Delivery> {
  const { deliveryId, groupId, createdAt, nextAt, endedAt, notification, ...same } = delivery;
  const { status, severity, title, labels, alerts, firing, resolved, suppressed, at } = notification;
  return {
    ...same,
    delivery_id: deliveryId,
    group_id: groupId,
    created_at: createdAt,
    next_at: nextAt,
    ended_at: endedAt,
    notification: {
      status,
      severity,
      title,
      labels: { ...labels },
      alerts: alerts.map(groupedAlertOf),
      firing,
      resolved,
      suppressed,
      at,
    },
  };
}
