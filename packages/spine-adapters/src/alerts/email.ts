import {
  type AlertChannel,
  type AlertNotification,
  aBoolean,
  aText,
  checkOptions,
  type OptionKinds,
  redaction,
  required,
  SpineError,
} from "spine-core";
import { type ChannelSecret, passwordOf } from "./channel-secret.ts";
import { factsOf, headlineOf, plainLine, plainText, summaryOf } from "./plain-text.ts";

export interface EmailOptions {
  /** How routes call the channel; `email` when left out. */
  readonly name?: string;
  readonly host: string;
  /** 587 when left out. */
  readonly port?: number;
  readonly from: string;
  readonly to: readonly string[];
  readonly username?: string;
  /** `env:NAME`, a function, or its text. */
  readonly password?: ChannelSecret;
  /** TLS is asked for, and without it nothing is sent; true when left out. Port 465 begins with it. */
  readonly tls?: boolean;
}

const ADDRESS = /^[^\s@<>,;:"\\]{1,64}@[A-Za-z0-9.-]{1,255}$/;
const anAddress = {
  is: "one plain address, e.g. ops@example.com",
  fits: (value: unknown) => isAddress(value),
};
const OPTIONS: OptionKinds<EmailOptions> = {
  name: aText,
  host: required({
    is: "the name of a host",
    fits: (value) => /^[A-Za-z0-9.:-]{1,255}$/.test(String(value)),
  }),
  port: {
    is: "a port",
    fits: (value) => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536,
  },
  from: required(anAddress),
  to: required({
    is: "a list of plain addresses, one at least",
    fits: (value) => Array.isArray(value) && value.length > 0 && value.every(isAddress),
  }),
  username: aText,
  password: {
    is: 'a text, "env:NAME", or a function that gets it',
    fits: (value) => aText.fits(value) || typeof value === "function",
  },
  tls: aBoolean,
};
const SUBJECT = 200;
const TEXT = 20_000;
/** Nodemailer's own: what may be over in a moment. */
const MOMENTARY = ["ECONNECTION", "ETIMEDOUT", "ESOCKET", "EDNS", "ECONNRESET", "ECONNREFUSED"];

/**
 * Email, by SMTP (`nodemailer`, an optional peer). Every attempt has the same Message-ID, and mails about one group are one thread.
 *
 * @throws SpineError CONFIG_INVALID for options that mean nothing.
 * @example
 * const mail = email({
 *   host: "smtp.example.com",
 *   from: "spine@example.com",
 *   to: ["ops@example.com"],
 *   username: "spine",
 *   password: "env:SPINE_SMTP_PASSWORD",
 * });
 */
export function email(options: EmailOptions): AlertChannel {
  checkOptions(options, OPTIONS, { of: "email", code: "CONFIG_INVALID" });
  const { name = "email", host, port = 587, from, to, username, tls = true } = options;
  if ((username === undefined) !== (options.password === undefined)) {
    const [there, missing] = username === undefined ? ["password", "username"] : ["username", "password"];
    const message = `The option \`${missing}\` of email is missing, and \`${there}\` is there. Give both, or none.`;
    throw new SpineError("CONFIG_INVALID", message, {
      detail: { issues: [{ path: `/${missing}`, message: "is missing" }] },
    });
  }
  return Object.freeze<AlertChannel>({
    name,
    async send(notification, { signal }) {
      const { createTransport } = await loadNodemailer();
      const password = options.password === undefined ? null : await passwordOf(name, options.password);
      const transport = createTransport({
        host,
        port,
        secure: tls && port === 465,
        requireTLS: tls && port !== 465,
        ignoreTLS: !tls,
        ...(username === undefined || password === null ? {} : { auth: { user: username, pass: password } }),
        connectionTimeout: 10_000,
        greetingTimeout: 10_000,
        // No file and no URL is read for what stands in a mail.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      const close = () => transport.close();
      signal.addEventListener("abort", close, { once: true });
      try {
        await Promise.race([transport.sendMail(mailOf(notification, from, to)), aborted(signal)]);
      } catch (error) {
        signal.throwIfAborted();
        throw explained(name, error, password);
      } finally {
        signal.removeEventListener("abort", close);
        close();
      }
    },
  });
}

function mailOf(notification: AlertNotification, from: string, to: readonly string[]) {
  const domain = from.slice(from.lastIndexOf("@") + 1);
  const text = textOf(notification);
  return {
    from,
    to: [...to],
    subject: headlineOf(notification, SUBJECT),
    messageId: `<${notification.key}@${domain}>`,
    references: `<${notification.group}@${domain}>`,
    headers: { "Auto-Submitted": "auto-generated", "X-Spine-Key": notification.key },
    text,
    html: `<pre style="font-family:monospace;white-space:pre-wrap">${escaped(text)}</pre>`,
  };
}

function textOf(notification: AlertNotification): string {
  const alerts = notification.alerts.map((alert) =>
    [
      `${alert.status === "FIRING" ? alert.severity : alert.status}: ${plainLine(alert.title, 500)}`,
      plainText(alert.message, 4_000),
      ...factsOf(alert).map(([fact, value]) => `  ${plainLine(fact, 100)}: ${plainLine(value, 300)}`),
    ].join("\n"),
  );
  return plainText(
    [summaryOf(notification), ...alerts, `${notification.at} · ${notification.key}`].join("\n\n"),
    TEXT,
  );
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function isAddress(value: unknown): boolean {
  return typeof value === "string" && ADDRESS.test(value);
}

function explained(name: string, error: unknown, password: string | null): SpineError {
  const { code, responseCode, message } = error as {
    readonly code?: string;
    readonly responseCode?: number;
    readonly message?: string;
  };
  const secrets = password === null ? [] : [{ reference: "password", value: password }];
  const said = redaction(secrets)?.text(String(message)) ?? String(message);
  const text = `The alert channel "${name}" did not take the mail: ${plainLine(said, 200)}`;
  if (code === "EAUTH" && (responseCode ?? 500) >= 500) return new SpineError("PERMISSION_DENIED", text);
  // 4xx of SMTP: later; 5xx: never.
  const isLater = responseCode === undefined ? MOMENTARY.includes(code ?? "") : responseCode < 500;
  return new SpineError(isLater ? "SOURCE_UNAVAILABLE" : "SOURCE_REFUSED", text);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

async function loadNodemailer(): Promise<Pick<typeof import("nodemailer"), "createTransport">> {
  try {
    return await import("nodemailer");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new SpineError(
      "DRIVER_MISSING",
      "The alert channel `email` needs the package `nodemailer`, which is not installed. Run `npm install nodemailer`.",
      { cause: error },
    );
  }
}
