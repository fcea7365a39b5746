package example;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.james.core.MailAddress;
import org.apache.mailet.Attribute;
import org.apache.mailet.Mail;
import org.apache.mailet.MailetConfig;
import org.apache.mailet.MailetContext;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.mtasts.Abi;
import org.mtasts.Client;
import org.mtasts.Core;
import org.mtasts.Dns;
import org.mtasts.Fetcher;
import org.mtasts.MemoryStore;
import org.mtasts.Step;

/** The mailet, with the core and the client as they are; what DNS, the policy host and James say is said here. */
class MtaStsMailetTest {
  private static final byte[] POLICY =
      "version: STSv1\nmode: enforce\nmx: *.good.test\nmax_age: 86400\n".getBytes(StandardCharsets.UTF_8);

  private static final Dns DNS =
      new Dns() {
        @Override
        public Step.RecordEnded txt(String name) {
          if (name.endsWith("failing.test")) return new Step.RecordEnded(Abi.RecordOutcome.FAILED, List.of(), 0);
          if (name.endsWith("plain.test")) return new Step.RecordEnded(Abi.RecordOutcome.NONE, List.of(), 300);
          return new Step.RecordEnded(Abi.RecordOutcome.ANSWERED, List.of(Core.txtRdata("v=STSv1; id=1;")), 300);
        }

        @Override
        public List<java.net.InetAddress> addresses(String name) {
          return List.of();
        }
      };

  private final Map<String, List<String>> plans = new HashMap<>();
  private final List<Collection<?>> sentLater = new ArrayList<>();
  private final List<String> states = new ArrayList<>();

  private static <T> T fake(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private Mail mail(Collection<MailAddress> recipients) {
    Collection<?>[] held = {recipients};
    return fake(
        Mail.class,
        (self, method, args) ->
            switch (method.getName()) {
              case "getRecipients" -> held[0];
              case "setRecipients" -> {
                held[0] = (Collection<?>) args[0];
                yield null;
              }
              case "duplicate" -> mail(recipients);
              case "getState" -> "transport";
              case "setState" -> states.add((String) args[0]) ? null : null;
              case "setAttribute" -> {
                Attribute attribute = (Attribute) args[0];
                List<String> texts = new ArrayList<>();
                for (Object one : (Collection<?>) attribute.getValue().value())
                  texts.add((String) ((org.apache.mailet.AttributeValue<?>) one).value());
                plans.put(attribute.getName().asString(), texts);
                yield java.util.Optional.empty();
              }
              default -> throw new AssertionError(method);
            });
  }

  @Test
  @DisplayName("what may go goes with its hosts, what cannot be decided or has no host comes back later")
  void service() throws Exception {
    MailetContext context =
        fake(MailetContext.class, (self, method, args) -> sentLater.add(((Mail) args[0]).getRecipients()) ? null : null);
    MailetConfig config = fake(MailetConfig.class, (self, method, args) -> context);
    Fetcher fetcher = domain -> new Fetcher.Fetched(Abi.FetchOutcome.OK, "", POLICY, "text/plain");
    Client client = new Client(new Core(), DNS, fetcher, new MemoryStore(), Client.Options.defaults());
    MtaStsMailet mailet = new MtaStsMailet(client, domain -> List.of("mx." + domain, "mx.attacker.test"));
    mailet.init(config);

    List<MailAddress> all = new ArrayList<>();
    for (String domain : List.of("good.test", "plain.test", "failing.test", "elsewhere.test"))
      all.add(new MailAddress("you@" + domain));
    Mail mail = mail(all);
    mailet.service(mail);
    mailet.destroy();

    assertEquals("[you@good.test, you@plain.test]", mail.getRecipients().toString());
    assertEquals("[[you@elsewhere.test, you@failing.test]]", sentLater.toString());
    assertEquals(List.of(), states);
    assertEquals(List.of("mx.good.test pkix evaluate"), plans.get("mta-sts.good.test"));
    assertEquals(
        List.of("mx.plain.test opportunistic", "mx.attacker.test opportunistic"), plans.get("mta-sts.plain.test"));
    assertEquals(List.of(), plans.get("mta-sts.elsewhere.test"));
  }
}
