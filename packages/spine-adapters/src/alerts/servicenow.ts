import {
  type AlertChannel,
  type AlertNotification,
  type AlertSeverity,
  aText,
  checkOptions,
  decodeJson,
  type OptionKinds,
  required,
  SpineError,
} from "spine-core";
import { type ChannelSecret, passwordOf } from "./channel-secret.ts";
import { factsOf, headlineOf, plainText, summaryOf } from "./plain-text.ts";
import { alertPoster, HTTP_CHANNEL, type HttpChannelOptions } from "./post-alert.ts";

export interface ServiceNowOptions extends HttpChannelOptions {
  /** e.g. `https://example.service-now.com`. */
  readonly instanceUrl: string;
  readonly username: string;
  /** `env:NAME`, a function, or its text. */
  readonly password: ChannelSecret;
  readonly assignmentGroup?: string;
  /** `Software` when left out. */
  readonly category?: string;
  /** `Pipeline` when left out. */
  readonly subcategory?: string;
}

const OPTIONS: OptionKinds<ServiceNowOptions> = {
  ...HTTP_CHANNEL,
  instanceUrl: required({ is: "a URL", fits: (value) => aText.fits(value) && URL.canParse(value as string) }),
  username: required(aText),
  password: required({
    is: 'a text, "env:NAME", or a function that gets it',
    fits: (value) => aText.fits(value) || typeof value === "function",
  }),
  assignmentGroup: aText,
  category: aText,
  subcategory: aText,
};
/** Impact and urgency: 1 is high. */
const URGENCY: Readonly<Record<AlertSeverity, string>> = {
  CRITICAL: "1",
  ERROR: "2",
  WARNING: "3",
  INFO: "3",
};
const RESOLVED_STATE = "6";
/** Resolved, closed, cancelled. One that is resolved stays active until it is closed, days later: what fires again is not told there. */
const OVER_STATES = `${RESOLVED_STATE},7,8`;
const SHORT = 160;
const NOTES = 8_000;

/**
 * ServiceNow: an incident for each group, by its table API. It is found again by its correlation id, so that a notification that comes
 * twice makes no second one; later ones are work notes, and the last one resolves it.
 *
 * @throws SpineError CONFIG_INVALID for options that mean nothing.
 * @example
 * const desk = servicenow({
 *   instanceUrl: "https://example.service-now.com",
 *   username: "spine",
 *   password: "env:SPINE_SNOW_PASSWORD",
 * });
 */
export function servicenow(options: ServiceNowOptions): AlertChannel {
  checkOptions(options, OPTIONS, { of: "servicenow", code: "CONFIG_INVALID" });
  const {
    name = "servicenow",
    instanceUrl,
    username,
    category = "Software",
    subcategory = "Pipeline",
  } = options;
  const post = alertPoster(name, options);
  const table = new URL("/api/now/table/incident", instanceUrl);
  return Object.freeze<AlertChannel>({
    name,
    async send(notification, { signal }) {
      const password = await passwordOf(name, options.password);
      const pair = Buffer.from(`${username}:${password}`).toString("base64");
      const secrets = [
        { reference: "password", value: password },
        { reference: "password", value: pair },
      ];
      const headers = { accept: "application/json", authorization: `Basic ${pair}` };
      const ask = async (url: URL, method: "GET" | "POST" | "PATCH", body?: object) =>
        await post({ url, method, headers, body, secrets, signal });

      const search = new URL(table);
      search.searchParams.set(
        "sysparm_query",
        `correlation_id=${notification.group}^stateNOT IN${OVER_STATES}`,
      );
      search.searchParams.set("sysparm_fields", "sys_id");
      search.searchParams.set("sysparm_limit", "1");
      const known = firstId(name, await ask(search, "GET"));
      const notes = notesOf(notification);
      if (known !== null) {
        const end = { state: RESOLVED_STATE, close_code: "Resolved by caller", close_notes: notes };
        const change = notification.status === "RESOLVED" ? end : { work_notes: notes };
        await ask(new URL(`${table.pathname}/${known}`, table), "PATCH", change);
        return;
      }
      // Somebody has closed it by hand already.
      if (notification.status === "RESOLVED") return;
      await ask(table, "POST", {
        short_description: headlineOf(notification, SHORT),
        description: notes,
        impact: URGENCY[notification.severity],
        urgency: URGENCY[notification.severity],
        category,
        subcategory,
        caller_id: username,
        correlation_id: notification.group,
        ...(options.assignmentGroup === undefined ? {} : { assignment_group: options.assignmentGroup }),
      });
    },
  });
}

function notesOf(notification: AlertNotification): string {
  const alerts = notification.alerts.map((alert) =>
    [alert.title, alert.message, ...factsOf(alert).map(([fact, value]) => `${fact}: ${value}`)].join("\n"),
  );
  return plainText([summaryOf(notification), ...alerts, `key: ${notification.key}`].join("\n\n"), NOTES);
}

function firstId(name: string, answer: string): string | null {
  let result: unknown;
  try {
    result = (decodeJson(answer) as { readonly result?: unknown }).result;
  } catch {
    result = undefined;
  }
  if (!Array.isArray(result)) {
    throw new SpineError(
      "SOURCE_UNAVAILABLE",
      `The alert channel "${name}" answered with something else than incidents: an instance that sleeps does so. It is tried again.`,
    );
  }
  const id = (result[0] as { readonly sys_id?: unknown } | undefined)?.sys_id;
  return typeof id === "string" && /^[0-9a-zA-Z]{1,64}$/.test(id) ? id : null;
}
