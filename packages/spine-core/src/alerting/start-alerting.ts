import type { AlertChannel } from "../alerts/alert.ts";
import { type AlertOptions, type AlertSettings, routeWarnings } from "../alerts/alert-options.ts";
import type { FailureSeverity } from "../alerts/failure-alert.ts";
import type { Clock } from "../clock.ts";
import type { StateStores } from "../database/database.ts";
import type { Events } from "../events.ts";
import type { Logger } from "../logger.ts";
import type { PartitionSet } from "../partitions/define-partitions.ts";
import { partitionsOf } from "../partitions/partitions.ts";
import type { Registry } from "../registry.ts";
import { AlertLoop } from "./alert-loop.ts";
import { type Alerts, alertsOf } from "./alerts.ts";
import { Outbox } from "./deliver.ts";
import { Expectations } from "./expectations.ts";

export interface AlertingOptions {
  readonly settings: AlertSettings;
  readonly expect: AlertOptions<PartitionSet>["expect"];
  readonly channels: Registry<AlertChannel>;
  readonly stores: StateStores;
  readonly events: Events;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The alerts of one Spine: what hosts do with them, and the loop that tells people. */
export interface Alerting {
  readonly alerts: Alerts;
  readonly onFailure: FailureSeverity | false;
  start(): void;
  stop(): Promise<void>;
}

/**
 * A process without channels takes no alerts in: those that it raises are told by processes that have some. It runs no loop, and makes
 * no statement.
 */
export function alertingOf({
  settings,
  expect = [],
  channels,
  stores,
  events,
  clock,
  logger,
}: AlertingOptions): Alerting {
  const names = channels.names();
  const { notifications: store } = stores;
  const outbox = new Outbox({ store, channels, settings, clock, logger, ended: () => loop.wake() });
  const expectations = new Expectations({
    expect,
    store,
    partitions: partitionsOf(stores.partitions, clock),
    logger,
  });
  const loop = new AlertLoop({ store, settings, outbox, expectations, clock, logger });
  const isWanted = names.length > 0;
  let stopListening: (() => void) | undefined;
  return {
    alerts: alertsOf({
      store: stores.alerts,
      notifications: store,
      channels,
      settings,
      clock,
      wake: () => loop.wake(),
    }),
    onFailure: settings.onFailure,
    start() {
      // A Spine may be started more than once.
      if (stopListening) return;
      if (!isWanted) {
        if (expect.length > 0) logger.warn("Nothing is expected in a process without alert channels.");
        return;
      }
      for (const warning of routeWarnings(settings, names)) logger.warn(warning);
      stopListening = events.on("run.changed", (changed) => loop.runChanged(changed));
      loop.start();
    },
    async stop() {
      stopListening?.();
      await loop.stop();
    },
  };
}
