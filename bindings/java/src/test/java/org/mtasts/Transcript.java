package org.mtasts;

import static org.mtasts.Vectors.byWord;
import static org.mtasts.Vectors.joined;
import static org.mtasts.Vectors.text;
import static org.mtasts.Vectors.texts;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Plays a vector of step.json: the host of one domain that does what the transcript says. */
final class Transcript {
  private static final Set<Abi.NoticeKind> OWN_NUMBERS =
      EnumSet.of(Abi.NoticeKind.POLICY_WEAKENED, Abi.NoticeKind.POLICY_CHANGED, Abi.NoticeKind.REFRESH_FAILING);
  private final Core core;
  private final JsonObject vector;
  private final JsonObject bodies;
  private final List<byte[]> tokens = new ArrayList<>();
  private byte[] state = {};
  private byte[] stored = {};

  Transcript(Core core, JsonObject vector, JsonObject bodies) {
    Vectors.mustKnow(vector, "domain", "onDiscoveryFailure", "leniency", "steps");
    this.core = core;
    this.vector = vector;
    this.bodies = bodies;
  }

  List<String> play(JsonObject step) {
    Vectors.mustKnow(
        step, "at", "clock", "event", "flags", "force", "seed", "txt", "ttl", "body", "type", "failure", "flight", "state",
        "why");
    if (step.has("state")) state = step.get("state").getAsString().equals("nothing") ? new byte[0] : stored;
    try {
      List<String> lines = new ArrayList<>();
      for (Step.Effect effect : core.step(request(step))) lines.add(line(effect));
      return lines;
    } catch (CoreException error) {
      return List.of("error " + error.code().word() + " at " + error.offset());
    }
  }

  private Step.Request request(JsonObject step) {
    JsonObject clock = step.has("clock") ? step.getAsJsonObject("clock") : new JsonObject();
    double at = step.get("at").getAsDouble();
    Set<Abi.Flag> flags = EnumSet.noneOf(Abi.Flag.class);
    for (String word : texts(step, "flags", List.of()))
      flags.add(Abi.Flag.valueOf(word.toUpperCase(Locale.ROOT).replace('-', '_')));
    if (step.has("force") && step.get("force").getAsBoolean()) flags.add(Abi.Flag.FORCE);
    return new Step.Request(
        text(vector, "domain", "example.com"),
        event(step),
        new Step.Clock(
            (long) number(clock, "now", 2_000_000_000 + number(clock, "wall", at)),
            Math.round((1_000_000 + number(clock, "uptime", at)) * 1000),
            (int) number(clock, "boot", 1)),
        state,
        flags,
        step.has("seed") ? step.get("seed").getAsInt() : 0,
        (long) number(clock, "highWater", 0),
        Vectors.leniency(vector, "leniency"),
        byWord(Abi.OnFailure.values(), text(vector, "onDiscoveryFailure", "defer-briefly")));
  }

  private static double number(JsonObject of, String field, double otherwise) {
    return of.has(field) ? of.get(field).getAsDouble() : otherwise;
  }

  private Step.Event event(JsonObject step) {
    Abi.Event kind = byWord(Abi.Event.values(), step.get("event").getAsString());
    if (kind == Abi.Event.RECORD) return record(step);
    return kind == Abi.Event.POLICY ? policy(step) : new Step.Plain(kind);
  }

  private static Step.RecordEnded record(JsonObject step) {
    long ttl = (long) number(step, "ttl", 300);
    if (!step.has("txt") || step.get("txt").isJsonPrimitive()) {
      Abi.RecordOutcome outcome = byWord(Abi.RecordOutcome.values(), text(step, "txt", "none"));
      return new Step.RecordEnded(outcome, List.of(), outcome == Abi.RecordOutcome.FAILED ? 0 : ttl);
    }
    List<byte[]> rrset = new ArrayList<>();
    for (JsonElement one : step.getAsJsonArray("txt")) {
      List<byte[]> strings = one.isJsonArray() ? Vectors.list(one) : List.of(Vectors.octets(one));
      rrset.add(Core.txtRdata(strings.toArray(new byte[0][])));
    }
    return new Step.RecordEnded(Abi.RecordOutcome.ANSWERED, rrset, ttl);
  }

  private Step.PolicyEnded policy(JsonObject step) {
    byte[] token = tokens.get((int) number(step, "flight", tokens.size()) - 1);
    if (step.has("failure")) {
      Abi.FetchOutcome failure = byWord(Abi.FetchOutcome.values(), step.get("failure").getAsString());
      return new Step.PolicyEnded(token, failure, new byte[0], null);
    }
    JsonElement body = step.get("body");
    byte[] octets =
        body.isJsonPrimitive()
            ? Vectors.octets(bodies.get(body.getAsString()))
            : Vectors.octets(body.getAsJsonObject().get("bytes"));
    String type = step.has("type") && step.get("type").isJsonNull() ? null : text(step, "type", "text/plain");
    return new Step.PolicyEnded(token, Abi.FetchOutcome.OK, octets, type);
  }

  private String line(Step.Effect effect) {
    String wait = effect.awaited() ? "awaited" : "background";
    switch (effect.kind()) {
      case STATE -> state = effect.state();
      case STORE -> stored = state;
      case FORGET -> stored = new byte[0];
      case QUERY_RECORD -> {
        return "query-record " + wait;
      }
      case GET_POLICY -> {
        tokens.add(effect.token());
        return "get-policy " + wait + " id=" + idOf(effect.token());
      }
      case WAKE_AT -> {
        return "wake-at " + effect.seconds();
      }
      case NOTICE -> {
        return notice(effect.notice());
      }
      case ANSWER -> {
        return answer(effect.answer());
      }
      default -> throw new AssertionError(effect.kind());
    }
    return effect.kind().word();
  }

  private static String idOf(byte[] token) {
    int length = ByteBuffer.wrap(token).order(ByteOrder.LITTLE_ENDIAN).getInt(Abi.TOKEN_ID_LENGTH);
    return length == 0 ? "-" : new String(token, Abi.TOKEN_ID, length, StandardCharsets.US_ASCII);
  }

  private static String notice(Step.Notice notice) {
    String detail = OWN_NUMBERS.contains(notice.kind()) ? nonZero(notice.detail()) : detail(notice.detail());
    return joined(
        "notice " + notice.kind().word(),
        field("result", notice.resultType().word()),
        field("detail", detail),
        field("number", nonZero(notice.number())));
  }

  private String answer(Step.Answer answer) {
    String said = joined(field("result", answer.resultType().word()), field("detail", detail(answer.detail())));
    String start = "answer " + answer.status().word();
    if (answer.verdict() == Abi.Verdict.TEMP) return joined(start, "-> temp " + answer.reason().word(), said);
    Step.Held held = answer.policy();
    if (held == null) return joined(start, "-> no policy reuse=" + answer.reuse(), said);
    long rest = Math.max(held.maxAge() - held.age(), 0);
    return joined(
        start + " -> " + held.mode().word() + " " + body(held),
        "id=" + (held.id().isEmpty() ? "-" : held.id()),
        "age=" + held.age() + "/" + held.maxAge(),
        "reuse=" + answer.reuse(),
        answer.recheck() ? "recheck" : "",
        held.expiresIn() == rest ? "" : "expires-in=" + held.expiresIn(),
        held.used().isEmpty() ? "" : "lenient=" + String.join(",", held.used().stream().map(Word::word).toList()),
        said);
  }

  private String body(Step.Held held) {
    String text = new String(state, held.offset(), held.length(), StandardCharsets.UTF_8);
    for (Map.Entry<String, JsonElement> body : bodies.entrySet())
      if (body.getValue().getAsString().equals(text)) return body.getKey();
    return "(" + held.length() + " octets)";
  }

  private static String detail(int detail) {
    if (detail == 0) return "";
    return detail < 0 ? Abi.Code.of(detail).word() : Abi.FetchOutcome.of(detail).word();
  }

  private static String nonZero(long number) {
    return number == 0 ? "" : String.valueOf(number);
  }

  private static String field(String name, String value) {
    return value.isEmpty() ? "" : name + "=" + value;
  }
}
