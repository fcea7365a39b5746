package org.mtasts;

import java.util.List;
import java.util.Set;

/**
 * What was learned of a Policy Domain (status) and, apart from it, what to honour now (verdict). POLICY: give the policy to
 * plan. NONE: deliver as without MTA-STS. TEMP: do not deliver now, ask again later. {@code detail} says what failed, for the
 * log. {@code reuse}: for so many seconds the decision may be used again. {@code recheck}: call Client.recheck before mail is
 * failed for good.
 */
public record Decision(
    String domain,
    Abi.Status status,
    Abi.Verdict verdict,
    Abi.ResultType resultType,
    Abi.Reason reason,
    String detail,
    Policy policy,
    long reuse,
    boolean recheck) {

  /** The policy to honour, null in a Decision that has none. Times in seconds; {@code text} is the body as it was fetched. */
  public record Policy(
      Abi.Mode mode, String id, List<String> mx, long maxAge, long age, long expiresIn, Set<Abi.Leniency> used, byte[] text) {}

  /** A TEMP that does not come from the core: the host itself cannot go on. */
  static Decision temporary(String domain, String detail) {
    return new Decision(
        domain,
        Abi.Status.PENDING,
        Abi.Verdict.TEMP,
        Abi.ResultType.NONE,
        Abi.Reason.DISCOVERY_PENDING,
        detail,
        null,
        0,
        false);
  }

  /** A domain so long that no _mta-sts label fits before it cannot publish a record. */
  static Decision withoutRecord(String domain) {
    return new Decision(
        domain, Abi.Status.NO_RECORD, Abi.Verdict.NONE, Abi.ResultType.NONE, Abi.Reason.NONE, "", null, 60, false);
  }
}
