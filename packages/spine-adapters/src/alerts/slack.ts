import {
  type AlertChannel,
  type AlertNotification,
  aText,
  checkOptions,
  type NotifiedAlert,
  type OptionKinds,
  required,
} from "spine-core";
import { type ChannelSecret, secretUrl } from "./channel-secret.ts";
import { factsOf, headlineOf, plainText, SEVERITY_SIGN, shortened, summaryOf } from "./plain-text.ts";
import { alertPoster, HTTP_CHANNEL, type HttpChannelOptions } from "./post-alert.ts";

export interface SlackOptions extends HttpChannelOptions {
  /** Of an incoming webhook: `env:NAME`, a function, or its text. It is a secret. */
  readonly webhookUrl: ChannelSecret;
  /** Only old webhooks look at these three; those of apps do not. */
  readonly channel?: string;
  readonly username?: string;
  readonly iconEmoji?: string;
}

const OPTIONS: OptionKinds<SlackOptions> = {
  ...HTTP_CHANNEL,
  webhookUrl: required({
    is: 'a URL, "env:NAME", or a function that gets it',
    fits: (value) => aText.fits(value) || typeof value === "function",
  }),
  channel: aText,
  username: aText,
  iconEmoji: aText,
};
/** What Slack takes. */
const HEADER = 150;
const SECTION = 3_000;
const FIELD = 2_000;
const FIELDS = 10;
/** Of 50 blocks; each alert takes two. */
const SHOWN = 15;

/**
 * Slack, by an incoming webhook, in Block Kit. What alerts say stands there as plain text: none of it can call a whole channel.
 *
 * @throws SpineError CONFIG_INVALID for options that mean nothing.
 * @example
 * const chat = slack({ webhookUrl: "env:SPINE_SLACK_WEBHOOK" });
 * const spine = await createSpine({ database: memory(), alerts: { channels: [chat] } });
 */
export function slack(options: SlackOptions): AlertChannel {
  checkOptions(options, OPTIONS, { of: "slack", code: "CONFIG_INVALID" });
  const { name = "slack", webhookUrl, channel, username, iconEmoji } = options;
  const post = alertPoster(name, options);
  return Object.freeze<AlertChannel>({
    name,
    async send(notification, { signal }) {
      const { url, secrets } = await secretUrl(name, "webhookUrl", webhookUrl);
      const body = {
        text: escaped(headlineOf(notification, SECTION)),
        blocks: blocksOf(notification),
        ...(channel === undefined ? {} : { channel }),
        ...(username === undefined ? {} : { username }),
        ...(iconEmoji === undefined ? {} : { icon_emoji: iconEmoji }),
      };
      await post({ url, body, secrets, signal });
    },
  });
}

function blocksOf(notification: AlertNotification): readonly object[] {
  const { severity, status, alerts, firing, resolved, key } = notification;
  const sign = status === "RESOLVED" ? "✅" : status === "ACKNOWLEDGED" ? "👀" : SEVERITY_SIGN[severity];
  const more = firing + resolved - Math.min(alerts.length, SHOWN);
  return [
    { type: "header", text: text(`${sign} ${headlineOf(notification, HEADER)}`, HEADER) },
    { type: "section", text: text(summaryOf(notification), SECTION) },
    ...alerts.slice(0, SHOWN).flatMap(alertBlocks),
    ...(more > 0 ? [{ type: "section", text: text(`… and ${more} more`, SECTION) }] : []),
    { type: "context", elements: [text(`Spine · ${notification.at} · ${key}`, SECTION)] },
  ];
}

function alertBlocks(alert: NotifiedAlert): readonly object[] {
  const said = plainText(`${alert.title}\n${alert.message}`, SECTION);
  const fields = factsOf(alert).map(([name, value]) => text(`${name}: ${value}`, FIELD));
  return [
    { type: "section", text: text(said, SECTION), fields: fields.slice(0, FIELDS) },
    { type: "divider" },
  ];
}

/** Data as it is: no formatting, no mention, no link. Never empty, which Slack refuses. */
function text(said: string, longest: number): object {
  const plain = plainText(said, longest);
  return { type: "plain_text", text: fitted(plain === "" ? "-" : plain, longest), emoji: false };
}

/** Escaping makes a text longer. */
function fitted(plain: string, longest: number): string {
  let cut = plain;
  while (escaped(cut).length > longest)
    cut = shortened(cut, cut.length - Math.max(1, Math.ceil((escaped(cut).length - longest) / 5)));
  return escaped(cut);
}

/** The three characters that Slack reads as its own: without them there is no `<!channel>` and no link. */
function escaped(plain: string): string {
  return plain.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
