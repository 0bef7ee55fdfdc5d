import {
  ALERT_SEVERITIES,
  type AlertChannel,
  type AlertRoute,
  type AlertSeverity,
  type Env,
  SpineError,
} from "spine-core";
import { email } from "./email.ts";
import { servicenow } from "./servicenow.ts";
import { slack } from "./slack.ts";

/** What the environment says of alerts: to be spread into `createSpine({ alerts })`. */
export interface EnvAlerts {
  readonly channels: readonly AlertChannel[];
  readonly routes: readonly AlertRoute[];
}

/**
 * The channels that the environment names, with a route for each. `SPINE_SLACK_WEBHOOK` (and `SPINE_SLACK_CHANNEL`) is told of WARNING
 * and above; `SPINE_SLACK_OPS_WEBHOOK` of CRITICAL; `SPINE_SMTP_HOST`, `_PORT`, `_USER`, `_PASSWORD`, `_TLS` with `SPINE_EMAIL_FROM` and
 * `SPINE_EMAIL_TO` (commas between them) of ERROR and above; `SPINE_SNOW_URL`, `_USER`, `_PASSWORD`, `_ASSIGNMENT_GROUP`, `_CATEGORY`,
 * `_SUBCATEGORY` of CRITICAL. `SPINE_ALERT_MIN_SEVERITY`, where it is set, is the least for all of them instead.
 *
 * @throws SpineError CONFIG_INVALID that names the variable.
 * @example
 * const spine = await createSpine({ database: memory(), alerts: alertChannelsFromEnv() });
 */
export function alertChannelsFromEnv(env: Env = process.env): EnvAlerts {
  const all = [
    { channel: slackOf(env.SPINE_SLACK_WEBHOOK, "slack", env), from: "WARNING" },
    { channel: slackOf(env.SPINE_SLACK_OPS_WEBHOOK, "slack-ops", {}), from: "CRITICAL" },
    { channel: emailOf(env), from: "ERROR" },
    { channel: servicenowOf(env), from: "CRITICAL" },
  ] as const;
  const least = severityOf(env.SPINE_ALERT_MIN_SEVERITY);
  const named = all.flatMap(({ channel, from }) => (channel === null ? [] : [{ channel, from }]));
  return {
    channels: named.map(({ channel }) => channel),
    routes: named.map(({ channel, from }) => ({
      match: { severity: { atLeast: least ?? from } },
      channels: [channel.name],
      continue: true,
    })),
  };
}

function severityOf(text: string | undefined): AlertSeverity | null {
  if (!text) return null;
  const severity = text.trim().toUpperCase() as AlertSeverity;
  if (ALERT_SEVERITIES.includes(severity)) return severity;
  throw new SpineError(
    "CONFIG_INVALID",
    `SPINE_ALERT_MIN_SEVERITY is "${text.slice(0, 40)}"; use one of ${ALERT_SEVERITIES.join(", ")}.`,
  );
}

function slackOf(
  webhookUrl: string | undefined,
  name: string,
  { SPINE_SLACK_CHANNEL: channel }: Env,
): AlertChannel | null {
  return webhookUrl ? slack({ name, webhookUrl, ...(channel ? { channel } : {}) }) : null;
}

function emailOf(env: Env): AlertChannel | null {
  const { SPINE_SMTP_HOST: host, SPINE_SMTP_PORT: port, SPINE_SMTP_USER: username } = env;
  const {
    SPINE_SMTP_PASSWORD: password,
    SPINE_SMTP_TLS: tls,
    SPINE_EMAIL_FROM: from,
    SPINE_EMAIL_TO: to,
  } = env;
  if (!host) return null;
  if (!from || !to) throw missing(from ? "SPINE_EMAIL_TO" : "SPINE_EMAIL_FROM", "SPINE_SMTP_HOST");
  if (!username !== !password) {
    const [there, other] = ["SPINE_SMTP_USER", "SPINE_SMTP_PASSWORD"] as const;
    throw username ? missing(other, there) : missing(there, other);
  }
  return named(SMTP_VARIABLES, email, {
    host,
    from,
    to: to
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== ""),
    ...(port ? { port: Number(port) } : {}),
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
    ...(tls ? { tls: !/^(?:0|false|no|off)$/i.test(tls) } : {}),
  });
}

function servicenowOf(env: Env): AlertChannel | null {
  const { SPINE_SNOW_URL: instanceUrl, SPINE_SNOW_USER: username, SPINE_SNOW_PASSWORD: password } = env;
  const {
    SPINE_SNOW_ASSIGNMENT_GROUP: group,
    SPINE_SNOW_CATEGORY: category,
    SPINE_SNOW_SUBCATEGORY: sub,
  } = env;
  if (!instanceUrl) return null;
  if (!username || !password)
    throw missing(username ? "SPINE_SNOW_PASSWORD" : "SPINE_SNOW_USER", "SPINE_SNOW_URL");
  return named(SNOW_VARIABLES, servicenow, {
    instanceUrl,
    username,
    password,
    ...(group ? { assignmentGroup: group } : {}),
    ...(category ? { category } : {}),
    ...(sub ? { subcategory: sub } : {}),
  });
}

/** By which variables the options are set that a channel may refuse. */
const SMTP_VARIABLES = {
  host: "SPINE_SMTP_HOST",
  port: "SPINE_SMTP_PORT",
  from: "SPINE_EMAIL_FROM",
  to: "SPINE_EMAIL_TO",
} as const;
const SNOW_VARIABLES = { instanceUrl: "SPINE_SNOW_URL" } as const;

/** Makes a channel; what is refused of it is said of the variable. */
function named<O>(
  variables: Readonly<Record<string, string>>,
  make: (options: O) => AlertChannel,
  options: O,
): AlertChannel {
  try {
    return make(options);
  } catch (error) {
    const { issues } = ((error as { detail?: unknown }).detail ?? {}) as {
      readonly issues?: readonly { readonly path: string; readonly message: string }[];
    };
    const [issue] = issues ?? [];
    const variable = issue && variables[issue.path.slice(1)];
    if (issue === undefined || variable === undefined) throw error;
    const { message } = issue;
    throw new SpineError("CONFIG_INVALID", `${variable} ${message}; look at what it is set to.`, {
      detail: { issues: [{ path: `/${variable}`, message }] },
      cause: error,
    });
  }
}

function missing(name: string, other: string): SpineError {
  return new SpineError("CONFIG_INVALID", `${name} is not set, and ${other} is. Set both, or none.`);
}
