import { type Kysely, type RawBuilder, sql } from "kysely";
import {
  type AlertDelivery,
  type AlertGroup,
  type AlertRecord,
  type AlertsDue,
  type AnySchema,
  alertFingerprint,
  type ClaimedDelivery,
  type Clock,
  type CompletionQuery,
  type DatabaseTransaction,
  type DeliveryEnd,
  type DeliveryQuery,
  type NotificationStore,
  type NotificationTransaction,
  newId,
  partitionKey,
  type Silence,
  selectDeliveries,
  systemClock,
} from "spine-core";
import { isoTime } from "./iso-time.ts";
import {
  CLAIMED,
  DELIVERY_COLUMNS,
  type DeliveryRow,
  readDelivery,
  readSilence,
  type SilenceRow,
} from "./notification-rows.ts";
import { isRunId } from "./postgres/run-id.ts";
import { SqlNotificationTransaction } from "./sql-notification-transaction.ts";
import type { StateTables } from "./state-tables.ts";

export interface SqlNotificationOptions {
  readonly kysely: Kysely<AnySchema>;
  readonly dialect: "sqlite" | "postgres";
  readonly tables: StateTables;
  readonly clock: Clock;
  readonly transaction: <T>(work: (transaction: DatabaseTransaction) => Promise<T>) => Promise<T>;
}

type Sql = RawBuilder<unknown>;
/** Newest runs that are looked through for one that was completed. */
const RUNS = 50;

/** The row that each look at the groups writes; names of what is expected have a `/`. */
const LOOKED = "looked";
/** Why a delivery is given up that nobody takes. */
const NOBODY = "No process took it: none has its channel any more.";

/** Groups of alerts, silences and the outbox, in SQL that both databases understand. */
export class SqlNotificationStore implements NotificationStore {
  readonly #options: SqlNotificationOptions;
  readonly #kysely: Kysely<AnySchema>;
  readonly #isPostgres: boolean;
  readonly #t: Readonly<Record<"alerts" | "groups" | "deliveries" | "silences" | "watches" | "runs", Sql>>;

  constructor(options: SqlNotificationOptions) {
    const { kysely, dialect, tables } = options;
    this.#options = options;
    this.#kysely = kysely;
    this.#isPostgres = dialect === "postgres";
    this.#t = {
      alerts: sql.raw(tables.alerts),
      groups: sql.raw(tables.alert_groups),
      deliveries: sql.raw(tables.alert_deliveries),
      silences: sql.raw(tables.alert_silences),
      watches: sql.raw(tables.alert_watches),
      runs: sql.raw(tables.workflow_runs),
    };
  }

  async due(): Promise<AlertsDue> {
    const { alerts, groups, deliveries } = this.#t;
    const nothing = this.#isPostgres ? sql`CAST(NULL AS timestamptz)` : sql`NULL`;
    const { rows } = await sql<DueRow>`SELECT 'now' AS kind, '' AS name, 0 AS n, ${this.#now()} AS at
UNION ALL SELECT 'raised', '', count(*), ${nothing} FROM (SELECT 1 FROM ${alerts} WHERE taken_at IS NULL LIMIT 1) raised
UNION ALL SELECT 'groups', '', count(*), min(next_at) FROM ${groups}
UNION ALL SELECT 'deliveries', channel, 0, min(next_at) FROM ${deliveries} WHERE status = 'PENDING' GROUP BY channel`.execute(
      this.#kysely,
    );
    const of = (wanted: DueRow["kind"]) => rows.find(({ kind }) => kind === wanted);
    const waiting = rows.filter(({ kind, at }) => kind === "deliveries" && at !== null);
    return {
      now: msOf(of("now")?.at),
      raised: Number(of("raised")?.n ?? 0) > 0,
      groups: Number(of("groups")?.n ?? 0),
      groupsAt: of("groups")?.at ? msOf(of("groups")?.at) : null,
      deliveries: new Map(waiting.map(({ name, at }) => [name, msOf(at)])),
    };
  }

  async transaction<T>(work: (transaction: NotificationTransaction) => Promise<T>): Promise<T | null> {
    const { tables, transaction } = this.#options;
    return await transaction(async ({ kysely }) => {
      let now: number;
      if (this.#isPostgres) {
        // Nobody waits for it: who has it does the work. On SQLite the write transaction is that lock.
        const name = `spine.alerts:${tables.prefix}`;
        const { rows } = await sql<{ locked: boolean; now: string }>`SELECT
  pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) AS locked, ${this.#now()} AS now`.execute(kysely);
        if (!rows[0]?.locked) return null;
        now = msOf(rows[0].now);
        // What the transaction sees is of before it had the lock: where somebody was at it in between, Postgres refuses this, and it is
        // done again.
        await sql`INSERT INTO ${this.#t.watches} AS w (name, since) VALUES (${LOOKED}, ${this.#now()})
ON CONFLICT (name) DO UPDATE SET since = excluded.since`.execute(kysely);
      } else now = this.#options.clock.now();
      return await work(
        new SqlNotificationTransaction({ kysely, tables, now, raise: (alert) => this.#raise(kysely, alert) }),
      );
    });
  }

  async completions(queries: readonly CompletionQuery[]): Promise<readonly (number | null)[]> {
    if (queries.length === 0) return [];
    const { runs } = this.#t;
    const asked = queries.map(({ workflow, partition, runId }, position) => ({
      position,
      workflow,
      partition_key: partition === null ? null : partitionKey(partition),
      run_id: runId !== null && isRunId(runId) ? runId : null,
    }));
    const json = JSON.stringify(asked);
    const q = this.#isPostgres
      ? sql`json_to_recordset(${json}::json) AS q (position int, workflow text, partition_key text, run_id uuid)`
      : sql`(SELECT json_extract(value, '$.position') AS position, json_extract(value, '$.workflow') AS workflow,
  json_extract(value, '$.partition_key') AS partition_key, json_extract(value, '$.run_id') AS run_id FROM json_each(${json})) AS q`;
    const order = this.#isPostgres ? sql`r.list_id` : sql`r.run_id`;
    const { rows } = await sql<CompletionRow>`SELECT q.position,
  CASE WHEN q.partition_key IS NULL THEN (SELECT max(x.completed_at) FROM (
    SELECT r.completed_at FROM ${runs} r WHERE r.workflow_name = q.workflow AND r.status = 'COMPLETED'
    ORDER BY ${order} DESC LIMIT ${RUNS}) x)
  ELSE (SELECT max(x.completed_at) FROM (
    SELECT r.completed_at, r.status FROM ${runs} r WHERE r.partition_key = q.partition_key AND r.workflow_name = q.workflow
    ORDER BY ${order} DESC LIMIT ${RUNS}) x WHERE x.status = 'COMPLETED') END AS newest,
  (SELECT r.completed_at FROM ${runs} r WHERE r.run_id = q.run_id AND r.status = 'COMPLETED') AS own
FROM ${q}`.execute(this.#kysely);
    const found: (number | null)[] = queries.map(() => null);
    for (const { position, newest, own } of rows) {
      const times = [newest, own].filter((at) => at !== null).map(msOf);
      found[Number(position)] = times.length === 0 ? null : Math.max(...times);
    }
    return found;
  }

  async watchedSince(name: string): Promise<number> {
    const { watches } = this.#t;
    await sql`INSERT INTO ${watches} (name, since) VALUES (${name}, ${this.#now()}) ON CONFLICT (name) DO NOTHING`.execute(
      this.#kysely,
    );
    const { rows } = await sql<{ since: string }>`SELECT since FROM ${watches} WHERE name = ${name}`.execute(
      this.#kysely,
    );
    return msOf(rows[0]?.since);
  }

  async groups(): Promise<readonly AlertGroup[]> {
    const { rows } = await sql<{
      state: string;
    }>`SELECT state FROM ${this.#t.groups} ORDER BY group_id`.execute(this.#kysely);
    return rows.map(({ state }) => JSON.parse(state) as AlertGroup);
  }

  async claim(
    channel: string,
    { limit, leaseMs }: { readonly limit: number; readonly leaseMs: number },
  ): Promise<readonly ClaimedDelivery[]> {
    const { deliveries } = this.#t;
    const lease = newId();
    const lock = this.#isPostgres ? sql`FOR UPDATE SKIP LOCKED` : sql``;
    const { rows } = await sql<DeliveryRow>`UPDATE ${deliveries}
SET attempts = attempts + 1, lease = ${lease}, next_at = ${this.#now(leaseMs)}
WHERE status = 'PENDING' AND delivery_id IN (
  SELECT d.delivery_id FROM ${deliveries} d WHERE d.status = 'PENDING' AND d.channel = ${channel} AND d.next_at <= ${this.#now()}
    AND NOT EXISTS (SELECT 1 FROM ${deliveries} e WHERE e.status = 'PENDING' AND e.channel = d.channel
      AND e.group_id = d.group_id AND e.delivery_id < d.delivery_id)
  ORDER BY d.next_at, d.delivery_id LIMIT ${limit} ${lock})
RETURNING ${CLAIMED}`.execute(this.#kysely);
    return rows.map(({ delivery_id, channel: name, notification, attempts }) => ({
      deliveryId: delivery_id,
      channel: name,
      notification: JSON.parse(notification) as ClaimedDelivery["notification"],
      attempt: Number(attempts),
      lease,
    }));
  }

  async end(
    { deliveryId, lease }: Pick<ClaimedDelivery, "deliveryId" | "lease">,
    end: DeliveryEnd,
  ): Promise<boolean> {
    const set =
      end.status === "PENDING"
        ? sql`next_at = ${this.#now(end.retryInMs)}, error = ${end.error}`
        : sql`next_at = NULL, ended_at = ${this.#now()}, error = ${end.status === "SENT" ? null : end.error}`;
    const { numAffectedRows = 0n } = await sql`UPDATE ${this.#t.deliveries}
SET status = ${end.status}, lease = NULL, ${set}
WHERE delivery_id = ${deliveryId} AND lease = ${lease} AND status = 'PENDING'`.execute(this.#kysely);
    return numAffectedRows > 0n;
  }

  async deliveries(query?: DeliveryQuery): Promise<readonly AlertDelivery[]> {
    const { status, channel, group, limit, after } = selectDeliveries(query);
    if (after !== undefined && !isRunId(after)) return [];
    const and = (condition: Sql, value: string | undefined) => (value === undefined ? sql`` : condition);
    const { rows } = await sql<DeliveryRow>`SELECT ${DELIVERY_COLUMNS} FROM ${this.#t.deliveries} WHERE true
  ${and(sql`AND status = ${status}`, status)} ${and(sql`AND channel = ${channel}`, channel)}
  ${and(sql`AND group_id = ${group}`, group)} ${and(sql`AND delivery_id < ${after}`, after)}
ORDER BY delivery_id DESC LIMIT ${limit}`.execute(this.#kysely);
    return rows.map(readDelivery);
  }

  async redeliver(deliveryId: string): Promise<boolean> {
    if (!isRunId(deliveryId)) return false;
    const { numAffectedRows = 0n } = await sql`UPDATE ${this.#t.deliveries}
SET status = 'PENDING', attempts = 0, lease = NULL, ended_at = NULL, next_at = ${this.#now()}
WHERE delivery_id = ${deliveryId} AND status = 'DEAD'`.execute(this.#kysely);
    return numAffectedRows > 0n;
  }

  async silence({ silenceId, match, from, until, by, why }: Silence): Promise<void> {
    await sql`INSERT INTO ${this.#t.silences} (silence_id, match, starts_at, ends_at, silenced_by, why)
VALUES (${silenceId}, ${JSON.stringify(match)}, ${from}, ${until}, ${by}, ${why})`.execute(this.#kysely);
  }

  async unsilence(silenceId: string): Promise<boolean> {
    if (!isRunId(silenceId)) return false;
    const { numAffectedRows = 0n } = await sql`UPDATE ${this.#t.silences} SET ends_at = ${this.#now()}
WHERE silence_id = ${silenceId} AND ends_at > ${this.#now()}`.execute(this.#kysely);
    return numAffectedRows > 0n;
  }

  async silences(): Promise<readonly Silence[]> {
    const { rows } =
      await sql<SilenceRow>`SELECT * FROM ${this.#t.silences} WHERE ends_at > ${this.#now()} ORDER BY silence_id DESC`.execute(
        this.#kysely,
      );
    return rows.map(readSilence);
  }

  async raise(alert: AlertRecord): Promise<void> {
    await this.#raise(this.#kysely, alert);
  }

  async abandon(before: number): Promise<number> {
    const { deliveries } = this.#t;
    const cutOff = isoTime(before);
    const { numAffectedRows = 0n } = await sql`UPDATE ${deliveries}
SET status = 'DEAD', lease = NULL, next_at = NULL, ended_at = ${this.#now()}, error = ${NOBODY}
WHERE status = 'PENDING' AND next_at < ${cutOff} AND delivery_id IN (
  SELECT d.delivery_id FROM ${deliveries} d WHERE d.status = 'PENDING' AND d.next_at < ${cutOff}
    AND NOT EXISTS (SELECT 1 FROM ${deliveries} e WHERE e.status = 'PENDING' AND e.channel = d.channel
      AND e.group_id = d.group_id AND e.delivery_id < d.delivery_id AND e.next_at >= ${cutOff}))`.execute(
      this.#kysely,
    );
    return Number(numAffectedRows);
  }

  async prune(before: number): Promise<void> {
    const { alerts, deliveries, silences } = this.#t;
    const cutOff = isoTime(before);
    await sql`DELETE FROM ${deliveries} WHERE status <> 'PENDING' AND ended_at < ${cutOff}`.execute(
      this.#kysely,
    );
    await sql`DELETE FROM ${silences} WHERE ends_at < ${cutOff}`.execute(this.#kysely);
    await sql`DELETE FROM ${alerts} WHERE run_id IS NULL AND taken_at IS NOT NULL AND raised_at < ${cutOff}`.execute(
      this.#kysely,
    );
  }

  async #raise(kysely: Kysely<AnySchema>, alert: AlertRecord): Promise<void> {
    const { alertId, severity, title, message, source, workflow, domain, partition, labels, details } = alert;
    await sql`INSERT INTO ${this.#t.alerts} (alert_id, severity, title, message, source, workflow_name, domain, partition, labels,
  fingerprint, details, raised_at)
VALUES (${alertId}, ${severity}, ${title}, ${message}, ${source}, ${workflow}, ${domain},
  ${partition && JSON.stringify(partition)}, ${JSON.stringify(labels)}, ${alertFingerprint(labels)}, ${JSON.stringify(details)},
  ${this.#now()}) ON CONFLICT (alert_id) DO NOTHING`.execute(kysely);
  }

  /** The time of the database, which all processes share, or of the clock that tests drive; so many milliseconds from it. */
  #now(plusMs = 0): Sql {
    const { clock } = this.#options;
    if (!this.#isPostgres) return sql`${isoTime(clock.now() + plusMs)}`;
    const now =
      clock === systemClock ? sql`clock_timestamp()` : sql`CAST(${isoTime(clock.now())} AS timestamptz)`;
    return plusMs === 0
      ? now
      : sql`(${now} + CAST(${plusMs} AS double precision) * interval '1 millisecond')`;
  }
}

interface DueRow {
  readonly kind: "now" | "raised" | "groups" | "deliveries";
  readonly name: string;
  readonly n: number | string;
  readonly at: string | null;
}

interface CompletionRow {
  readonly position: number | string;
  readonly newest: string | null;
  readonly own: string | null;
}

function msOf(time: string | null | undefined): number {
  return Date.parse(time ?? "");
}
