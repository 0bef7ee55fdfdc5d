import { createHash } from "node:crypto";
import type { AlertNotification } from "../alerts/alert.ts";
import type { AlertGroup, GroupedAlert } from "../alerts/alert-group.ts";
import type { AlertSettings } from "../alerts/alert-options.ts";
import type { StoredAlert } from "../alerts/alert-store.ts";
import { muting } from "../alerts/mute.ts";
import type { AlertRecord, CompletionQuery, NotificationTransaction } from "../alerts/notification-store.ts";
import { decide, emptyGroup, raiseIn, resolveIn } from "../alerts/notify.ts";
import { targetsOf } from "../alerts/route.ts";
import { DATA_LATE, type LateData } from "./expectations.ts";

/** What was seen outside of the transaction: facts that stay true. */
export interface SeenFacts {
  /** When runs were completed, for those that alerts wait for. */
  readonly completed: readonly { readonly query: CompletionQuery; readonly at: number }[];
  /** What has not happened in its time. */
  readonly missing: readonly AlertRecord[];
  /** Of tables whose partitions were looked at: which of these are late. */
  readonly late: readonly LateData[];
}

/** Alerts that are taken in at a time: more of them are the next look's. */
const BATCH = 300;
/** Groups that are looked at in one transaction because their time has come. */
const MOST_GROUPS = 200;
/** What a group keeps of the texts of an alert: all of them are written at each change of it. */
const TITLE = 300;
const MESSAGE = 1_000;
/** What was raised longer ago, while there was nobody to tell, is history: it is taken in and not told. */
const TOO_LATE_MS = 86_400_000;

/**
 * One look at the groups: takes in what was raised, ends what is over, and puts into the outbox what is to be told now, all in one
 * transaction. A process that dies in the middle leaves nothing of it.
 *
 * @returns true when there may be more at once.
 */
export async function lookAtGroups(
  transaction: NotificationTransaction,
  settings: AlertSettings,
  { completed, missing, late }: SeenFacts,
): Promise<boolean> {
  const { now } = transaction;
  for (const alert of missing) await transaction.raise(alert);
  const raised = await transaction.raised(BATCH);
  const before = new Map((await transaction.groups()).map((stored) => [stored.group.groupId, stored]));
  const after = new Map([...before].map(([id, { group }]) => [id, group]));
  for (const alert of raised) takeIn(after, alert, settings, now);
  for (const [id, group] of after) after.set(id, endArrived(endCompleted(group, completed), late, now));

  const silences = after.size === 0 ? [] : await transaction.silences();
  const firing = [...after.values()].flatMap(({ alerts }) => alerts.filter(isFiring));
  const isMuted = muting(silences, settings.inhibit, firing);
  let more = raised.length === BATCH;
  let looked = 0;
  for (const [id, group] of after) {
    const stored = before.get(id);
    const isTouched = stored?.group !== group;
    const isDue = stored !== undefined && stored.nextAt !== null && stored.nextAt <= now;
    if (!isTouched && !isDue) continue;
    // What is only due is due at the next look as well: a transaction is not to be long.
    if (!isTouched && looked >= MOST_GROUPS) {
      more = true;
      continue;
    }
    looked += 1;
    const { group: next, notification, nextAt } = decide(group, now, settings.policy, isMuted);
    if (notification) {
      const key = notificationKey(group);
      await transaction.deliver({ key, ...notification }, group.channels);
    }
    if (next) await transaction.save(next, nextAt);
    else if (stored) await transaction.remove(id);
  }
  await transaction.take(raised.map(({ alertId }) => alertId));
  return more;
}

/** The same however often it is worked out: of the group, since it began to fire, and of how many notifications there were. */
export function notificationKey({ groupId, since, sent }: AlertGroup): AlertNotification["key"] {
  return createHash("sha256").update(`${groupId}/${since}/${sent}`).digest("hex").slice(0, 32);
}

function takeIn(
  groups: Map<string, AlertGroup>,
  alert: StoredAlert,
  settings: AlertSettings,
  now: number,
): void {
  const at = Date.parse(alert.raisedAt);
  if (at < now - TOO_LATE_MS) return;
  const { fingerprint, severity, source, labels, workflow, partition, runId } = alert;
  const [title, message] = [cut(alert.title, TITLE), cut(alert.message, MESSAGE)];
  for (const target of targetsOf(alert, settings)) {
    const group = groups.get(target.groupId) ?? emptyGroup({ ...target, since: at });
    const raised = { fingerprint, severity, title, message, source, labels, workflow, partition, runId, at };
    groups.set(target.groupId, raiseIn(group, raised));
  }
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1).toWellFormed()}…`;
}

/** What the alerts of groups wait for: a run of their pipeline and partition that is completed. */
export function awaitedRuns(groups: readonly AlertGroup[]): readonly CompletionQuery[] {
  const queries = new Map<string, CompletionQuery>();
  for (const { workflow, partition, runId, lastAt } of groups.flatMap(({ alerts }) =>
    alerts.filter(isFiring),
  )) {
    if (workflow === null) continue;
    const query = { workflow, partition, runId, since: lastAt };
    queries.set(JSON.stringify(query), query);
  }
  return [...queries.values()];
}

function endCompleted(group: AlertGroup, completed: SeenFacts["completed"]): AlertGroup {
  let next = group;
  for (const { query, at } of completed) {
    for (const alert of group.alerts) {
      const isAbout =
        alert.workflow === query.workflow &&
        JSON.stringify(alert.partition) === JSON.stringify(query.partition) &&
        alert.runId === query.runId;
      // In the transaction it may have been raised once more.
      const isAfter = next.alerts.some((one) => one.fingerprint === alert.fingerprint && one.lastAt < at);
      if (isAbout && isAfter) next = resolveIn(next, alert.fingerprint, at);
    }
  }
  return next;
}

/** A partition that has come is not late any more, however it came. */
function endArrived(group: AlertGroup, late: readonly LateData[], now: number): AlertGroup {
  let next = group;
  for (const { table, keys } of late) {
    for (const { fingerprint, labels } of group.alerts) {
      if (labels.alert !== DATA_LATE || labels.table !== table || keys.has(labels.partition ?? "")) continue;
      next = resolveIn(next, fingerprint, now);
    }
  }
  return next;
}

export function isFiring({ resolvedAt }: GroupedAlert): boolean {
  return resolvedAt === null;
}
