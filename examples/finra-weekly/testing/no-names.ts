// Loaded into a command before it begins: no name of a host can be resolved, as on a machine without a network. So tests
// never reach FINRA, wherever they run.
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";

const notFound = (hostname: string) =>
  Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
    code: "ENOTFOUND",
    syscall: "getaddrinfo",
    hostname,
  });

dns.lookup = ((hostname: string, ...rest: readonly unknown[]) => {
  const done = rest.at(-1) as (error: Error) => void;
  queueMicrotask(() => done(notFound(hostname)));
}) as typeof dns.lookup;
dns.promises.lookup = (async (hostname: string) =>
  await Promise.reject(notFound(hostname))) as typeof dns.promises.lookup;
syncBuiltinESMExports();
