package org.mtasts;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** step: the cache behaviour of RFC 8461 §3.3, §5.1, §8 and §10 as one pure transition. */
public final class Step {
  /** Longer Content-Types are cut: none of that length is text/plain. */
  private static final int LONGEST_TYPE = 1024;

  private Step() {}

  /**
   * What time it is: Unix seconds; milliseconds since boot of a clock that goes on while the machine sleeps; a number that
   * differs between boots and is the same for all processes of one.
   */
  public record Clock(long now, long uptimeMillis, int boot) {}

  /** What happened. */
  public sealed interface Event permits Plain, RecordEnded, PolicyEnded {}

  /** lookup, deadline, refresh, recheck. */
  public record Plain(Abi.Event kind) implements Event {}

  /** The TXT query has ended. {@code rrset} is RDATA, {@code ttl} (seconds) that of the RRset or the negative one. */
  public record RecordEnded(Abi.RecordOutcome outcome, List<byte[]> rrset, long ttl) implements Event {}

  /** The GET has ended. {@code token} is that of the get-policy effect; {@code contentType} null: there was none. */
  public record PolicyEnded(byte[] token, Abi.FetchOutcome outcome, byte[] body, String contentType) implements Event {}

  /**
   * One event of one Policy Domain (A-labels, lower case, no trailing dot). {@code state} is what is at hand, empty when
   * nothing is; {@code highWater} the highest Unix second the store has seen; {@code seed} any number.
   */
  public record Request(
      String domain,
      Event event,
      Clock clock,
      byte[] state,
      Set<Abi.Flag> flags,
      int seed,
      long highWater,
      Set<Abi.Leniency> leniency,
      Abi.OnFailure onFailure) {}

  /** Something that an operator must hear of. */
  public record Notice(Abi.NoticeKind kind, Abi.ResultType resultType, int detail, long number) {}

  /** The policy to honour. Times in seconds; {@code offset} and {@code length} say where its text stands in the state. */
  public record Held(
      Abi.Mode mode,
      String id,
      long maxAge,
      long age,
      long expiresIn,
      long idAge,
      Set<Abi.Leniency> used,
      int offset,
      int length) {}

  /**
   * What a lookup learned (status) and, apart from it, what to honour now (verdict, policy or null). {@code detail} is the
   * number of a FetchOutcome where positive, of a Code where negative. {@code reuse}: for so many seconds the answer may be
   * given again without a step. {@code recheck}: ask again before mail is failed for good.
   */
  public record Answer(
      Abi.Status status,
      Abi.Verdict verdict,
      Abi.ResultType resultType,
      Abi.Reason reason,
      int detail,
      long reuse,
      boolean recheck,
      Held policy) {}

  /** What a step asks for, in this order: a store is durable before the answer leaves. What does not belong to the kind is null. */
  public record Effect(
      Abi.EffectKind kind, byte[] state, boolean awaited, byte[] token, long seconds, Notice notice, Answer answer) {
    static Effect of(Abi.EffectKind kind) {
      return new Effect(kind, null, false, null, 0, null, null);
    }
  }

  static byte[] octets(Request request) {
    Clock clock = request.clock();
    Frame frame =
        new Frame(Abi.Q_SIZE)
            .put(Abi.Q_NOW, (int) clock.now())
            .put(Abi.Q_UPTIME, (int) (clock.uptimeMillis() / 1000))
            .put(Abi.Q_UPTIME_MS, (int) (clock.uptimeMillis() % 1000))
            .put(Abi.Q_BOOT, clock.boot())
            .put(Abi.Q_SEED, request.seed())
            .put(Abi.Q_HIGH_WATER, (int) request.highWater())
            .put(Abi.Q_FLAGS, Word.bits(request.flags()))
            .put(Abi.Q_LENIENCY, Word.bits(request.leniency()))
            .put(Abi.Q_ON_FAILURE, request.onFailure())
            .part(Abi.Q_DOMAIN, Frame.utf8(request.domain()))
            .part(Abi.Q_STATE, request.state());
    if (request.event() instanceof Plain plain) frame.put(Abi.Q_EVENT, plain.kind());
    else if (request.event() instanceof RecordEnded ended) putRecord(frame, ended);
    else putPolicy(frame, (PolicyEnded) request.event());
    return frame.octets();
  }

  private static void putRecord(Frame frame, RecordEnded event) {
    frame.put(Abi.Q_EVENT, Abi.Event.RECORD).put(Abi.Q_OUTCOME, event.outcome()).put(Abi.Q_TTL, (int) event.ttl());
    frame.part(Abi.Q_DATA, Frame.list(event.rrset()));
  }

  private static void putPolicy(Frame frame, PolicyEnded event) {
    if (event.token().length != Abi.TOKEN_SIZE) throw new IllegalArgumentException("no flight token");
    frame.put(Abi.Q_EVENT, Abi.Event.POLICY).put(Abi.Q_OUTCOME, event.outcome()).place(Abi.Q_TOKEN, event.token());
    frame.part(Abi.Q_DATA, event.body());
    if (event.contentType() == null) {
      frame.put(Abi.Q_TYPE + 4, Abi.ABSENT);
      return;
    }
    byte[] type = Frame.utf8(event.contentType());
    frame.part(Abi.Q_TYPE, Arrays.copyOf(type, Math.min(type.length, LONGEST_TYPE)));
  }

  static List<Effect> effects(byte[] payload) {
    ByteBuffer all = ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
    List<Effect> effects = new ArrayList<>();
    for (int at = 0; at < payload.length; at += all.getInt(at + 4)) {
      byte[] fields = Arrays.copyOfRange(payload, at + Abi.EFFECT_HEADER, at + all.getInt(at + 4));
      effects.add(effect(Abi.EffectKind.of(all.getInt(at)), fields));
    }
    return effects;
  }

  private static Effect effect(Abi.EffectKind kind, byte[] octets) {
    ByteBuffer fields = ByteBuffer.wrap(octets).order(ByteOrder.LITTLE_ENDIAN);
    return switch (kind) {
      case STATE -> new Effect(kind, octets, false, null, 0, null, null);
      case STORE, FORGET -> Effect.of(kind);
      case NOTICE -> new Effect(kind, null, false, null, 0, notice(fields), null);
      case QUERY_RECORD -> new Effect(kind, null, fields.getInt(0) == 1, null, 0, null, null);
      case GET_POLICY ->
          new Effect(kind, null, fields.getInt(0) == 1, Arrays.copyOfRange(octets, 4, 4 + Abi.TOKEN_SIZE), 0, null, null);
      case WAKE_AT -> new Effect(kind, null, false, null, unsigned(fields, 0), null, null);
      case ANSWER -> new Effect(kind, null, false, null, 0, null, answer(fields, octets));
      case UNRECOGNIZED -> throw new IllegalStateException("the core gave an effect that this package does not know");
    };
  }

  private static Notice notice(ByteBuffer fields) {
    Abi.NoticeKind kind = Abi.NoticeKind.of(fields.getInt(0));
    return new Notice(kind, Abi.ResultType.of(fields.getInt(4)), fields.getInt(8), unsigned(fields, 12));
  }

  private static Answer answer(ByteBuffer fields, byte[] octets) {
    Abi.Verdict verdict = Abi.Verdict.of(fields.getInt(4));
    return new Answer(
        Abi.Status.of(fields.getInt(0)),
        verdict,
        Abi.ResultType.of(fields.getInt(8)),
        Abi.Reason.of(fields.getInt(12)),
        fields.getInt(16),
        unsigned(fields, 36),
        fields.getInt(40) == 1,
        verdict == Abi.Verdict.POLICY ? held(fields, octets) : null);
  }

  private static Held held(ByteBuffer fields, byte[] octets) {
    return new Held(
        Abi.Mode.of(fields.getInt(20)),
        new String(octets, 64, fields.getInt(60), StandardCharsets.US_ASCII),
        unsigned(fields, 24),
        unsigned(fields, 28),
        unsigned(fields, 32),
        unsigned(fields, 56),
        leniencies(fields.getInt(44)),
        fields.getInt(48),
        fields.getInt(52));
  }

  static Set<Abi.Leniency> leniencies(int bits) {
    Set<Abi.Leniency> set = EnumSet.noneOf(Abi.Leniency.class);
    for (Abi.Leniency one : Abi.Leniency.values())
      if (one != Abi.Leniency.UNRECOGNIZED && (bits & one.number()) != 0) set.add(one);
    return set;
  }

  private static long unsigned(ByteBuffer fields, int at) {
    return Integer.toUnsignedLong(fields.getInt(at));
  }
}
