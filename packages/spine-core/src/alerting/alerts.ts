import { setTimeout as delay } from "node:timers/promises";
import {
  ALERT_SEVERITIES,
  type AlertChannel,
  type AlertNotification,
  type AlertSeverity,
  type NotifiedAlert,
} from "../alerts/alert.ts";
import type { AlertGroup } from "../alerts/alert-group.ts";
import type { AlertSettings } from "../alerts/alert-options.ts";
import type { AlertStore } from "../alerts/alert-store.ts";
import { alertFingerprint } from "../alerts/fingerprint.ts";
import { type AlertMatch, checkMatch } from "../alerts/match.ts";
import type {
  AlertDelivery,
  DeliveryQuery,
  NotificationStore,
  NotificationTransaction,
  Silence,
} from "../alerts/notification-store.ts";
import { acknowledgedMessage, acknowledgeIn, notified, resolveIn } from "../alerts/notify.ts";
import {
  anObject,
  anything,
  aText,
  checkArgument,
  checkOptions,
  type OptionKinds,
  oneOf,
  required,
} from "../check-options.ts";
import { checkText } from "../check-text.ts";
import type { Clock } from "../clock.ts";
import { type Partition, partitionKey } from "../context.ts";
import { type Duration, toMs } from "../duration.ts";
import { SpineError, ValidationError } from "../errors.ts";
import { checkPartition } from "../history/check-partition.ts";
import { newId } from "../ids.ts";
import { AN_INSTANT, toInstant } from "../instant.ts";
import { decodeJson, encodeJson } from "../json.ts";
import type { Registry } from "../registry.ts";
import { isFiring, notificationKey } from "./look-at-groups.ts";

/** An alert that somebody raises by hand. */
export interface NewAlert {
  readonly severity: AlertSeverity;
  readonly title: string;
  readonly message?: string;
  /** What it is about, one at least: alerts with equal labels are one that is raised again. */
  readonly labels: Readonly<Record<string, string>>;
  /** `custom` when left out. */
  readonly source?: string;
  /** With it, a completed run of that workflow (and partition) ends the alert; without, `resolve` does. */
  readonly workflow?: string;
  readonly partition?: Partition;
  /** Any JSON. */
  readonly details?: unknown;
}

/** Alerts that are told together, as they are now. Times are ISO texts in UTC. */
export interface OpenAlertGroup {
  readonly groupId: string;
  readonly channels: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly since: string;
  /** When somebody was told last; null: nobody yet. */
  readonly notifiedAt: string | null;
  readonly notifications: number;
  readonly alerts: readonly NotifiedAlert[];
}

/** From when until when nobody is told of what matches, who says so, and why. */
export interface NewSilence {
  readonly match: AlertMatch;
  /** Now when left out. A Date, or ISO text with its zone. */
  readonly from?: Date | string;
  /** A time, or how long from `from` on: a duration such as `"2h"`, or milliseconds. */
  readonly until: Date | string | number;
  readonly by: string;
  readonly why: string;
}

/** Who takes an alert on. */
export interface AcknowledgeOptions {
  readonly by: string;
  readonly note?: string;
}

/** Alerts: what was raised, who was told, and what people say to it. */
export interface Alerts extends AlertStore {
  /**
   * Raises an alert of your own; returns its id. @throws ValidationError that names the field.
   *
   * @example
   * await spine.alerts.raise({ severity: "WARNING", title: "The vendor is slow", labels: { vendor: "acme" } });
   */
  raise(alert: NewAlert): Promise<string>;
  /** What fires now, and what is to be told still. */
  groups(): Promise<readonly OpenAlertGroup[]>;
  /**
   * Takes an alert on: it is not repeated while it goes on firing. @throws ValidationError where none with this fingerprint fires.
   *
   * @example
   * for (const { alerts } of await spine.alerts.groups()) {
   *   for (const { fingerprint } of alerts) await spine.alerts.acknowledge(fingerprint, { by: "ann" });
   * }
   */
  acknowledge(fingerprint: string, options: AcknowledgeOptions): Promise<void>;
  /** Ends an alert. One of a pipeline ends by itself with the next run that completes. @throws ValidationError where none fires. */
  resolve(fingerprint: string): Promise<void>;
  /**
   * Keeps alerts that match from being told for a time: what still fires then is told then. @throws ValidationError
   *
   * @example
   * await spine.alerts.silence({ match: { domain: "finra" }, until: "2h", by: "ann", why: "the vendor moves house" });
   */
  silence(silence: NewSilence): Promise<Silence>;
  /** Ends a silence. @throws ValidationError where there is none of this id. */
  unsilence(silenceId: string): Promise<void>;
  /** Those that have not ended, the newest first. */
  silences(): Promise<readonly Silence[]>;
  /** The outbox, newest first: what was sent, what waits, and what was given up with its reason. @throws ValidationError */
  deliveries(query?: DeliveryQuery): Promise<readonly AlertDelivery[]>;
  /** Tries a DEAD delivery again from the start. @throws ValidationError where there is none of this id that is DEAD. */
  redeliver(deliveryId: string): Promise<void>;
  /** Sends a test message at once, past routes and outbox. @throws SpineError what the channel says. */
  test(channel: string): Promise<void>;
}

export interface AlertsOptions {
  readonly store: AlertStore;
  readonly notifications: NotificationStore;
  readonly channels: Registry<AlertChannel>;
  readonly settings: Pick<AlertSettings, "timeoutMs">;
  readonly clock: Clock;
  readonly wake: () => void;
}

const NEW_ALERT: OptionKinds<NewAlert> = {
  severity: required(oneOf(ALERT_SEVERITIES)),
  title: required(aText),
  message: aText,
  labels: required({
    is: "an object of texts with one label at least",
    fits: (value) =>
      anObject.fits(value) &&
      Object.keys(value as object).length > 0 &&
      Object.values(value as object).every((text) => typeof text === "string"),
  }),
  source: aText,
  workflow: aText,
  partition: anObject,
  details: anything,
};
const SILENCE: OptionKinds<NewSilence> = {
  match: required(anything),
  from: anything,
  until: required(anything),
  by: required(aText),
  why: required(aText),
};
const ACKNOWLEDGE: OptionKinds<AcknowledgeOptions> = { by: required(aText), note: aText };
const LONGEST_NAME = 200;
const LONGEST_TEXT = 8_000;
/** How often the groups are asked for, while another process is at them. */
const TRIES = 100;
const BUSY_MS = 50;

/** What hosts do with alerts. */
export function alertsOf(options: AlertsOptions): Alerts {
  const { store, notifications, channels, settings, clock, wake } = options;
  /** Changes the groups of an alert, with no other process at them. */
  const change = async (
    fingerprint: string,
    one: (group: AlertGroup, transaction: NotificationTransaction) => Promise<AlertGroup>,
  ) => {
    checkArgument("fingerprint", fingerprint, aText, { of: "an alert" });
    const work = async (transaction: NotificationTransaction) => {
      const all = (await transaction.groups()).map(({ group }) => group);
      const about = all.filter(({ alerts }) =>
        alerts.some((alert) => alert.fingerprint === fingerprint && isFiring(alert)),
      );
      for (const group of about) {
        const next = await one(group, transaction);
        // What is to be told of it is decided by the next look, which comes at once.
        await transaction.save(next, transaction.now);
      }
      return about.length;
    };
    for (let tries = 0; tries < TRIES; tries += 1) {
      const changed = await notifications.transaction(work);
      if (changed === 0) {
        throw new ValidationError(
          `No alert with the fingerprint "${fingerprint.slice(0, 80)}" fires. \`spine.alerts.groups\` lists those that do.`,
        );
      }
      if (changed !== null) return wake();
      // Real time, also where tests move the clock by hand: that is how long others take.
      await delay(BUSY_MS);
    }
    throw new SpineError("DATABASE_BUSY", "Other processes are at the alerts all the time. Try again.");
  };
  return {
    list: (query) => store.list(query),
    get: (alertId) => store.get(alertId),
    raise: async (alert) => {
      const record = recordOf(alert);
      await notifications.raise(record);
      wake();
      return record.alertId;
    },
    groups: async () => (await notifications.groups()).map(openGroup),
    acknowledge: async (fingerprint, given) => {
      checkOptions(given, ACKNOWLEDGE, { of: "acknowledge" });
      const by = checkText(given.by, "`by`", LONGEST_NAME);
      const note = given.note === undefined ? null : checkText(given.note, "`note`", LONGEST_TEXT);
      await change(fingerprint, async (group, transaction) => {
        const next = acknowledgeIn(group, fingerprint, { by, note, at: transaction.now });
        const told = next.channels.filter((name) => channels.has(name) && channels.get(name).acknowledges);
        // Nobody has to know that something was taken on of which he does not know.
        if (told.length === 0 || next.notifiedAt === null) return next;
        const key = notificationKey(next);
        await transaction.deliver({ key, ...acknowledgedMessage(next, transaction.now) }, told);
        return { ...next, sent: next.sent + 1 };
      });
    },
    resolve: (fingerprint) =>
      change(fingerprint, async (group, { now }) => resolveIn(group, fingerprint, now)),
    silence: async (given) => {
      const silence = silenceOf(given, clock.now());
      await notifications.silence(silence);
      return silence;
    },
    unsilence: async (silenceId) => {
      checkArgument("silenceId", silenceId, aText, { of: "unsilence" });
      if (!(await notifications.unsilence(silenceId)))
        throw new ValidationError("There is no silence of this id that has not ended.");
      wake();
    },
    silences: () => notifications.silences(),
    deliveries: (query) => notifications.deliveries(query),
    redeliver: async (deliveryId) => {
      checkArgument("deliveryId", deliveryId, aText, { of: "redeliver" });
      if (!(await notifications.redeliver(deliveryId)))
        throw new ValidationError("There is no delivery of this id that is DEAD.");
      wake();
    },
    test: async (name) => {
      const channel = channels.get(name);
      const controller = new AbortController();
      const { promise: over, reject } = Promise.withResolvers<never>();
      const late = new SpineError("SOURCE_TIMEOUT", `The alert channel "${name}" did not answer in time.`);
      const stopTimer = clock.after(settings.timeoutMs, () => {
        reject(late);
        controller.abort(late);
      });
      try {
        const options = { signal: controller.signal, attempt: 1 };
        await Promise.race([channel.send(testNotification(clock.now()), options), over]);
      } finally {
        stopTimer();
      }
    },
  };
}

function recordOf(alert: NewAlert) {
  checkOptions(alert, NEW_ALERT, { of: "an alert" });
  const { severity, labels, workflow, partition, message = "", source = "custom", details = null } = alert;
  for (const [name, text] of Object.entries(labels)) {
    checkText(name, "The name of a label", LONGEST_NAME);
    checkText(text, `The label \`${name}\``, LONGEST_NAME);
  }
  return {
    alertId: newId(),
    severity,
    title: checkText(alert.title, "`title`", LONGEST_NAME * 5),
    message: checkText(message, "`message`", LONGEST_TEXT),
    source: checkText(source, "`source`", LONGEST_NAME),
    workflow: workflow === undefined ? null : checkText(workflow, "`workflow`", LONGEST_NAME),
    domain: labels.domain ?? null,
    partition: checkPartition(partition ?? null, "of an alert"),
    labels: {
      ...(workflow === undefined ? {} : { pipeline: workflow }),
      ...(partition === undefined ? {} : { partition: partitionKey(partition) }),
      ...labels,
    },
    details: decodeJson(encodeJson(details, "the `details` of an alert")),
  };
}

function silenceOf(given: NewSilence, now: number): Silence {
  checkOptions(given, SILENCE, { of: "a silence" });
  checkMatch(given.match, "The `match` of a silence", "VALIDATION_FAILED");
  const from = given.from === undefined ? now : toInstant(given.from);
  if (from === null) throw new ValidationError(`The option \`from\` of a silence is ${AN_INSTANT}.`);
  const until = toInstant(given.until) ?? from + durationOf(given.until);
  if (!(until > from && until > now)) {
    throw new ValidationError(
      `The option \`until\` of a silence is a time behind \`from\` and in the future, or how long it lasts: ${AN_INSTANT}, or e.g. "2h".`,
    );
  }
  return {
    silenceId: newId(),
    match: given.match,
    from: new Date(from).toISOString(),
    until: new Date(until).toISOString(),
    by: checkText(given.by, "`by`", LONGEST_NAME),
    why: checkText(given.why, "`why`", LONGEST_TEXT),
  };
}

/** NaN for what is none: it is refused as a time. */
function durationOf(given: unknown): number {
  try {
    return toMs(given as Duration);
  } catch {
    return Number.NaN;
  }
}

function openGroup({
  groupId,
  channels,
  labels,
  since,
  notifiedAt,
  sent,
  alerts,
}: AlertGroup): OpenAlertGroup {
  return {
    groupId,
    channels,
    labels,
    since: new Date(since).toISOString(),
    notifiedAt: notifiedAt === null ? null : new Date(notifiedAt).toISOString(),
    notifications: sent,
    alerts: alerts.map(notified),
  };
}

function testNotification(now: number): AlertNotification {
  const at = new Date(now).toISOString();
  const labels = { alert: "test" };
  const title = "This is a test message of Spine";
  const message = "Nothing is wrong. Somebody looks whether messages come here.";
  const of = { severity: "INFO", title, labels } as const;
  const fingerprint = alertFingerprint(labels);
  const alert: NotifiedAlert = {
    ...of,
    message,
    source: "test",
    runId: null,
    raisedAt: at,
    fingerprint,
    status: "FIRING",
    raised: 1,
    since: at,
    acknowledgedBy: null,
  };
  const id = newId();
  return {
    ...of,
    key: id,
    group: id,
    reason: "FIRST",
    status: "FIRING",
    alerts: [alert],
    firing: 1,
    resolved: 0,
    suppressed: 0,
    at,
  };
}
