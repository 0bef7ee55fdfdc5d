// Loaded into a command before it begins: no name of a host can be resolved, as on a machine without a network. So tests
// never reach FINRA, wherever they run. Addresses are none: the command's own server is on one.
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { isIP } from "node:net";

const { lookup } = dns;
dns.lookup = ((hostname: string, ...rest: readonly unknown[]) => {
  if (isIP(hostname)) return Reflect.apply(lookup, dns, [hostname, ...rest]);
  const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
    code: "ENOTFOUND",
    syscall: "getaddrinfo",
    hostname,
  });
  queueMicrotask(() => (rest.at(-1) as (error: Error) => void)(error));
}) as typeof dns.lookup;
syncBuiltinESMExports();
