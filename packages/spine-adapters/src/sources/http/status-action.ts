/**
 * What is done about a status:
 * `accept`: its body is read · `empty`: it means that there are no rows · `retry`: later it may work (TRANSIENT) ·
 * `rate-limited`: later, and the other side said that we ask too often (RATE_LIMIT) · `refresh-token`: once with new
 * credentials, then `deny` · `deny`: we may not (PERMISSION) · `not-found`: SOURCE_NOT_FOUND · `fail`: SOURCE.
 */
export const STATUS_ACTIONS = [
  "accept",
  "empty",
  "retry",
  "rate-limited",
  "refresh-token",
  "deny",
  "not-found",
  "fail",
] as const;

export type StatusAction = (typeof STATUS_ACTIONS)[number];

/** What single statuses mean, where it is something else than their class says. */
const KNOWN: Readonly<Record<number, StatusAction>> = {
  // The answer is still being made.
  202: "retry",
  204: "empty",
  205: "empty",
  // A part of an answer that nobody asked for a part of.
  206: "fail",
  401: "refresh-token",
  402: "deny",
  403: "deny",
  404: "not-found",
  407: "deny",
  408: "retry",
  410: "not-found",
  421: "retry",
  423: "retry",
  425: "retry",
  429: "rate-limited",
  451: "deny",
  501: "fail",
  505: "fail",
  511: "deny",
};

/** What to do about a status, by the source's own table first. */
export function actionFor(status: number, own: Readonly<Record<number, StatusAction>>): StatusAction {
  const known = own[status] ?? KNOWN[status];
  if (known !== undefined) return known;
  if (status >= 200 && status < 300) return "accept";
  return status >= 500 ? "retry" : "fail";
}
