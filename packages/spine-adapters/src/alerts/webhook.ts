import { createHmac, timingSafeEqual } from "node:crypto";
import {
  type AlertChannel,
  aText,
  checkOptions,
  type Duration,
  type OptionKinds,
  required,
  toMs,
} from "spine-core";
import { type ChannelSecret, secretOf, secretUrl } from "./channel-secret.ts";
import { alertPoster, HTTP_CHANNEL, type HttpChannelOptions } from "./post-alert.ts";

export interface WebhookOptions extends HttpChannelOptions {
  /** `env:NAME`, a function, or its text. It is treated as a secret. */
  readonly url: ChannelSecret;
  /** What the signature is made with. */
  readonly secret: ChannelSecret;
}

const aSecret = {
  is: 'a text, "env:NAME", or a function that gets it',
  fits: (value: unknown) => aText.fits(value) || typeof value === "function",
};
const OPTIONS: OptionKinds<WebhookOptions> = {
  ...HTTP_CHANNEL,
  url: required(aSecret),
  secret: required(aSecret),
};

/** The header with the time and the signature: `t=1767603600,v1=…`. */
export const SIGNATURE_HEADER = "spine-signature";

/**
 * A service of your own: a POST with the notification as JSON, signed. `Idempotency-Key` is the same for every attempt, and
 * `Spine-Signature` holds the time and an HMAC with SHA-256 over `time.body`.
 *
 * @throws SpineError CONFIG_INVALID for options that mean nothing.
 * @example
 * const hook = webhook({ url: "env:ALERT_HOOK", secret: "env:ALERT_HOOK_SECRET" });
 */
export function webhook(options: WebhookOptions): AlertChannel {
  checkOptions(options, OPTIONS, { of: "webhook", code: "CONFIG_INVALID" });
  const { name = "webhook" } = options;
  const post = alertPoster(name, options);
  return Object.freeze<AlertChannel>({
    name,
    acknowledges: true,
    async send(notification, { signal, attempt }) {
      const { url, secrets } = await secretUrl(name, "url", options.url);
      const secret = await secretOf(name, "secret", options.secret);
      const body = JSON.stringify({ version: 1, attempt, ...notification });
      const at = Math.floor(Date.now() / 1000);
      const headers = {
        "idempotency-key": notification.key,
        [SIGNATURE_HEADER]: `t=${at},v1=${signatureOf(secret, at, body)}`,
      };
      const known = [...secrets, { reference: "secret", value: secret }];
      await post({ url, headers, body, secrets: known, signal });
    },
  });
}

/** What is needed to tell whether a request came from who has the secret. */
export interface VerifyOptions {
  readonly secret: string;
  /** The body as it came, before anything has read it as JSON. */
  readonly body: string;
  /** The `Spine-Signature` header. */
  readonly header: string | null | undefined;
  /** How old a request may be; 5 m when left out. */
  readonly tolerance?: Duration;
  /** Ms since the epoch; now when left out. */
  readonly now?: number;
}

/**
 * Whether a request was sent by a `webhook` channel with this secret, and not long ago.
 *
 * @example
 * const isOurs = verifySignature({ secret: "0123456789abcdef", body: "{}", header: "t=1,v1=00" });
 */
export function verifySignature({
  secret,
  body,
  header,
  tolerance = "5m",
  now = Date.now(),
}: VerifyOptions): boolean {
  const [, time = "", given = ""] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? "") ?? [];
  if (given === "") return false;
  const isFresh = Math.abs(now - Number(time) * 1000) <= toMs(tolerance);
  const wanted = Buffer.from(signatureOf(secret, Number(time), body), "hex");
  return timingSafeEqual(wanted, Buffer.from(given, "hex")) && isFresh;
}

function signatureOf(secret: string, at: number, body: string): string {
  return createHmac("sha256", secret).update(`${at}.${body}`).digest("hex");
}
