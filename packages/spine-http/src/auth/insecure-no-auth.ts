import type { Auth, AuthRequest, Principal } from "./auth.ts";

const ANYBODY: Principal = Object.freeze({ id: "anybody", permissions: "admin" });
/** Written by proxies: what they pass on comes from elsewhere, whatever the peer's address. */
const PROXIED = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"] as const;
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|::ffff:127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/i;
const LOCAL_HOST = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Lets everybody do everything, from this machine only: a request from elsewhere, through a proxy, or under another name than
 * `localhost` (a page whose name was made to point here) is not known.
 *
 * @param options.allowRemote true: really everybody, e.g. behind a gateway that has checked who asks.
 * @example
 * const handler = createHandler(spine, { auth: insecureNoAuth() });
 */
export function insecureNoAuth(options: { readonly allowRemote?: boolean } = {}): Auth {
  return {
    authenticate: (request) => (options.allowRemote === true || isLocal(request) ? ANYBODY : null),
  };
}

function isLocal(request: AuthRequest): boolean {
  if (request.peer === null || !LOOPBACK.test(request.peer)) return false;
  if (PROXIED.some((name) => request.header(name) !== undefined)) return false;
  const host = request.header(":authority") ?? request.header("host");
  return host !== undefined && LOCAL_HOST.test(host);
}
