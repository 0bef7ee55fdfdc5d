import type { Partition } from "../context.ts";
import type { JsonValue } from "../json.ts";
import type { AlertNotification, AlertSeverity, NotifyReason } from "./alert.ts";
import type { AlertGroup } from "./alert-group.ts";
import type { StoredAlert } from "./alert-store.ts";
import type { AlertMatch } from "./match.ts";

/** PENDING: it is on its way, or waits to be tried again. SENT: the other side has it. DEAD: it was given up, and `error` says why. */
export const DELIVERY_STATUSES = ["PENDING", "SENT", "DEAD"] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** One notification on its way to one channel. Times are ISO texts in UTC. */
export interface AlertDelivery {
  readonly deliveryId: string;
  /** The same for all channels and attempts of one notification. */
  readonly key: string;
  readonly groupId: string;
  readonly channel: string;
  readonly reason: NotifyReason;
  readonly status: DeliveryStatus;
  /** How often it was tried. */
  readonly attempts: number;
  readonly notification: AlertNotification;
  /** Why the last attempt failed; null for none. */
  readonly error: string | null;
  readonly createdAt: string;
  /** When it is tried next, or who tries it now has to be done; null once it is SENT or DEAD. */
  readonly nextAt: string | null;
  readonly endedAt: string | null;
}

export interface DeliveryQuery {
  readonly status?: DeliveryStatus;
  readonly channel?: string;
  /** The `groupId` of a group: the `group` of its notifications. */
  readonly group?: string;
  /** At most this many; 100 when left out, 1,000 at most. */
  readonly limit?: number;
  /** Continue behind this one, which is newer. */
  readonly after?: string;
}

/** A time in which nobody is told of alerts that match. Times are ISO texts in UTC. */
export interface Silence {
  readonly silenceId: string;
  readonly match: AlertMatch;
  readonly from: string;
  readonly until: string;
  readonly by: string;
  readonly why: string;
}

/** An alert that no transition of a run carries. */
export interface AlertRecord {
  readonly alertId: string;
  readonly severity: AlertSeverity;
  readonly title: string;
  readonly message: string;
  readonly source: string;
  readonly workflow: string | null;
  readonly domain: string | null;
  readonly partition: Partition | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly details: JsonValue;
}

/** What there is to do, by one look. Times are ms since the epoch, of the clock that `now` is of. */
export interface AlertsDue {
  readonly now: number;
  /** True where alerts were raised that no group has taken in. */
  readonly raised: boolean;
  /** How many groups there are, and when the next of them is to be looked at. */
  readonly groups: number;
  readonly groupsAt: number | null;
  /** By channel: when the next delivery is due. */
  readonly deliveries: ReadonlyMap<string, number>;
}

/** What an alert waits for to be over: a run of the workflow (of the partition, where it has one) that completes after `since`. */
export interface CompletionQuery {
  readonly workflow: string;
  readonly partition: Partition | null;
  readonly runId: string | null;
  readonly since: number;
}

/** A group, with when it is to be looked at again (ms since the epoch); null: when something happens. */
export interface StoredGroup {
  readonly group: AlertGroup;
  readonly nextAt: number | null;
}

/** All that one look at the groups reads and writes, in one transaction with no other beside it. */
export interface NotificationTransaction {
  /** Ms since the epoch. */
  readonly now: number;
  /** Alerts that no group has taken in, the oldest first. */
  raised(limit: number): Promise<readonly StoredAlert[]>;
  /** They are taken in. */
  take(alertIds: readonly string[]): Promise<void>;
  groups(): Promise<readonly StoredGroup[]>;
  /** Silences that hold now. */
  silences(): Promise<readonly Silence[]>;
  /** Stores a group, to be looked at again at `nextAt` (ms; null: when something happens). */
  save(group: AlertGroup, nextAt: number | null): Promise<void>;
  remove(groupId: string): Promise<void>;
  /** Puts a notification into the outbox, once for each channel. */
  deliver(notification: AlertNotification, channels: readonly string[]): Promise<void>;
  /** Stores an alert; once, whoever does it as well. */
  raise(alert: AlertRecord): Promise<void>;
}

/** A delivery in the hands of one process until its lease is over. */
export interface ClaimedDelivery {
  readonly deliveryId: string;
  readonly channel: string;
  readonly notification: AlertNotification;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  readonly lease: string;
}

/** How an attempt to deliver ended. */
export type DeliveryEnd =
  | { readonly status: "SENT" }
  | { readonly status: "PENDING"; readonly retryInMs: number; readonly error: string }
  | { readonly status: "DEAD"; readonly error: string };

/**
 * What becomes of alerts: groups, silences and the outbox, shared by any number of processes. Conformance suite:
 * `testNotificationStore` in `spine-core/testing`.
 */
export interface NotificationStore {
  /** What there is to do: one statement. */
  due(): Promise<AlertsDue>;
  /** Does `work` with no other process beside it; null where one is at it. It may be done again when the database refuses it. */
  transaction<T>(work: (transaction: NotificationTransaction) => Promise<T>): Promise<T | null>;
  /** For each question, when the newest run that answers it was completed (ms since the epoch); null for none. One statement. */
  completions(queries: readonly CompletionQuery[]): Promise<readonly (number | null)[]>;
  /** When it was first asked about this name; now, the first time. Ms since the epoch. */
  watchedSince(name: string): Promise<number>;
  groups(): Promise<readonly AlertGroup[]>;
  /**
   * Takes up to `limit` deliveries of a channel that are due, for so long. Of one group only the oldest that is not delivered yet: what is
   * over is not told before it is told that it is there.
   */
  claim(
    channel: string,
    options: { readonly limit: number; readonly leaseMs: number },
  ): Promise<readonly ClaimedDelivery[]>;
  /** Records how an attempt ended; false where the lease is somebody else's by now, and nothing was written. */
  end(claimed: Pick<ClaimedDelivery, "deliveryId" | "lease">, end: DeliveryEnd): Promise<boolean>;
  /** Newest first. */
  deliveries(query?: DeliveryQuery): Promise<readonly AlertDelivery[]>;
  /** A DEAD delivery is tried again from the start; false where there is none of this id that is DEAD. */
  redeliver(deliveryId: string): Promise<boolean>;
  silence(silence: Silence): Promise<void>;
  /** Ends a silence; false where there is none of this id that has not ended. */
  unsilence(silenceId: string): Promise<boolean>;
  /** Those that have not ended, the newest first. */
  silences(): Promise<readonly Silence[]>;
  raise(alert: AlertRecord): Promise<void>;
  /**
   * Gives up (DEAD) deliveries that are due since before a time (ms since the epoch) and that nobody takes: no process has their
   * channel any more. What waits behind another of its group that is tried again is not among them. Returns how many.
   */
  abandon(before: number): Promise<number>;
  /** Removes what has ended before `before` (ms since the epoch): deliveries, silences, and alerts of no run. */
  prune(before: number): Promise<void>;
}
