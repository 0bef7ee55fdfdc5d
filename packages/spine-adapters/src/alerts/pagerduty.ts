import {
  type AlertChannel,
  type AlertNotification,
  type AlertSeverity,
  aText,
  checkOptions,
  type OptionKinds,
  required,
} from "spine-core";
import { type ChannelSecret, secretOf } from "./channel-secret.ts";
import { factsOf, headlineOf, plainLine, plainText, summaryOf } from "./plain-text.ts";
import { alertPoster, HTTP_CHANNEL, type HttpChannelOptions } from "./post-alert.ts";

export interface PagerDutyOptions extends HttpChannelOptions {
  /** The integration key of a service: `env:NAME`, a function, or its text. It is a secret. */
  readonly routingKey: ChannelSecret;
  /** Where events go; PagerDuty's own address when left out. */
  readonly url?: string;
}

const OPTIONS: OptionKinds<PagerDutyOptions> = {
  ...HTTP_CHANNEL,
  routingKey: required({
    is: 'a text, "env:NAME", or a function that gets it',
    fits: (value) => aText.fits(value) || typeof value === "function",
  }),
  url: { is: "a URL", fits: (value) => aText.fits(value) && URL.canParse(value as string) },
};
const EVENTS_URL = "https://events.pagerduty.com/v2/enqueue";
const ACTIONS = { FIRING: "trigger", ACKNOWLEDGED: "acknowledge", RESOLVED: "resolve" } as const;
const SEVERITIES: Readonly<Record<AlertSeverity, string>> = {
  INFO: "info",
  WARNING: "warning",
  ERROR: "error",
  CRITICAL: "critical",
};
const SUMMARY = 1_024;
const SHOWN = 10;

/**
 * PagerDuty, by its Events API v2: an incident for each group, which is acknowledged and resolved as the group is. A notification that
 * comes twice changes nothing.
 *
 * @throws SpineError CONFIG_INVALID for options that mean nothing.
 * @example
 * const pager = pagerduty({ routingKey: "env:PAGERDUTY_ROUTING_KEY" });
 */
export function pagerduty(options: PagerDutyOptions): AlertChannel {
  checkOptions(options, OPTIONS, { of: "pagerduty", code: "CONFIG_INVALID" });
  const { name = "pagerduty", routingKey, url = EVENTS_URL } = options;
  const post = alertPoster(name, options);
  return Object.freeze<AlertChannel>({
    name,
    acknowledges: true,
    async send(notification, { signal }) {
      const key = await secretOf(name, "routingKey", routingKey);
      const action = ACTIONS[notification.status];
      const body = {
        routing_key: key,
        event_action: action,
        dedup_key: notification.group,
        ...(action === "trigger" ? { client: "Spine", payload: payloadOf(notification) } : {}),
      };
      await post({ url: new URL(url), body, secrets: [{ reference: "routingKey", value: key }], signal });
    },
  });
}

function payloadOf(notification: AlertNotification): object {
  const { severity, labels, alerts, at, key, reason } = notification;
  const [first] = alerts;
  return {
    summary: headlineOf(notification, SUMMARY),
    source: plainLine(labels.pipeline || first?.source || "", 255) || "spine",
    severity: SEVERITIES[severity],
    timestamp: at,
    ...(labels.domain ? { group: plainLine(labels.domain, 255) } : {}),
    ...(first?.labels.category ? { class: plainLine(first.labels.category, 255) } : {}),
    custom_details: {
      about: summaryOf(notification),
      reason,
      key,
      alerts: alerts.slice(0, SHOWN).map((alert) => ({
        title: plainLine(alert.title, SUMMARY),
        message: plainText(alert.message, 2_000),
        ...Object.fromEntries(factsOf(alert).map(([fact, value]) => [fact, plainLine(value, 300)])),
      })),
    },
  };
}
