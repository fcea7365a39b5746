import { BlockList, isIPv4, isIPv6 } from "node:net";

/**
 * Which addresses a policy host may be dialled at. The other side chooses the name and what it resolves to, so without
 * this rule a crafted domain reaches loopback services and cloud metadata (R-8461-3.3-21).
 */

type Family = "ipv4" | "ipv6";
type Range = readonly [cidr: string, why: string];

/** Never the address of a server, whatever the configuration says. */
const NEVER: readonly Range[] = [
  ["0.0.0.0/8", "unspecified"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
  ["::/128", "unspecified"],
  ["ff00::/8", "multicast"],
  // An AAAA record has no business carrying these; a kernel dials the IPv4 address inside.
  ["::ffff:0:0/96", "IPv4-mapped"],
  ["::ffff:0:0:0/96", "IPv4-translated"],
];

/** Reachable only from here, or reserved for a use that is no public web server (RFC 6890 registries). */
const PRIVATE: readonly Range[] = [
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "carrier-grade NAT"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "protocol assignments"],
  ["192.0.2.0/24", "documentation"],
  ["192.88.99.0/24", "6to4 relay"],
  ["192.168.0.0/16", "private"],
  ["198.18.0.0/15", "benchmarking"],
  ["198.51.100.0/24", "documentation"],
  ["203.0.113.0/24", "documentation"],
  ["::1/128", "loopback"],
  ["64:ff9b:1::/48", "local NAT64"],
  ["100::/64", "discard-only"],
  ["2001::/23", "protocol assignments"], // Teredo, ORCHID, benchmarking
  ["2001:db8::/32", "documentation"],
  ["3fff::/20", "documentation"],
  ["fc00::/7", "unique local"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "site-local"],
];

/** The IPv6 ranges that can hold a public server; both are looked at after the lists above. */
const GLOBAL_UNICAST = blockList("2000::/3");
const NAT64 = blockList("64:ff9b::/96");
const SIX_TO_FOUR = blockList("2002::/16");

const NEVER_LISTS = table(NEVER);
const PRIVATE_LISTS = table(PRIVATE);

/**
 * Why `address` must not be dialled, in a word or two for the log, or null when it may be.
 * @param address an IP address as text; anything else, a zone index included, is refused
 * @param allowPrivate the operator allows private, loopback and documentation addresses (https.allow-private-addresses)
 */
export function addressForbidden(address: string, allowPrivate: boolean): string | null {
  const family = familyOf(address);
  if (family === null) return "not an IP address";
  const why = reason(NEVER_LISTS, address, family) ?? (allowPrivate ? null : reason(PRIVATE_LISTS, address, family));
  if (why !== null || family === "ipv4") return why;

  const inside = embeddedIPv4(address);
  if (inside !== null) {
    const whyInside = addressForbidden(inside, allowPrivate);
    return whyInside === null ? null : `${whyInside} ${inside} inside`;
  }
  if (allowPrivate || GLOBAL_UNICAST.check(address, "ipv6")) return null;
  return "not global unicast";
}

function familyOf(address: string): Family | null {
  if (isIPv4(address)) return "ipv4";
  return isIPv6(address) && !address.includes("%") ? "ipv6" : null;
}

/** The IPv4 address a NAT64 (RFC 6052) or 6to4 (RFC 3056) address stands for, null for all others. */
function embeddedIPv4(address: string): string | null {
  if (NAT64.check(address, "ipv6")) return dotted(groupsOf(address).slice(6, 8));
  if (SIX_TO_FOUR.check(address, "ipv6")) return dotted(groupsOf(address).slice(1, 3));
  return null;
}

function dotted(groups: readonly number[]): string {
  return groups.flatMap((group) => [group >> 8, group & 0xff]).join(".");
}

/** The eight 16-bit groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  // The URL parser writes every spelling, a dotted tail included, as hexadecimal groups with one "::" at most.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const left = parseGroups(head);
  const right = parseGroups(tail ?? "");
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function parseGroups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

interface NamedList {
  readonly family: Family;
  readonly list: BlockList;
  readonly why: string;
}

function table(ranges: readonly Range[]): readonly NamedList[] {
  return ranges.map(([cidr, why]) => ({ family: cidr.includes(":") ? "ipv6" : "ipv4", list: blockList(cidr), why }));
}

function blockList(cidr: string): BlockList {
  const [network = "", prefix] = cidr.split("/");
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), network.includes(":") ? "ipv6" : "ipv4");
  return list;
}

/** BlockList takes every IPv4 address for one of ::ffff:0:0/96, so only lists of the same family are asked. */
function reason(lists: readonly NamedList[], address: string, family: Family): string | null {
  return lists.find((entry) => entry.family === family && entry.list.check(address, family))?.why ?? null;
}
