package org.mtasts;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** plan and judge: which MX hosts may be used, and whether a session may carry the message. */
public final class Delivery {
  private Delivery() {}

  /** What DNSSEC and TLSA lookups found; {@code states} has one for each host; {@code mandatory}: RFC 7672 §6. */
  public record DaneFacts(boolean mxSecure, boolean mandatory, List<Abi.DaneState> states) {}

  /** The policy text and the leniencies it needed are read for Verdict.POLICY only; {@code dane} may be null. */
  public record PlanRequest(
      Abi.Verdict verdict, byte[] policy, Set<Abi.Leniency> used, List<String> hosts, DaneFacts dane) {}

  /** What to do with one MX host. {@code evaluate}: compare the session with the policy, also where that gates nothing. */
  public record PlanEntry(String host, Abi.Action action, Abi.PlanReason reason, boolean evaluate) {}

  /**
   * One SMTP session. {@code tlsVersion} as on the wire (0x0304), 0 without TLS; {@code names} are the DNS-IDs of the
   * certificate; {@code references} those of a DANE-TA match (null: the host); {@code last}: no further MX host to try.
   */
  public record SessionFacts(
      Abi.Session session, int tlsVersion, Abi.Chain chain, List<String> names, List<String> references, boolean last) {}

  /** What to do with the message, what RFC 8460 calls the session, and whether it met the policy. */
  public record Judgement(Abi.JudgeVerdict verdict, Abi.ResultType resultType, boolean compliant, Abi.Why why) {}

  static byte[] octets(PlanRequest request) {
    return new Frame(Abi.P_SIZE)
        .put(Abi.P_VERDICT, request.verdict())
        .put(Abi.P_LENIENCY, Word.bits(request.used()))
        .put(Abi.P_FLAGS, flags(request.dane()))
        .part(Abi.P_POLICY, request.policy())
        .part(Abi.P_HOSTS, hosts(request))
        .octets();
  }

  private static int flags(DaneFacts dane) {
    if (dane == null) return 0;
    int secure = dane.mxSecure() ? Abi.FACTS_MX_SECURE : 0;
    return Abi.FACTS_DANE | secure | (dane.mandatory() ? Abi.FACTS_DANE_MANDATORY : 0);
  }

  /** A state that is missing is left out, so that the core refuses the list. */
  private static byte[] hosts(PlanRequest request) {
    ByteArrayOutputStream list = new ByteArrayOutputStream();
    List<Abi.DaneState> states = request.dane() == null ? List.of() : request.dane().states();
    for (int i = 0; i < request.hosts().size(); i++) {
      Frame.append(list, Frame.utf8(request.hosts().get(i)));
      if (i < states.size()) Frame.append16(list, states.get(i).number());
    }
    return list.toByteArray();
  }

  static List<PlanEntry> entries(List<String> hosts, ModuleInstance.Reply reply) {
    List<PlanEntry> entries = new ArrayList<>();
    for (int i = 0; i < hosts.size(); i++) {
      int at = i * Abi.PLAN_ENTRY;
      Abi.Action action = Abi.Action.of(reply.u32(at));
      Abi.PlanReason reason = Abi.PlanReason.of(reply.u32(at + 4));
      entries.add(new PlanEntry(hosts.get(i), action, reason, reply.u32(at + 8) == 1));
    }
    return entries;
  }

  static byte[] octets(PlanEntry entry, SessionFacts facts) {
    return new Frame(Abi.J_SIZE)
        .put(Abi.J_ACTION, entry.action())
        .put(Abi.J_REASON, entry.reason())
        .put(Abi.J_EVALUATE, entry.evaluate())
        .put(Abi.J_FLAGS, facts.last() ? Abi.JUDGE_LAST_HOST : 0)
        .put(Abi.J_SESSION, facts.session())
        .put(Abi.J_TLS_VERSION, facts.tlsVersion())
        .put(Abi.J_CHAIN, facts.chain())
        .part(Abi.J_NAMES, Frame.names(facts.names()))
        .part(Abi.J_HOST, reference(entry, facts))
        .octets();
  }

  private static byte[] reference(PlanEntry entry, SessionFacts facts) {
    if (entry.action() != Abi.Action.DANE) return Frame.utf8(entry.host());
    return Frame.names(facts.references() == null ? List.of(entry.host()) : facts.references());
  }

  static Judgement judgement(ModuleInstance.Reply reply) {
    Abi.JudgeVerdict verdict = Abi.JudgeVerdict.of(reply.u32(0));
    return new Judgement(verdict, Abi.ResultType.of(reply.u32(4)), reply.u32(8) == 1, Abi.Why.of(reply.u32(12)));
  }
}
