package org.mtasts;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * The decision core: every export of mta-sts.wasm as a typed, pure function. Threads may share an instance; their calls are
 * made one after another.
 */
public final class Core {
  private final ModuleInstance module;

  /** Compiles the module, which takes some tenths of a second; make one and keep it. */
  public Core() {
    this(ModuleInstance.shipped());
  }

  /**
   * The same with a module of the caller's.
   *
   * @throws IllegalStateException it has an ABI that this package does not know
   */
  public Core(byte[] wasm) {
    module = new ModuleInstance(wasm);
  }

  /** The one valid MTA-STS record of a domain (RFC 8461 §3.1), and the leniencies it needed. */
  public record StsRecord(String id, Set<Abi.Leniency> used) {}

  /** What a policy body says (RFC 8461 §3.2): patterns in lower case; maxAge in seconds, at most 31557600. */
  public record Policy(Abi.Mode mode, long maxAge, List<String> mx, Set<Abi.Leniency> used) {}

  /** The RDATA of a TXT RR from its character-strings; one over 255 octets is cut into several. */
  public static byte[] txtRdata(byte[]... strings) {
    ByteArrayOutputStream rdata = new ByteArrayOutputStream();
    for (byte[] octets : strings)
      for (int at = 0; at == 0 || at < octets.length; at += 255) {
        int length = Math.min(octets.length - at, 255);
        rdata.write(length);
        rdata.write(octets, at, length);
      }
    return rdata.toByteArray();
  }

  /** The same from one text. */
  public static byte[] txtRdata(String text) {
    return txtRdata(Frame.utf8(text));
  }

  /**
   * The MTA-STS record in a TXT RRset given as RDATA; RRs with equal RDATA must be given once.
   *
   * @throws CoreException there is something that means to be a record; it is to be treated like none
   */
  public Optional<StsRecord> selectRecord(List<byte[]> rrset, Set<Abi.Leniency> allowed) throws CoreException {
    ModuleInstance.Reply reply = module.ask("mtasts_record_select", Frame.list(rrset), Word.bits(allowed));
    if (reply.status() == 0) return Optional.empty();
    String id = new String(reply.payload(), 8, reply.u32(4), StandardCharsets.US_ASCII);
    return Optional.of(new StsRecord(id, Step.leniencies(reply.u32(0))));
  }

  /**
   * Reads a policy body, as it came.
   *
   * @throws CoreException it is no policy
   */
  public Policy parsePolicy(byte[] body, Set<Abi.Leniency> allowed) throws CoreException {
    if (body.length > Abi.IN_CAPACITY) throw new CoreException(Abi.Code.POLICY_TOO_LARGE.number(), Abi.POLICY_LIMIT);
    ModuleInstance.Reply reply = module.ask("mtasts_policy_parse", body, Word.bits(allowed));
    List<String> mx = new ArrayList<>();
    for (int at = 16; at < reply.payload().length; at += 8) {
      String value = new String(body, reply.u32(at), reply.u32(at + 4), StandardCharsets.US_ASCII);
      mx.add(value.toLowerCase(Locale.ROOT));
    }
    long maxAge = Integer.toUnsignedLong(reply.u32(4));
    return new Policy(Abi.Mode.of(reply.u32(0)), maxAge, mx, Step.leniencies(reply.u32(8)));
  }

  /**
   * Does the mx pattern cover the MX host, given as DNS named it? What is no host name never matches.
   *
   * @throws CoreException the pattern is none
   */
  public boolean matchesMx(String pattern, String host) throws CoreException {
    return matchesMx(Frame.utf8(pattern), Frame.utf8(host));
  }

  boolean matchesMx(byte[] pattern, byte[] host) throws CoreException {
    return module.askPair("mtasts_mx_match", pattern, host).status() == 1;
  }

  /** Does one of a certificate's DNS-IDs (never its common name) name the host (RFC 9525 §6.3)? */
  public boolean matchesDnsId(Collection<String> names, String host) {
    return matchesDnsId(names.stream().map(Frame::utf8).toList(), Frame.utf8(host));
  }

  boolean matchesDnsId(List<byte[]> names, byte[] host) {
    try {
      return module.askPair("mtasts_dnsid_match", Frame.list(names), host).status() == 1;
    } catch (CoreException tooLarge) {
      return false;
    }
  }

  /**
   * One event through the cache.
   *
   * @throws CoreException Code.STATE when the state is damaged: call again without it and with Flag.PAST_LOST
   */
  public List<Step.Effect> step(Step.Request request) throws CoreException {
    return Step.effects(module.ask("mtasts_step", Step.octets(request)).payload());
  }

  /**
   * One entry for each MX host, in MX order; without an MX RRset the host is the Policy Domain.
   *
   * @throws CoreException also when the policy text is none: never treat that as "no policy"
   */
  public List<Delivery.PlanEntry> plan(Delivery.PlanRequest request) throws CoreException {
    return Delivery.entries(request.hosts(), module.ask("mtasts_plan", Delivery.octets(request)));
  }

  /** May the message go over this session? */
  public Delivery.Judgement judge(Delivery.PlanEntry entry, Delivery.SessionFacts facts) throws CoreException {
    return Delivery.judgement(module.ask("mtasts_judge", Delivery.octets(entry, facts)));
  }

  /**
   * What a TLSA RRset (RDATA) that DNSSEC authenticated is worth (RFC 7672 §3.1).
   *
   * @throws CoreException the host must wait: that is no "no TLSA"
   */
  public Tlsa.Usable usableTlsa(List<byte[]> rrset) throws CoreException {
    byte[] list = Frame.list(rrset);
    return Tlsa.usable(list, module.ask("mtasts_tlsa_usable", list));
  }

  /** Where the TLSA records of an MX host stand (RFC 7672 §2.2), given the outcomes of the candidates so far (UNKNOWN). */
  public Tlsa.Base tlsaBase(Abi.Addresses addresses, Abi.DaneState expanded, Abi.DaneState original)
      throws CoreException {
    ModuleInstance.Reply reply =
        module.askNumbers("mtasts_tlsa_base", addresses.number(), expanded.number(), original.number());
    return new Tlsa.Base(Abi.DaneState.of(reply.u32(0)), Abi.Base.of(reply.u32(4)));
  }

  /** Which records match which certificates (RFC 6698 §2.1). What a DANE-TA match is worth the caller must find out. */
  public List<Tlsa.Match> matchTlsa(List<byte[]> records, List<Tlsa.PeerCertificate> certificates)
      throws CoreException {
    byte[] request = Tlsa.request(records, certificates);
    return Tlsa.matches(request, module.ask("mtasts_tlsa_match", request));
  }
}
