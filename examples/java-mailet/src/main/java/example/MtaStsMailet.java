package example;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import javax.mail.MessagingException;
import org.apache.james.core.MailAddress;
import org.apache.mailet.Attribute;
import org.apache.mailet.AttributeName;
import org.apache.mailet.AttributeValue;
import org.apache.mailet.Mail;
import org.apache.mailet.Mailet;
import org.apache.mailet.MailetConfig;
import org.mtasts.Abi;
import org.mtasts.Client;
import org.mtasts.Core;
import org.mtasts.CoreException;
import org.mtasts.Decision;
import org.mtasts.Delivery;
import org.mtasts.DnsJavaDns;
import org.mtasts.FileStore;
import org.mtasts.PolicyFetcher;

/**
 * Stands before remote delivery. Recipients whose domain cannot be decided, or whose policy leaves no host, come back ten
 * minutes later; the others go on, and the attribute {@code mta-sts.DOMAIN} says which hosts may be used and how, for example
 * {@code mx1.example.com pkix evaluate}. A delivery mailet that obeys it must read it: James's own RemoteDelivery does not.
 *
 * <p>{@code <policies>} in the configuration: the folder where policies are kept.
 */
public final class MtaStsMailet implements Mailet {
  private static final long RETRY_MINUTES = 10;
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  /** MX hosts of a domain in their order, the domain itself where there is no MX record. */
  interface Exchanges {
    List<String> of(String domain) throws IOException;
  }

  private MailetConfig config;
  private Client client;
  private PolicyFetcher fetcher;
  private Exchanges exchanges;

  public MtaStsMailet() {}

  MtaStsMailet(Client client, Exchanges exchanges) {
    this.client = client;
    this.exchanges = exchanges;
  }

  @Override
  public void init(MailetConfig config) throws MessagingException {
    this.config = config;
    if (client != null) return;
    try {
      Core core = new Core();
      DnsJavaDns dns = new DnsJavaDns();
      fetcher = new PolicyFetcher(core, dns, PolicyFetcher.Options.defaults());
      FileStore store = new FileStore(Path.of(config.getInitParameter("policies")));
      client = new Client(core, dns, fetcher, store, Client.Options.defaults());
      exchanges =
          domain -> {
            List<String> hosts = dns.mx(domain).stream().map(DnsJavaDns.Mx::exchange).toList();
            return hosts.isEmpty() ? List.of(domain) : hosts;
          };
    } catch (IOException error) {
      throw new MessagingException("mta-sts: " + error.getMessage(), error);
    }
  }

  @Override
  public void service(Mail mail) throws MessagingException {
    Map<String, Collection<MailAddress>> byDomain = new TreeMap<>();
    for (MailAddress recipient : mail.getRecipients())
      byDomain.computeIfAbsent(recipient.getDomain().asString(), domain -> new ArrayList<>()).add(recipient);
    Collection<MailAddress> later = new ArrayList<>();
    Collection<MailAddress> now = new ArrayList<>();
    byDomain.forEach((domain, recipients) -> (mayGo(mail, domain) ? now : later).addAll(recipients));
    if (!later.isEmpty()) comeBack(mail, later);
    mail.setRecipients(now);
    if (now.isEmpty()) mail.setState(Mail.GHOST);
  }

  private boolean mayGo(Mail mail, String domain) {
    try {
      Decision decision = client.resolve(domain, DEADLINE);
      if (decision.verdict() == Abi.Verdict.TEMP) return false;
      List<AttributeValue<?>> usable = new ArrayList<>();
      for (Delivery.PlanEntry entry : client.plan(decision, exchanges.of(domain), null))
        if (entry.action() != Abi.Action.SKIP) usable.add(AttributeValue.of(print(entry)));
      AttributeName name = AttributeName.of("mta-sts." + domain);
      mail.setAttribute(new Attribute(name, AttributeValue.of((Collection<AttributeValue<?>>) usable)));
      return !usable.isEmpty();
    } catch (IOException | CoreException | IllegalArgumentException undecided) {
      // What could not be found out is never "no policy".
      return false;
    }
  }

  private static String print(Delivery.PlanEntry entry) {
    return entry.host() + " " + entry.action().word() + (entry.evaluate() ? " evaluate" : "");
  }

  private void comeBack(Mail mail, Collection<MailAddress> recipients) throws MessagingException {
    Mail copy = mail.duplicate();
    copy.setRecipients(recipients);
    config.getMailetContext().sendMail(copy, mail.getState(), RETRY_MINUTES, TimeUnit.MINUTES);
  }

  @Override
  public void destroy() {
    client.close();
    if (fetcher != null) fetcher.close();
  }

  @Override
  public MailetConfig getMailetConfig() {
    return config;
  }

  @Override
  public String getMailetInfo() {
    return "MTA-STS (RFC 8461) before remote delivery";
  }
}
