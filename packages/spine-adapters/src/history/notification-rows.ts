import { sql } from "kysely";
import type {
  AlertDelivery,
  AlertMatch,
  AlertNotification,
  DeliveryStatus,
  NotifyReason,
  Silence,
} from "spine-core";

/** A row of `alert_deliveries`. */
export interface DeliveryRow {
  readonly delivery_id: string;
  readonly notification_key: string;
  readonly group_id: string;
  readonly channel: string;
  readonly reason: NotifyReason;
  readonly status: DeliveryStatus;
  readonly attempts: number | string;
  readonly notification: string;
  readonly error: string | null;
  readonly created_at: string;
  readonly next_at: string | null;
  readonly ended_at: string | null;
}

export const DELIVERY_COLUMNS = sql.raw(
  "delivery_id, notification_key, group_id, channel, reason, status, attempts, notification, error, created_at, next_at, ended_at",
);
/** What a claim returns. */
export const CLAIMED = sql.raw("delivery_id, channel, notification, attempts");

export function readDelivery(row: DeliveryRow): AlertDelivery {
  return {
    deliveryId: row.delivery_id,
    key: row.notification_key,
    groupId: row.group_id,
    channel: row.channel,
    reason: row.reason,
    status: row.status,
    attempts: Number(row.attempts),
    notification: JSON.parse(row.notification) as AlertNotification,
    error: row.error,
    createdAt: row.created_at,
    nextAt: row.next_at,
    endedAt: row.ended_at,
  };
}

/** A row of `alert_silences`. */
export interface SilenceRow {
  readonly silence_id: string;
  readonly match: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly silenced_by: string;
  readonly why: string;
}

export function readSilence(row: SilenceRow): Silence {
  return {
    silenceId: row.silence_id,
    match: JSON.parse(row.match) as AlertMatch,
    from: row.starts_at,
    until: row.ends_at,
    by: row.silenced_by,
    why: row.why,
  };
}
