import { isIP } from "node:net";
import { SpineError } from "spine-core";
import { METADATA_KIND, specialKind } from "./address-kind.ts";

/** What may be reached over the network. By default: http and https, at addresses of the open internet. */
export interface NetRules {
  /** Hosts that may have addresses that are not of the open internet, as they stand in URLs, e.g. `["localhost"]`. */
  readonly allowHosts?: readonly string[];
  /** Lets every host be at such an address; those of clouds' metadata services only by `allowHosts`. */
  readonly allowPrivate?: boolean;
  /** The only ports that may be reached; any when left out. */
  readonly ports?: readonly number[];
  /** What a refusal says is asked, and what to do; of a source when left out. */
  readonly words?: { readonly url: string; readonly todo: string };
}

const PORT_OF: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** A host as rules compare it: without brackets, the dot of the root, and case. */
function bareHost(hostname: string): string {
  return hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}

/** PERMISSION_DENIED for a URL that must not be asked, as far as its text tells; its host is looked up later. */
export function checkUrl(url: string | URL, rules: NetRules): URL {
  const parsed = URL.canParse(String(url)) ? new URL(url) : null;
  if (parsed === null) throw denied("It is no absolute URL.", "?", rules);
  const { protocol, hostname, username, password } = parsed;
  const port = PORT_OF[protocol];
  if (port === undefined) throw denied(`Its scheme ${protocol} is neither http nor https.`, hostname, rules);
  if (username !== "" || password !== "")
    throw denied("It has a name or a password in it; give them by `auth`.", hostname, rules);
  const { ports } = rules;
  const asked = parsed.port === "" ? port : Number(parsed.port);
  if (ports && !ports.includes(asked))
    throw denied(`Port ${asked} is none of ${ports.join(", ")}.`, hostname, rules);
  if (isIP(bareHost(hostname)) !== 0) checkAddress(bareHost(hostname), hostname, rules);
  return parsed;
}

/** PERMISSION_DENIED for an address that the host must not have. */
export function checkAddress(address: string, hostname: string, rules: NetRules): void {
  const kind = specialKind(address);
  if (kind === null) return;
  const host = bareHost(hostname);
  if (rules.allowHosts?.some((allowed) => bareHost(allowed) === host)) return;
  if (rules.allowPrivate && kind !== METADATA_KIND) return;
  const at = address === host ? "" : ` is at ${address}, which`;
  throw denied(`Its host${at} is not on the open internet: the address is ${kind}.`, hostname, rules);
}

const SOURCE = { url: "The URL", todo: "a host of your own network is named in `allowHosts`." };

function denied(why: string, host: string, { words = SOURCE }: NetRules): SpineError {
  return new SpineError(
    "PERMISSION_DENIED",
    `${words.url} must not be asked. ${why} Check it; ${words.todo}`,
    { context: { host: host.slice(0, 200) } },
  );
}
