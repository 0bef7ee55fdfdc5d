import { createHash } from "node:crypto";
import { type ExpectedData, type ExpectedRun, isExpectedData } from "../alerts/alert-options.ts";
import type { AlertRecord, NotificationStore } from "../alerts/notification-store.ts";
import { partitionKey } from "../context.ts";
import { toMs } from "../duration.ts";
import { textOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { PartitionSet } from "../partitions/define-partitions.ts";
import type { PartitionFinding, Partitions } from "../partitions/partitions.ts";

export type Expectation = ExpectedRun | ExpectedData<PartitionSet>;

export interface ExpectationsOptions {
  readonly expect: readonly Expectation[];
  readonly store: Pick<NotificationStore, "completions" | "watchedSince">;
  readonly partitions: Pick<Partitions, "doctor">;
  readonly logger: Logger;
}

/** The label `alert` of partitions that are late. */
export const DATA_LATE = "data-late";

/** How often partitions are compared with what there is to be: each time is a query for a thousand of them. */
const DATA_EVERY_MS = 300_000;
/** A run that was due and did not come is looked for again after so long: an alert of it is raised once. */
const RUN_EVERY_MS = 600_000;
/** What could not be looked at is looked at again after so long. */
const FAILED_EVERY_MS = 60_000;

/** What was found: what is new of what has not happened, and what of a table is late. */
export interface Found {
  readonly missing: readonly AlertRecord[];
  readonly late: readonly LateData[];
}

/** The partitions of a table that are late: alerts about others of it are over. */
export interface LateData {
  readonly table: string;
  readonly keys: ReadonlySet<string>;
}

/** What is to happen, and has not: a dead man says nothing, so it is looked for. */
export class Expectations {
  readonly #options: ExpectationsOptions;
  readonly #nextAt: number[];
  /** Alerts that are stored. */
  readonly #raised = new Set<string>();

  constructor(options: ExpectationsOptions) {
    this.#options = options;
    this.#nextAt = options.expect.map(() => 0);
  }

  /** When the next of them is to be looked at, by the database's clock; null for none. */
  get nextAt(): number | null {
    return this.#nextAt.length === 0 ? null : Math.min(...this.#nextAt);
  }

  /**
   * What has not happened by now. The same in whatever process: the ids of the alerts follow from what they are about. One that cannot
   * be looked at (a calendar that throws, say) keeps no other from its turn, and nobody from being told of alerts.
   *
   * @param now of the database: it says when runs were completed, and the clocks of processes differ.
   */
  async look(now: number): Promise<Found> {
    const { expect, logger } = this.#options;
    const found: AlertRecord[] = [];
    const late: LateData[] = [];
    for (const [index, each] of expect.entries()) {
      if ((this.#nextAt[index] ?? 0) > now) continue;
      try {
        if (isExpectedData(each)) {
          const { alerts, keys } = await this.#late(each, now);
          found.push(...alerts);
          late.push({ table: each.partitions.table, keys });
          this.#nextAt[index] = now + DATA_EVERY_MS;
        } else {
          const { dueAt, alert } = await this.#overdue(each, now);
          if (alert) found.push(alert);
          this.#nextAt[index] = alert ? now + RUN_EVERY_MS : dueAt + 1;
        }
      } catch (error) {
        this.#nextAt[index] = now + FAILED_EVERY_MS;
        const message = `What \`alerts.expect[${index}]\` expects could not be looked at; it is tried again in a minute.`;
        logger.error(message, { error: textOf(error) });
      }
    }
    return { missing: found.filter(({ alertId }) => !this.#raised.has(alertId)), late };
  }

  /** They are stored: nobody has to be told of them once more. */
  raised(alerts: readonly AlertRecord[]): void {
    for (const { alertId } of alerts) this.#raised.add(alertId);
  }

  async #overdue({ workflow: given, within, severity = "ERROR" }: ExpectedRun, now: number) {
    const { store } = this.#options;
    const workflow = typeof given === "string" ? given : given.name;
    const [completed] = await store.completions([{ workflow, partition: null, runId: null, since: 0 }]);
    const last = completed ?? (await store.watchedSince(`run/${workflow}`));
    const dueAt = last + toMs(within);
    if (dueAt >= now) return { dueAt, alert: null };
    const since = new Date(last).toISOString();
    const alert: AlertRecord = {
      alertId: idOf(`run/${workflow}/${last}`, dueAt),
      severity,
      title: `${workflow}: no run was completed`,
      message: `No run of "${workflow}" was completed since ${since}; one was expected within ${within}.`,
      source: "expectation",
      workflow,
      domain: null,
      partition: null,
      labels: { pipeline: workflow, alert: "run-missing" },
      details: { since, within: String(within) },
    };
    return { dueAt, alert };
  }

  async #late(each: ExpectedData<PartitionSet>, now: number) {
    const { partitions: set, grace = 0, from, severity = "WARNING" } = each;
    const asOf = new Date(now - toMs(grace));
    const range = from === undefined ? {} : { from };
    const { missing, failed } = await this.#options.partitions.doctor(set, { ...range, now: asOf });
    // Of one that failed its run has told already.
    const alerts = missing.map((finding) => lateAlert(set, finding, severity));
    return { alerts, keys: new Set([...missing, ...failed].map(({ key }) => key)) };
  }
}

function lateAlert(
  set: PartitionSet,
  finding: PartitionFinding,
  severity: AlertRecord["severity"],
): AlertRecord {
  const { partition, key, dueAt } = finding;
  return {
    alertId: idOf(`data/${set.table}/${key}`, Date.parse(dueAt)),
    severity,
    title: `${set.table}: ${key} is late`,
    message: `The partition ${key} of "${set.table}" was due at ${dueAt}, and nothing has loaded it.`,
    source: "expectation",
    workflow: set.workflow,
    domain: null,
    partition,
    labels: {
      ...(set.workflow === null ? {} : { pipeline: set.workflow }),
      table: set.table,
      partition: partitionKey(partition),
      alert: DATA_LATE,
    },
    details: { table: set.table, due_at: dueAt },
  };
}

/** A UUIDv7 of what it is about: whoever finds it out raises the same alert. */
function idOf(about: string, at: number): string {
  const hex = createHash("sha256").update(about).digest("hex");
  const time = Math.max(0, Math.floor(at)).toString(16).padStart(12, "0").slice(-12);
  const variant = "89ab"[Number.parseInt(hex[3] ?? "0", 16) % 4];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}
