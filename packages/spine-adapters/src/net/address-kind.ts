import { BlockList, isIP } from "node:net";

/** Addresses at which clouds hand out credentials to whoever asks: no range opens them, only their own names. */
const METADATA = subnets({
  ipv4: [
    "169.254.169.254/32",
    "169.254.170.2/32",
    "168.63.129.16/32",
    "100.100.100.200/32",
    "192.0.0.192/32",
  ],
  ipv6: ["fd00:ec2::254/128", "fd20:ce::254/128"],
});

/** IANA's special-purpose IPv4 addresses, by what they are. */
const IPV4: readonly (readonly [kind: string, list: BlockList])[] = (
  [
    ["loopback", "127.0.0.0/8"],
    ["private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"],
    ["link-local", "169.254.0.0/16"],
    ["shared by carriers (CGNAT)", "100.64.0.0/10"],
    ["unspecified", "0.0.0.0/8"],
    ["multicast", "224.0.0.0/4"],
    ["reserved", "240.0.0.0/4 192.0.0.0/24 192.88.99.0/24 198.18.0.0/15"],
    ["for documentation", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24"],
  ] as const
).map(([kind, list]) => [kind, subnets({ ipv4: list.split(" ") })]);

/** What is inside of the global range and not for everybody; all that is outside of it is refused anyway. */
const IPV6: readonly (readonly [kind: string, list: BlockList])[] = (
  [
    ["loopback", "::1/128"],
    ["unspecified", "::/128"],
    ["IPv4 in IPv6", "::ffff:0:0/96 ::ffff:0:0:0/96 ::/96 2002::/16"],
    ["of a translator (NAT64)", "64:ff9b::/96 64:ff9b:1::/48"],
    ["private", "fc00::/7"],
    ["link-local", "fe80::/10 fec0::/10"],
    ["multicast", "ff00::/8"],
    ["reserved", "2001::/23 100::/64 5f00::/16"],
    ["for documentation", "2001:db8::/32 3fff::/20"],
  ] as const
).map(([kind, list]) => [kind, subnets({ ipv6: list.split(" ") })]);
const GLOBAL_IPV6 = subnets({ ipv6: ["2000::/3"] });

/**
 * What an address is other than one of the open internet, e.g. `loopback`; null when it is one of those.
 *
 * @param address as sockets have it: IPv6 without brackets, with or without a zone.
 */
export function specialKind(address: string): string | null {
  const bare = address.replace(/%.*$/, "");
  const version = isIP(bare);
  if (version === 0) return "no IP address";
  if (METADATA.check(bare, version === 4 ? "ipv4" : "ipv6")) return METADATA_KIND;
  if (version === 4) return IPV4.find(([, list]) => list.check(bare, "ipv4"))?.[0] ?? null;
  const kind = IPV6.find(([, list]) => list.check(bare, "ipv6"))?.[0];
  return kind ?? (GLOBAL_IPV6.check(bare, "ipv6") ? null : "reserved");
}

export const METADATA_KIND = "of a cloud's metadata service";

function subnets(of: { readonly ipv4?: readonly string[]; readonly ipv6?: readonly string[] }): BlockList {
  const list = new BlockList();
  for (const family of ["ipv4", "ipv6"] as const) {
    for (const subnet of of[family] ?? []) {
      const [net = "", bits = ""] = subnet.split("/");
      list.addSubnet(net, Number(bits), family);
    }
  }
  return list;
}
