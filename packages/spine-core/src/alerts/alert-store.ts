import { aText, checkOptions, type OptionKinds, oneOf } from "../check-options.ts";
import type { Partition } from "../context.ts";
import type { JsonValue } from "../json.ts";
import { ALERT_SEVERITIES, type AlertSeverity } from "./alert.ts";

/** An alert as stored: one of a run committed together with what it is about. */
export interface StoredAlert {
  readonly alertId: string;
  readonly severity: AlertSeverity;
  readonly title: string;
  readonly message: string;
  /** The component that raised it, e.g. `quality`. */
  readonly source: string;
  /** The pipeline that it is about; null for one that was raised by hand and names none. */
  readonly workflow: string | null;
  readonly runId: string | null;
  readonly step: string | null;
  readonly domain: string | null;
  readonly partition: Partition | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Hash of the labels: equal for alerts that are about the same. */
  readonly fingerprint: string;
  /** ISO time in UTC, of the database. */
  readonly raisedAt: string;
  readonly details: JsonValue;
}

export interface AlertQuery {
  readonly runId?: string;
  readonly severity?: AlertSeverity;
  readonly workflow?: string;
  /** At most this many; 100 when left out, 1,000 at most. */
  readonly limit?: number;
  /** Continue behind this one, which is newer: the `alertId` of the last that is known. */
  readonly after?: string;
}

/** Where alerts are read from. Conformance suite: `testHistoryStore`, which writes them with its transitions. */
export interface AlertStore {
  /**
   * Alerts, newest first.
   *
   * @throws ValidationError whose message and `detail` name the field.
   * @example
   * for (const { title, labels } of await spine.alerts.list({ severity: "WARNING", limit: 20 })) console.log(title, labels);
   */
  list(query?: AlertQuery): Promise<readonly StoredAlert[]>;
  /** One alert; undefined where there is none of this id. */
  get(alertId: string): Promise<StoredAlert | undefined>;
}

const LIST: OptionKinds<AlertQuery> = {
  runId: aText,
  severity: oneOf(ALERT_SEVERITIES),
  workflow: aText,
  limit: {
    is: "a whole number from 1 to 1,000",
    fits: (value) => Number.isInteger(value) && Number(value) >= 1,
  },
  after: aText,
};

/** Which alerts are asked for; for implementers of stores. @throws ValidationError */
export function selectAlerts(query: AlertQuery = {}): AlertQuery & { readonly limit: number } {
  checkOptions(query, LIST, { of: "a list of alerts" });
  return { ...query, limit: Math.min(query.limit ?? 100, 1_000) };
}
