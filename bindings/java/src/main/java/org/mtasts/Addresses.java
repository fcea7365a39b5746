package org.mtasts;

import java.math.BigInteger;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;

/**
 * Which addresses a policy host may be dialled at (R-8461-3.3-21). The other side chooses the name and what it resolves to:
 * without this rule a crafted domain reaches loopback services and cloud metadata.
 */
final class Addresses {
  private record Range(byte[] network, int prefix) {
    static Range of(String cidr) {
      String[] parts = cidr.split("/");
      try {
        return new Range(InetAddress.getByName(parts[0]).getAddress(), Integer.parseInt(parts[1]));
      } catch (UnknownHostException error) {
        throw new IllegalStateException(error); // all of them are numbers
      }
    }

    boolean holds(byte[] address) {
      if (address.length != network.length) return false;
      int rest = address.length * 8 - prefix;
      return new BigInteger(1, address).shiftRight(rest).equals(new BigInteger(1, network).shiftRight(rest));
    }
  }

  /**
   * Never the address of a server. Java itself makes IPv4 addresses of IPv4-mapped ones, which are looked at as such: from an
   * AAAA record they are refused before (DnsJavaDns).
   */
  private static final List<Range> NEVER = ranges("0.0.0.0/8 224.0.0.0/4 240.0.0.0/4 ::/128 ff00::/8 ::ffff:0:0:0/96");

  /** Reachable only from here, or reserved for what is no public web server (the registries of RFC 6890). */
  private static final List<Range> PRIVATE =
      ranges(
          "10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24"
              + " 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 ::1/128 64:ff9b:1::/48 100::/64 2001::/23"
              + " 2001:db8::/32 3fff::/20 fc00::/7 fe80::/10 fec0::/10");

  private static final Range GLOBAL_UNICAST = Range.of("2000::/3");
  private static final Range NAT64 = Range.of("64:ff9b::/96");
  private static final Range SIX_TO_FOUR = Range.of("2002::/16");

  private Addresses() {}

  private static List<Range> ranges(String cidrs) {
    return Arrays.stream(cidrs.split(" ")).map(Range::of).toList();
  }

  /** May a policy host be dialled at this address? */
  static boolean mayBeDialled(InetAddress address, boolean allowPrivate) {
    byte[] octets = address.getAddress();
    if (NEVER.stream().anyMatch(range -> range.holds(octets))) return false;
    if (!allowPrivate && PRIVATE.stream().anyMatch(range -> range.holds(octets))) return false;
    if (address instanceof Inet4Address) return true;
    byte[] inside = embedded(octets);
    if (inside != null) return mayBeDialled(inside, allowPrivate);
    return allowPrivate || GLOBAL_UNICAST.holds(octets);
  }

  private static boolean mayBeDialled(byte[] octets, boolean allowPrivate) {
    try {
      return mayBeDialled(InetAddress.getByAddress(octets), allowPrivate);
    } catch (UnknownHostException error) {
      return false;
    }
  }

  /** The IPv4 address that a NAT64 (RFC 6052) or 6to4 (RFC 3056) address stands for, or null. */
  private static byte[] embedded(byte[] octets) {
    if (NAT64.holds(octets)) return Arrays.copyOfRange(octets, 12, 16);
    return SIX_TO_FOUR.holds(octets) ? Arrays.copyOfRange(octets, 2, 6) : null;
  }
}
