package org.mtasts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The Client over real DNS and real TLS, against the lab's list of what a policy host and a resolver can do wrong. */
class ClientLabTest {
  private static final Core CORE = new Core();
  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final String BODY = "version: STSv1\\r\\nmode: enforce\\r\\nmx: mx.example.test\\r\\nmax_age: 86400\\r\\n";
  private static final String ENFORCE = "{'mode': 'enforce', 'mx': ['mx.example.test'], 'maxAge': 86400}";
  private static Lab lab;

  @BeforeAll
  static void startLab() throws IOException {
    lab = new Lab();
  }

  @AfterAll
  static void endLab() throws Exception {
    lab.close();
  }

  private static String json(String text) {
    return text.replace('\'', '"');
  }

  private static void domain(String name, String spec) {
    lab.call("domain", "\"" + name + "\"", json(spec));
  }

  private static <T> T withClient(Store store, boolean allowPrivate, Function<Client, T> use) {
    Client.Options quiet =
        new Client.Options(
            java.util.Set.of(), Abi.OnFailure.DEFER_BRIEFLY, 100, (domain, notice, detail) -> {}, Clocks.system());
    try (PolicyFetcher fetcher = lab.fetcher(CORE, Duration.ofSeconds(5), allowPrivate);
        Client client = new Client(CORE, lab.dns(), fetcher, store, quiet)) {
      return use.apply(client);
    }
  }

  private static Decision resolve(String domain, String spec) {
    domain(domain, spec);
    return withClient(new MemoryStore(), true, client -> client.resolve(domain, DEADLINE));
  }

  private static List<Abi.Action> actions(Client client, Decision decision, List<String> hosts) {
    try {
      return client.plan(decision, hosts, null).stream().map(Delivery.PlanEntry::action).toList();
    } catch (CoreException error) {
      throw new AssertionError(error);
    }
  }

  private static List<String> hosts(String domain) {
    try {
      return lab.dns().mx(domain).stream().map(DnsJavaDns.Mx::exchange).toList();
    } catch (IOException error) {
      throw new AssertionError(error);
    }
  }

  @Test
  @DisplayName("an enforce policy is found, kept, and its MX planned (R-8461-5-01)")
  void found() {
    domain("example.test", "{'policy': " + ENFORCE + "}");
    withClient(
        new MemoryStore(),
        true,
        client -> {
          Decision decision = client.resolve("Example.TEST.", DEADLINE);
          assertEquals(Abi.Status.FETCHED, decision.status(), decision.detail());
          assertEquals(List.of("mx.example.test"), decision.policy().mx());
          List<String> hosts = new ArrayList<>(hosts("example.test"));
          hosts.add("mx.attacker.test");
          assertEquals(List.of(Abi.Action.PKIX, Abi.Action.SKIP), actions(client, decision, hosts));
          assertEquals(Abi.Status.CACHED, client.resolve("example.test", DEADLINE).status());
          return null;
        });
    assertEquals(1, lab.call("requests", "\"mta-sts.example.test\"").getAsJsonArray().size());
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          a redirect is not followed (R-8461-3.3-07)         | REDIRECT    | {"behaviour": {"kind": "redirect", "status": 301, "location": "https://other.test/"}}
          another status than 200 is no policy (R-8461-3.3-06) | STATUS    | {"behaviour": {"kind": "status", "status": 404, "body": "x"}}
          the host in the CN only (R-8461-3.3-01)            | CERTIFICATE | {"certificate": "cn-only"}
          a partial wildcard (R-8461-3.3-01)                 | CERTIFICATE | {"certificate": "partial-wildcard"}
          a certificate for another name                     | CERTIFICATE | {"certificate": "wrong-name"}
          an expired certificate                             | CERTIFICATE | {"certificate": "expired"}
          a self-signed certificate                          | CERTIFICATE | {"certificate": "self-signed"}
          a certificate of an unknown CA                     | CERTIFICATE | {"certificate": "other-ca"}
          TLS 1.1                                            | TLS         | {"tls": "1.1"}
          HTTP without TLS                                   | TLS         | {"tls": "plain"}
          a chunked body without end                         | TOO_LARGE   | {"behaviour": {"kind": "endless-body", "framing": "chunked"}}
          early hints without end                            | TOO_LARGE   | {"behaviour": {"kind": "early-hints-flood"}}
          a body that trickles past the deadline (R-8461-3.3-13) | TIMEOUT | {"behaviour": {"kind": "slow-body", "body": "BODY", "every": 200}}
          headers that trickle past the deadline             | TIMEOUT     | {"behaviour": {"kind": "slow-headers", "every": 200}}
          no answer at all                                   | TIMEOUT     | {"behaviour": {"kind": "silent"}}
          a body cut before its Content-Length (R-8461-3.3-15) | INCOMPLETE | {"behaviour": {"kind": "cut", "body": "BODY", "framing": "content-length"}}
          a chunked body without last chunk (R-8461-3.3-15)  | INCOMPLETE  | {"behaviour": {"kind": "cut", "body": "BODY", "framing": "chunked"}}
          a body that only the end delimits                  | INCOMPLETE  | {"behaviour": {"kind": "cut", "body": "BODY", "framing": "close"}}
          a Content-Encoding (AMB-34)                        | ENCODING    | {"behaviour": {"kind": "gzip", "body": "BODY"}}
          a reset                                            | INCOMPLETE  | {"behaviour": {"kind": "reset"}}
          """)
  void refused(String what, Abi.FetchOutcome outcome, String host) {
    domain("refused.test", "{'mx': [], 'policy': " + ENFORCE + ", 'policyHost': " + host.replace("BODY", BODY) + "}");
    // Long enough for a handshake on a machine that is busy.
    boolean late = outcome == Abi.FetchOutcome.TIMEOUT;
    try (PolicyFetcher fetcher = lab.fetcher(CORE, Duration.ofSeconds(late ? 2 : 20), true)) {
      Fetcher.Fetched got = fetcher.fetch("refused.test");
      assertEquals(outcome, got.outcome(), got.detail());
      assertEquals(0, got.body().length);
    }
  }

  @ParameterizedTest(name = "a body of {0} octets (R-8461-3.3-14)")
  @CsvSource({"65536, OK", "65537, TOO_LARGE"})
  void limit(int octets, Abi.FetchOutcome outcome) {
    String body = "x".repeat(octets);
    domain(
        "large.test",
        "{'mx': [], 'policy': " + ENFORCE + ", 'policyHost': {'behaviour': {'kind': 'ok', 'body': '" + body + "'}}}");
    try (PolicyFetcher fetcher = lab.fetcher(CORE, DEADLINE, true)) {
      assertEquals(outcome, fetcher.fetch("large.test").outcome());
    }
  }

  @Test
  @DisplayName("a policy host with a private address is not dialled (R-8461-3.3-21)")
  void privateAddress() {
    domain("private.test", "{'mx': [], 'policy': " + ENFORCE + "}");
    Decision decision = withClient(new MemoryStore(), false, client -> client.resolve("private.test", DEADLINE));
    assertEquals(Abi.Status.FETCH_FAILED, decision.status());
    assertEquals(Abi.Verdict.NONE, decision.verdict());
    assertEquals(0, lab.call("connections", "\"mta-sts.private.test\"").getAsJsonArray().size());
  }

  @ParameterizedTest(name = "Content-Type {0}: {1}")
  @CsvSource({"'text/plain; charset=utf-8', POLICY", "text/html, NONE", ", NONE"})
  void contentType(String type, Abi.Verdict verdict) {
    String written = type == null ? "null" : "'" + type + "'";
    String behaviour = "{'behaviour': {'kind': 'ok', 'body': '" + BODY + "', 'contentType': " + written + "}}";
    assertEquals(
        verdict, resolve("type.test", "{'mx': [], 'policy': " + ENFORCE + ", 'policyHost': " + behaviour + "}").verdict());
  }

  @ParameterizedTest(name = "a truncated answer ({0}) is asked for again over TCP (R-8461-3.1-26)")
  @ValueSource(strings = {"empty", "partial"})
  void truncated(String how) {
    String txt = "{'records': ['v=STSv1; id=1;'], 'truncate': '" + how + "'}";
    Decision decision = resolve("truncated.test", "{'mx': [], 'policy': " + ENFORCE + ", 'txt': " + txt + "}");
    assertNotNull(decision.policy(), decision.detail());
  }

  @ParameterizedTest(name = "a CNAME at the record is followed, chased by the resolver: {0} (R-8461-3.1-24)")
  @ValueSource(booleans = {true, false})
  void alias(boolean chase) {
    domain("alias.test", "{'mx': [], 'policy': " + ENFORCE + ", 'id': null}");
    String cname = "{'records': ['_mta-sts.target.test'], 'chase': " + chase + "}";
    lab.call("setDns", "\"_mta-sts.alias.test\"", "\"CNAME\"", json(cname));
    lab.call("setDns", "\"_mta-sts.target.test\"", "\"TXT\"", json("['v=STSv1; id=2;']"));
    Decision decision = withClient(new MemoryStore(), true, client -> client.resolve("alias.test", DEADLINE));
    assertNotNull(decision.policy(), decision.detail());
    assertEquals("2", decision.policy().id());
  }

  @Test
  @DisplayName("two records are like none (R-8461-3.1-21)")
  void two() {
    String txt = "['v=STSv1; id=1;', 'v=STSv1; id=2;']";
    Decision decision = resolve("two.test", "{'mx': [], 'policy': " + ENFORCE + ", 'txt': " + txt + "}");
    assertEquals(Abi.Status.RECORD_INVALID, decision.status());
    assertEquals(Abi.Verdict.NONE, decision.verdict());
  }

  @Test
  @DisplayName("odd labels in an MX never match: a label that holds a dot is one label (R-8461-4.1-01)")
  void odd() {
    domain("odd.test", "{'policy': {'mode': 'enforce', 'mx': ['*.odd.test'], 'maxAge': 86400}, 'mx': ['mx.odd.test']}");
    StringBuilder records = new StringBuilder("[{'preference': 10, 'exchange': 'mx.odd.test'}");
    for (String name :
        List.of("['a.odd', 'odd', 'test']", "['mx\\u0000', 'odd', 'test']", "['mx odd', 'odd', 'test']", "'_mx.odd.test'"))
      records.append(", {'preference': 20, 'exchange': ").append(name).append("}");
    lab.call("setDns", "\"odd.test\"", "\"MX\"", json(records + "]"));
    withClient(
        new MemoryStore(),
        true,
        client -> {
          List<Abi.Action> actions = actions(client, client.resolve("odd.test", DEADLINE), hosts("odd.test"));
          assertEquals(Abi.Action.PKIX, actions.get(0));
          assertEquals(List.of(Abi.Action.SKIP, Abi.Action.SKIP, Abi.Action.SKIP, Abi.Action.SKIP), actions.subList(1, 5));
          return null;
        });
  }

  @ParameterizedTest(name = "a lookup that fails ({0}) is temporary, not no policy (AMB-10)")
  @ValueSource(strings = {"servfail", "refused", "drop"})
  void failing(String answer) {
    Decision decision = resolve("failing.test", "{'mx': [], 'policy': " + ENFORCE + ", 'txt': {'answer': '" + answer + "'}}");
    assertEquals(Abi.Verdict.TEMP, decision.verdict());
    assertEquals(Abi.Status.RECORD_FAILED, decision.status());
  }

  @Test
  @DisplayName("a held policy survives NXDOMAIN and a restart (R-8461-5.1-01)")
  void held(@TempDir Path folder) throws IOException {
    domain("held.test", "{'mx': [], 'policy': " + ENFORCE + "}");
    Decision first = withClient(new FileStore(folder), true, client -> client.resolve("held.test", DEADLINE));
    assertEquals(Abi.Status.FETCHED, first.status(), first.detail());
    lab.call("forgeNxdomain", "\"held.test\"", "\"all\"");
    withClient(
        new FileStore(folder),
        true,
        client -> {
          assertEquals(Abi.Mode.ENFORCE, client.resolve("held.test", DEADLINE).policy().mode());
          assertEquals(Abi.Mode.ENFORCE, client.recheck("held.test", DEADLINE).policy().mode());
          return null;
        });
  }

  @Test
  @DisplayName("lookups at once cost one query and one GET")
  void crowd() {
    domain("crowd.test", "{'mx': [], 'policy': " + ENFORCE + "}");
    withClient(
        new MemoryStore(),
        true,
        client -> {
          List<CompletableFuture<Decision>> all = new ArrayList<>();
          for (int i = 0; i < 20; i++)
            all.add(CompletableFuture.supplyAsync(() -> client.resolve("crowd.test", DEADLINE)));
          for (var one : all) assertEquals(Abi.Verdict.POLICY, one.join().verdict());
          return null;
        });
    assertEquals(1, lab.call("queries", "\"_mta-sts.crowd.test\"", "\"TXT\"").getAsJsonArray().size());
    assertEquals(1, lab.call("requests", "\"mta-sts.crowd.test\"").getAsJsonArray().size());
  }

  @Test
  @DisplayName("a caller that cannot wait is told TEMP, and the discovery goes on (AMB-09)")
  void slow() {
    String behaviour = "{'behaviour': {'kind': 'hold', 'next': {'kind': 'ok', 'body': '" + BODY + "'}}}";
    domain("slow.test", "{'mx': [], 'policy': " + ENFORCE + ", 'policyHost': " + behaviour + "}");
    withClient(
        new MemoryStore(),
        true,
        client -> {
          Decision first = client.resolve("slow.test", Duration.ofMillis(300));
          assertEquals(Abi.Verdict.TEMP, first.verdict());
          lab.call("waitForRequest", "\"slow.test\"");
          lab.call("releasePolicyHost", "\"slow.test\"");
          assertEquals(Abi.Verdict.POLICY, client.resolve("slow.test", DEADLINE).verdict());
          return null;
        });
  }
}
