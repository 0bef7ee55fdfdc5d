import { type LookupAddress, type LookupOptions, lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { Agent, buildConnector } from "undici";
import { checkAddress, checkUrl, type NetRules } from "./net-rules.ts";

/** How the system finds the addresses of a host: tests put another one in its place. */
export type FindAddresses = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface GuardedAgentOptions {
  readonly rules: NetRules;
  readonly connectMs: number;
  readonly findAddresses?: FindAddresses;
}

/**
 * Connections that lead where the rules allow. The address is checked when it is connected to, and it is the one that
 * was checked: a name that answers with another address the next time gains nothing by it. No proxy of the environment is used.
 */
export function guardedAgent({ rules, connectMs, findAddresses }: GuardedAgentOptions): Agent {
  const connect = buildConnector({
    timeout: connectMs,
    allowH2: false,
    lookup: guardedLookup(rules, findAddresses ?? systemLookup),
  });
  return new Agent({
    allowH2: false,
    // Whoever asks keeps the time himself: these count in steps of a second.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect(options, callback) {
      try {
        // An address that stands in the URL is not looked up: it is checked here.
        checkUrl(`${options.protocol}//${options.hostname}:${options.port}`, rules);
      } catch (error) {
        callback(error as Error, null);
        return;
      }
      connect(options, (...[error, socket]) => {
        if (error) return callback(error, null);
        try {
          checkAddress(socket.remoteAddress ?? "", options.hostname, rules);
          callback(null, socket);
        } catch (refusal) {
          socket.destroy();
          callback(refusal as Error, null);
        }
      });
    },
  });
}

/** Finds addresses, and refuses a host with any that it must not have: which one is connected to would be chance. */
function guardedLookup(rules: NetRules, findAddresses: FindAddresses): LookupFunction {
  return (hostname, options, callback) => {
    findAddresses(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, "");
      try {
        for (const { address } of addresses) checkAddress(address, hostname, rules);
      } catch (refusal) {
        return callback(refusal as NodeJS.ErrnoException, "");
      }
      const [first] = addresses;
      if (options.all) callback(null, addresses);
      else callback(null, first?.address ?? "", first?.family ?? 4);
    });
  };
}
