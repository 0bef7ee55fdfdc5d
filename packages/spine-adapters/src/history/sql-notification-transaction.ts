import { type Kysely, type RawBuilder, sql } from "kysely";
import {
  type AlertGroup,
  type AlertNotification,
  type AlertRecord,
  type AnySchema,
  type NotificationTransaction,
  newId,
  type Silence,
  type StoredAlert,
  type StoredGroup,
} from "spine-core";
import { type AlertRow, readAlert } from "./alert-rows.ts";
import { isoTime } from "./iso-time.ts";
import { readSilence, type SilenceRow } from "./notification-rows.ts";
import type { StateTables } from "./state-tables.ts";

export interface SqlNotificationTransactionOptions {
  readonly kysely: Kysely<AnySchema>;
  readonly tables: StateTables;
  readonly now: number;
  readonly raise: (alert: AlertRecord) => Promise<void>;
}

/** One look at the groups, in an open transaction. */
export class SqlNotificationTransaction implements NotificationTransaction {
  readonly now: number;
  readonly raise: (alert: AlertRecord) => Promise<void>;
  readonly #kysely: Kysely<AnySchema>;
  readonly #t: Readonly<Record<"alerts" | "groups" | "deliveries" | "silences", RawBuilder<unknown>>>;

  constructor({ kysely, tables, now, raise }: SqlNotificationTransactionOptions) {
    this.now = now;
    this.raise = raise;
    this.#kysely = kysely;
    this.#t = {
      alerts: sql.raw(tables.alerts),
      groups: sql.raw(tables.alert_groups),
      deliveries: sql.raw(tables.alert_deliveries),
      silences: sql.raw(tables.alert_silences),
    };
  }

  async raised(limit: number): Promise<readonly StoredAlert[]> {
    const { rows } =
      await sql<AlertRow>`SELECT alert_id, severity, title, message, source, workflow_name, run_id, step_name, domain,
  CAST(partition AS TEXT) AS partition, CAST(labels AS TEXT) AS labels, fingerprint, CAST(details AS TEXT) AS details, raised_at
FROM ${this.#t.alerts} WHERE taken_at IS NULL ORDER BY alert_id LIMIT ${limit}`.execute(this.#kysely);
    return rows.map(readAlert);
  }

  async take(alertIds: readonly string[]): Promise<void> {
    if (alertIds.length === 0) return;
    await sql`UPDATE ${this.#t.alerts} SET taken_at = ${isoTime(this.now)} WHERE alert_id IN (${sql.join(alertIds)})`.execute(
      this.#kysely,
    );
  }

  async groups(): Promise<readonly StoredGroup[]> {
    const { rows } = await sql<{
      state: string;
      next_at: string | null;
    }>`SELECT state, next_at FROM ${this.#t.groups} ORDER BY group_id`.execute(this.#kysely);
    return rows.map(({ state, next_at }) => ({
      group: JSON.parse(state) as AlertGroup,
      nextAt: next_at === null ? null : Date.parse(next_at),
    }));
  }

  async silences(): Promise<readonly Silence[]> {
    const now = isoTime(this.now);
    const { rows } = await sql<SilenceRow>`SELECT * FROM ${this.#t.silences}
WHERE starts_at <= ${now} AND ends_at > ${now}`.execute(this.#kysely);
    return rows.map(readSilence);
  }

  async save(group: AlertGroup, nextAt: number | null): Promise<void> {
    await sql`INSERT INTO ${this.#t.groups} (group_id, state, next_at)
VALUES (${group.groupId}, ${JSON.stringify(group)}, ${nextAt === null ? null : isoTime(nextAt)})
ON CONFLICT (group_id) DO UPDATE SET state = excluded.state, next_at = excluded.next_at`.execute(
      this.#kysely,
    );
  }

  async remove(groupId: string): Promise<void> {
    await sql`DELETE FROM ${this.#t.groups} WHERE group_id = ${groupId}`.execute(this.#kysely);
  }

  async deliver(notification: AlertNotification, channels: readonly string[]): Promise<void> {
    const now = isoTime(this.now);
    for (const channel of channels) {
      await sql`INSERT INTO ${this.#t.deliveries}
  (delivery_id, notification_key, group_id, channel, reason, status, attempts, next_at, notification, created_at)
VALUES (${newId()}, ${notification.key}, ${notification.group}, ${channel}, ${notification.reason}, 'PENDING', 0, ${now},
  ${JSON.stringify(notification)}, ${now}) ON CONFLICT (notification_key, channel) DO NOTHING`.execute(
        this.#kysely,
      );
    }
  }
}
