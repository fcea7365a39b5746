package org.mtasts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mtasts.Vectors.byWord;
import static org.mtasts.Vectors.joined;
import static org.mtasts.Vectors.mustKnow;
import static org.mtasts.Vectors.octets;
import static org.mtasts.Vectors.text;
import static org.mtasts.Vectors.texts;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Runs every file of test/vectors. A file that is not known here fails the run. */
class VectorsTest {
  private static final Core CORE = new Core();
  private static final Map<String, Integer> TLS =
      Map.of("none", 0, "SSL 3", 0x300, "1.0", 0x301, "1.1", 0x302, "1.2", 0x303, "1.3", 0x304);
  private static final Map<String, int[]> COUNTS = new TreeMap<>();

  private interface Runner {
    JsonElement run(JsonObject vector) throws CoreException;
  }

  private static final Map<String, Runner> RUNNERS =
      Map.of(
          "records.json", VectorsTest::records,
          "policies.json", VectorsTest::policies,
          "media-types.json", VectorsTest::mediaTypes,
          "mx.json", VectorsTest::mx,
          "identities.json", VectorsTest::identities,
          "plan.json", VectorsTest::plan,
          "judge.json", VectorsTest::judge,
          "tlsa.json", VectorsTest::tlsa,
          "tlsa-base.json", VectorsTest::tlsaBase,
          "tlsa-match.json", VectorsTest::tlsaMatch);

  @TestFactory
  Stream<DynamicNode> vectors() throws IOException {
    List<DynamicNode> files = new ArrayList<>();
    try (Stream<Path> all = Files.list(Vectors.FOLDER)) {
      for (Path path : all.filter(one -> one.toString().endsWith(".json")).sorted().toList())
        files.add(fileOf(path.getFileName().toString()));
    }
    assertTrue(files.size() > 1);
    return files.stream();
  }

  private static DynamicNode fileOf(String file) throws IOException {
    JsonObject content = Vectors.read(file);
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonElement one : content.getAsJsonArray("vectors")) {
      JsonObject vector = one.getAsJsonObject();
      String name = tests.size() + 1 + " " + text(vector, "name", "");
      tests.add(DynamicTest.dynamicTest(name, () -> counted(file, vector, content)));
    }
    return DynamicContainer.dynamicContainer(file, tests);
  }

  private static void counted(String file, JsonObject vector, JsonObject content) throws CoreException {
    int[] counts = COUNTS.computeIfAbsent(file, name -> new int[2]);
    counts[1]++;
    if (file.equals("step.json")) transcript(vector, content);
    else assertEquals(vector.get("expect"), RUNNERS.get(file).run(vector));
    counts[1]--;
    counts[0]++;
  }

  /** For the matrix of `npm run test:embed`. */
  @AfterAll
  static void report() throws IOException {
    String target = System.getenv("MTA_STS_VECTOR_REPORT");
    if (target == null) return;
    Map<String, Object> files = new TreeMap<>();
    COUNTS.forEach((file, counts) -> files.put(file, Map.of("passed", counts[0], "failed", counts[1])));
    Files.writeString(Path.of(target), new Gson().toJson(Map.of("files", files)) + "\n");
  }

  private static void transcript(JsonObject vector, JsonObject content) {
    Transcript transcript = new Transcript(CORE, vector, content.getAsJsonObject("bodies"));
    for (JsonElement one : vector.getAsJsonArray("steps")) {
      JsonObject step = one.getAsJsonObject();
      assertEquals(texts(step, "expect", List.of()), transcript.play(step), step.get("event") + " at " + step.get("at"));
    }
  }

  private static JsonObject refusal(CoreException error) {
    JsonObject value = new JsonObject();
    value.addProperty("error", error.code().word());
    value.addProperty("offset", error.offset());
    return value;
  }

  private static JsonObject withUsed(JsonObject value, Set<Abi.Leniency> used, JsonObject vector) {
    if (!vector.has("lenient")) assertTrue(used.isEmpty(), "a leniency that was not allowed");
    if (vector.get("expect").isJsonObject() && vector.getAsJsonObject("expect").has("leniencies"))
      value.add("leniencies", Vectors.words(used.stream().map(Word::word).toList()));
    return value;
  }

  private static JsonElement records(JsonObject vector) {
    mustKnow(vector, "rrset", "lenient");
    List<byte[]> rrset = new ArrayList<>();
    for (JsonElement strings : vector.getAsJsonArray("rrset"))
      rrset.add(Core.txtRdata(Vectors.list(strings).toArray(new byte[0][])));
    try {
      var found = CORE.selectRecord(rrset, Vectors.leniency(vector, "lenient"));
      if (found.isEmpty()) return new JsonPrimitive("no-record");
      JsonObject value = new JsonObject();
      value.addProperty("id", found.get().id());
      return withUsed(value, found.get().used(), vector);
    } catch (CoreException error) {
      return refusal(error);
    }
  }

  private static JsonElement policies(JsonObject vector) {
    mustKnow(vector, "body", "lenient");
    try {
      Core.Policy policy = CORE.parsePolicy(octets(vector.get("body")), Vectors.leniency(vector, "lenient"));
      JsonObject value = new JsonObject();
      value.addProperty("mode", policy.mode().word());
      value.addProperty("maxAge", policy.maxAge());
      JsonElement wanted = vector.getAsJsonObject("expect").get("mx");
      JsonObject count = new JsonObject();
      count.addProperty("count", policy.mx().size());
      value.add("mx", wanted != null && wanted.isJsonObject() ? count : Vectors.words(policy.mx()));
      return withUsed(value, policy.used(), vector);
    } catch (CoreException error) {
      return refusal(error);
    }
  }

  private static JsonElement mediaTypes(JsonObject vector) throws CoreException {
    mustKnow(vector, "type", "lenient");
    byte[] token = new byte[Abi.TOKEN_SIZE];
    token[Abi.TOKEN_BOOT] = 1;
    byte[] body = Frame.utf8("version: STSv1\nmode: none\nmax_age: 86400\n");
    String type = vector.get("type").isJsonNull() ? null : vector.get("type").getAsString();
    Step.Answer answer = null;
    for (Step.Effect effect :
        CORE.step(
            new Step.Request(
                "example.com",
                new Step.PolicyEnded(token, Abi.FetchOutcome.OK, body, type),
                new Step.Clock(2_000_000_000, 0, 1),
                new byte[0],
                Set.of(),
                0,
                0,
                Vectors.leniency(vector, "lenient"),
                Abi.OnFailure.DEFER_BRIEFLY))) answer = effect.answer();
    boolean accepted = answer.status() == Abi.Status.FETCHED;
    return new JsonPrimitive(accepted ? "accepted" : Abi.Code.of(answer.detail()).word());
  }

  private static JsonElement mx(JsonObject vector) {
    mustKnow(vector, "pattern", "host");
    try {
      return new JsonPrimitive(CORE.matchesMx(octets(vector.get("pattern")), octets(vector.get("host"))));
    } catch (CoreException error) {
      return new JsonPrimitive(error.code().word());
    }
  }

  private static JsonElement identities(JsonObject vector) {
    mustKnow(vector, "names", "host");
    return new JsonPrimitive(CORE.matchesDnsId(Vectors.list(vector.get("names")), octets(vector.get("host"))));
  }

  private static JsonElement plan(JsonObject vector) {
    mustKnow(vector, "verdict", "policy", "lenient", "hosts", "dane");
    JsonPrimitive word = vector.getAsJsonPrimitive("verdict");
    Abi.Verdict verdict =
        word.isNumber() ? Abi.Verdict.of(word.getAsInt()) : byWord(Abi.Verdict.values(), word.getAsString());
    List<String> hosts = new ArrayList<>();
    for (byte[] host : Vectors.list(vector.get("hosts"))) hosts.add(new String(host, StandardCharsets.UTF_8));
    byte[] policy = vector.has("policy") ? octets(vector.get("policy")) : new byte[0];
    try {
      var entries =
          CORE.plan(
              new Delivery.PlanRequest(verdict, policy, Vectors.leniency(vector, "lenient"), hosts, facts(vector)));
      JsonObject value = new JsonObject();
      value.addProperty("usable", entries.stream().filter(entry -> entry.action() != Abi.Action.SKIP).count());
      value.add("hosts", Vectors.words(entries.stream().map(VectorsTest::print).toList()));
      // Gson tells a long from what it parsed.
      return new Gson().fromJson(value.toString(), JsonObject.class);
    } catch (CoreException error) {
      return refusal(error);
    }
  }

  private static Delivery.DaneFacts facts(JsonObject vector) {
    if (!vector.has("dane")) return null;
    JsonObject dane = vector.getAsJsonObject("dane");
    List<Abi.DaneState> states =
        texts(dane, "states", List.of()).stream().map(word -> byWord(Abi.DaneState.values(), word)).toList();
    boolean mandatory = dane.has("mandatory") && dane.get("mandatory").getAsBoolean();
    return new Delivery.DaneFacts(text(dane, "mx", "").equals("secure"), mandatory, states);
  }

  private static String print(Delivery.PlanEntry entry) {
    return joined(entry.action().word(), entry.reason().word(), entry.evaluate() ? "evaluate" : "");
  }

  private static JsonElement judge(JsonObject vector) throws CoreException {
    mustKnow(vector, "entry", "session", "tls", "chain", "names", "references", "host", "last");
    List<String> words = new ArrayList<>(Arrays.asList(vector.get("entry").getAsString().split(" ")));
    Abi.Action action = byWord(Abi.Action.values(), words.remove(0));
    boolean evaluate = words.remove("evaluate");
    Abi.PlanReason reason = words.isEmpty() ? Abi.PlanReason.OK : byWord(Abi.PlanReason.values(), words.get(0));
    String host = text(vector, "host", "mx1.example.com");
    String session = vector.get("session").getAsString();
    Delivery.Judgement judged =
        CORE.judge(
            new Delivery.PlanEntry(host, action, reason, evaluate),
            new Delivery.SessionFacts(
                byWord(Abi.Session.values(), session),
                TLS.get(text(vector, "tls", session.equals("tls") ? "1.3" : "none")),
                byWord(Abi.Chain.values(), text(vector, "chain", "valid")),
                texts(vector, "names", List.of("mx1.example.com")),
                texts(vector, "references", null),
                vector.has("last") && vector.get("last").getAsBoolean()));
    String result = judged.resultType().word();
    return new JsonPrimitive(
        judged.verdict().word() + ": " + judged.why().word() + (result.isEmpty() ? "" : " (" + result + ")"));
  }

  private static byte[] der(String text) {
    byte[] octets = Frame.utf8(text);
    byte[] der = new byte[2 + octets.length];
    der[0] = 0x30;
    der[1] = (byte) octets.length;
    System.arraycopy(octets, 0, der, 2, octets.length);
    return der;
  }

  private static Tlsa.PeerCertificate peer(String name) {
    return new Tlsa.PeerCertificate(der(name), der("key of " + name.substring(name.lastIndexOf('/') + 1)));
  }

  private static byte[] rdata(JsonElement written) {
    if (written.isJsonObject()) return octets(written.getAsJsonObject().get("rdata"));
    if (written.isJsonPrimitive()) return rdata(written.getAsString());
    JsonArray parts = written.getAsJsonArray();
    return rdata(parts.get(0).getAsInt(), parts.get(1).getAsInt(), parts.get(2).getAsInt(), octets(parts.get(3)));
  }

  private static byte[] rdata(int usage, int selector, int matching, byte[] data) {
    byte[] rdata = new byte[3 + data.length];
    rdata[0] = (byte) usage;
    rdata[1] = (byte) selector;
    rdata[2] = (byte) matching;
    System.arraycopy(data, 0, rdata, 3, data.length);
    return rdata;
  }

  private static byte[] rdata(String text) {
    boolean isShort = text.startsWith("short ");
    String[] parts = text.substring(isShort ? 6 : 0).split(" ", 4);
    Tlsa.PeerCertificate peer = peer(parts[3]);
    byte[] data = parts[1].equals("0") ? peer.certificate() : peer.publicKey();
    if (!parts[2].equals("0")) data = Tlsa.digest(parts[2].equals("1") ? "SHA-256" : "SHA-512", data);
    byte[] whole = rdata(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]), Integer.parseInt(parts[2]), data);
    return isShort ? Arrays.copyOf(whole, whole.length - 1) : whole;
  }

  private static int indexOf(List<byte[]> rrset, byte[] wanted) {
    for (int i = 0; i < rrset.size(); i++) if (Arrays.equals(rrset.get(i), wanted)) return i;
    return -1;
  }

  private static JsonElement tlsa(JsonObject vector) throws CoreException {
    mustKnow(vector, "records");
    List<byte[]> rrset = new ArrayList<>();
    for (JsonElement one : vector.getAsJsonArray("records")) rrset.add(rdata(one));
    Tlsa.Usable usable = CORE.usableTlsa(rrset);
    JsonObject value = new JsonObject();
    JsonArray remain = new JsonArray();
    for (byte[] record : usable.remain()) remain.add(indexOf(rrset, record));
    value.addProperty("state", usable.state().word());
    value.add("remain", remain);
    return value;
  }

  private static JsonElement tlsaBase(JsonObject vector) throws CoreException {
    mustKnow(vector, "addresses", "expanded", "original");
    Abi.DaneState expanded = byWord(Abi.DaneState.values(), text(vector, "expanded", "unknown"));
    Abi.DaneState original = byWord(Abi.DaneState.values(), text(vector, "original", "unknown"));
    Abi.Addresses addresses = byWord(Abi.Addresses.values(), vector.get("addresses").getAsString());
    Tlsa.Base found = CORE.tlsaBase(addresses, expanded, original);
    String state = found.state() == Abi.DaneState.UNKNOWN ? "ask" : found.state().word();
    return new JsonPrimitive(joined(state, found.base().word()));
  }

  private static JsonElement tlsaMatch(JsonObject vector) throws CoreException {
    mustKnow(vector, "records", "certificates");
    List<String> texts = texts(vector, "records", List.of());
    List<byte[]> rrset = texts.stream().map(VectorsTest::rdata).toList();
    List<Tlsa.PeerCertificate> peers = texts(vector, "certificates", List.of()).stream().map(VectorsTest::peer).toList();
    List<String> lines = new ArrayList<>();
    for (Tlsa.Match match : CORE.matchTlsa(rrset, peers))
      lines.add(texts.get(indexOf(rrset, match.record())) + " -> " + match.certificate());
    return Vectors.words(lines);
  }
}
