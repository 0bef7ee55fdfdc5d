/** Where the URL has an account and a path and nothing between them, which `URL` does not take. */
const NO_HOST = "no-host";

/**
 * Why no Postgres server can be meant by a URL, to follow the URL in a sentence; null when one can. The driver would
 * throw a bare TypeError, or try its defaults on this machine.
 */
export function postgresUrlFault(url: string): string | null {
  if (!/^postgres(?:ql)?:\/\//i.test(url)) return "which names no Postgres database";
  const parsed = parse(url);
  if (parsed === null) {
    return "which is not a valid URL: look at its port, and write special characters of the password as %XX";
  }
  const { hostname, port, pathname, searchParams } = parsed;
  if (port === "0") return "whose port is 0";
  if (/\s|%20/.test(hostname)) return "whose host is none: look for spaces in it";
  const named =
    (hostname !== "" && hostname !== NO_HOST) || searchParams.has("host") || /^\/./.test(pathname);
  return named ? null : "which names neither a host nor a database";
}

function parse(url: string): URL | null {
  const spaced = url.replaceAll(" ", "%20");
  const whole = URL.canParse(spaced) ? spaced : spaced.replace("@/", `@${NO_HOST}/`);
  if (!URL.canParse(whole)) return null;
  const parsed = new URL(whole);
  try {
    for (const part of [parsed.username, parsed.password, parsed.hostname, parsed.pathname])
      decodeURIComponent(part);
  } catch {
    return null;
  }
  return parsed;
}
