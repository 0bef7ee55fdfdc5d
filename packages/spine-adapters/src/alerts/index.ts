export type { ChannelSecret } from "./channel-secret.ts";
export { type ConsoleChannelOptions, consoleChannel } from "./console-channel.ts";
export { type EmailOptions, email } from "./email.ts";
export { alertChannelsFromEnv, type EnvAlerts } from "./from-env.ts";
export { type PagerDutyOptions, pagerduty } from "./pagerduty.ts";
export type { HttpChannelOptions } from "./post-alert.ts";
export { type ServiceNowOptions, servicenow } from "./servicenow.ts";
export { type SlackOptions, slack } from "./slack.ts";
export {
  SIGNATURE_HEADER,
  type VerifyOptions,
  verifySignature,
  type WebhookOptions,
  webhook,
} from "./webhook.ts";
