package org.mtasts;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.CNAMERecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.ExtendedResolver;
import org.xbill.DNS.Flags;
import org.xbill.DNS.MXRecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Resolver;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/** Asks recursive resolvers with dnsjava: UDP, TCP after truncation, several servers in turn, never a search list. */
public final class DnsJavaDns implements Dns {
  private static final int LONGEST_CHAIN = 8;
  private final Resolver resolver;

  /** The resolvers of this machine. */
  public DnsJavaDns() throws UnknownHostException {
    this(new ExtendedResolver());
  }

  /** These resolvers; {@code timeout} for each question to each of them. */
  public DnsJavaDns(List<InetSocketAddress> servers, Duration timeout) {
    this(new ExtendedResolver(servers.stream().map(SimpleResolver::new).toArray(Resolver[]::new)));
    resolver.setTimeout(timeout);
  }

  private DnsJavaDns(ExtendedResolver resolver) {
    this.resolver = resolver;
    // RFC 9715: 1232 octets pass every path unfragmented.
    resolver.setEDNS(0, 1232, 0, List.of());
  }

  /** One MX record; {@code exchange} as the message has it, in presentation form without trailing dot. */
  public record Mx(int preference, String exchange) {}

  private record Found(List<Record> records, long ttl) {}

  @Override
  public Step.RecordEnded txt(String name) {
    try {
      Found found = lookUp(name, Type.TXT);
      // RRs with equal RDATA are one.
      Map<ByteBuffer, byte[]> rrset = new LinkedHashMap<>();
      for (Record record : found.records()) {
        byte[] rdata = record.rdataToWireCanonical();
        rrset.put(ByteBuffer.wrap(rdata), rdata);
      }
      Abi.RecordOutcome outcome = rrset.isEmpty() ? Abi.RecordOutcome.NONE : Abi.RecordOutcome.ANSWERED;
      return new Step.RecordEnded(outcome, List.copyOf(rrset.values()), found.ttl());
    } catch (IOException error) {
      return new Step.RecordEnded(Abi.RecordOutcome.FAILED, List.of(), 0);
    }
  }

  @Override
  public List<InetAddress> addresses(String name) throws IOException {
    List<InetAddress> all = new ArrayList<>();
    IOException failure = null;
    for (int type : new int[] {Type.A, Type.AAAA}) {
      try {
        for (Record record : lookUp(name, type).records()) addTo(all, record);
      } catch (IOException error) {
        failure = error;
      }
    }
    if (failure != null && all.isEmpty()) throw failure;
    return all;
  }

  private static void addTo(List<InetAddress> all, Record record) {
    if (record instanceof ARecord a) all.add(a.getAddress());
    // An AAAA record has no business carrying an IPv4 address; Java would dial it.
    else if (record instanceof AAAARecord aaaa && aaaa.getAddress() instanceof java.net.Inet6Address v6) all.add(v6);
  }

  /**
   * The MX RRset in order of preference; empty when there is none (then the domain itself is the host).
   *
   * @throws IOException it could not be found out
   */
  public List<Mx> mx(String name) throws IOException {
    return lookUp(name, Type.MX).records().stream()
        .map(MXRecord.class::cast)
        .map(record -> new Mx(record.getPriority(), record.getTarget().toString(true)))
        .sorted(Comparator.comparingInt(Mx::preference))
        .toList();
  }

  private Found lookUp(String text, int type) throws IOException {
    Name name = nameOf(text);
    Set<Name> seen = new HashSet<>();
    long ttl = Integer.MAX_VALUE;
    while (seen.size() <= LONGEST_CHAIN) {
      Message answer = ask(name, type);
      boolean moved = false;
      for (; ; ) {
        if (!seen.add(name)) throw new IOException(text + ": CNAME loop");
        List<Record> here = recordsOf(answer, name, type);
        for (Record record : here) ttl = Math.min(ttl, record.getTTL());
        if (!here.isEmpty()) return found(answer, here, ttl);
        List<Record> aliases = recordsOf(answer, name, Type.CNAME);
        if (aliases.isEmpty()) break;
        ttl = Math.min(ttl, aliases.get(0).getTTL());
        name = ((CNAMERecord) aliases.get(0)).getTarget();
        moved = true;
      }
      SOARecord soa = soaOf(answer);
      // A message that leads to another name and has no SOA says nothing about that name: ask for it.
      if (!moved || soa != null || answer.getRcode() == Rcode.NXDOMAIN) return absent(answer, soa, ttl);
      seen.remove(name);
    }
    throw new IOException(text + ": too many CNAMEs");
  }

  private static Name nameOf(String text) throws IOException {
    try {
      return Name.fromString(text, Name.root);
    } catch (TextParseException error) {
      throw new IOException(error);
    }
  }

  private Message ask(Name name, int type) throws IOException {
    Message answer = resolver.send(Message.newQuery(Record.newRecord(name, type, DClass.IN)));
    int rcode = answer.getRcode();
    if (rcode != Rcode.NOERROR && rcode != Rcode.NXDOMAIN) throw new IOException(name + ": " + Rcode.string(rcode));
    return answer;
  }

  private static List<Record> recordsOf(Message answer, Name name, int type) {
    return answer.getSection(Section.ANSWER).stream()
        .filter(record -> record.getType() == type && record.getDClass() == DClass.IN && record.getName().equals(name))
        .toList();
  }

  private static Found found(Message answer, List<Record> records, long ttl) throws IOException {
    if (answer.getRcode() == Rcode.NXDOMAIN) throw new IOException("NXDOMAIN together with the records asked for");
    return new Found(records, ttl);
  }

  private static SOARecord soaOf(Message answer) {
    for (Record record : answer.getSection(Section.AUTHORITY)) if (record instanceof SOARecord soa) return soa;
    return null;
  }

  private static Found absent(Message answer, SOARecord soa, long ttl) throws IOException {
    if (soa != null) return new Found(List.of(), Math.min(ttl, Math.min(soa.getTTL(), soa.getMinimum())));
    boolean delegates = answer.getSection(Section.AUTHORITY).stream().anyMatch(record -> record.getType() == Type.NS);
    boolean knows = answer.getHeader().getFlag(Flags.RA) || (answer.getHeader().getFlag(Flags.AA) && !delegates);
    // RFC 2308 §2.2: a referral is no statement about the name.
    if (!knows && answer.getRcode() != Rcode.NXDOMAIN) throw new IOException("a referral instead of an answer");
    return new Found(List.of(), 0);
  }
}
