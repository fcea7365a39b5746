package org.mtasts;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.security.cert.CertPathValidatorException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.DefaultBHttpClientConnection;
import org.apache.hc.core5.http.message.BasicClassicHttpRequest;

/**
 * Fetches policies over HTTP/1.1 and TLS 1.2 or later (RFC 8461 §3.3): one address that was checked, one request, one deadline.
 *
 * <p>On SSLSocket and httpcore, not on java.net.http: the address that is dialled must be the one that was checked, and the
 * certificate is compared by the core's rule (no common name, no partial wildcard).
 */
public final class PolicyFetcher implements Fetcher, AutoCloseable {
  private static final String PATH = "/.well-known/mta-sts.txt";
  private static final int MOST_ADDRESSES = 6;
  private static final int CONNECT_MILLIS = 10_000;
  private static final Http1Config LIMITS =
      Http1Config.custom().setMaxLineLength(8192).setMaxHeaderCount(100).setMaxEmptyLineCount(1).build();

  /** {@code trust} null: the roots of the JRE. {@code timeout} bounds a fetch in all. Another port is for tests. */
  public record Options(SSLContext trust, Duration timeout, boolean allowPrivateAddresses, int port) {
    public static Options defaults() {
      return new Options(null, Duration.ofSeconds(60), false, 443);
    }
  }

  private final Core core;
  private final Dns dns;
  private final Options options;
  private final ScheduledExecutorService deadlines =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "mtasts-deadlines");
            thread.setDaemon(true);
            return thread;
          });

  public PolicyFetcher(Core core, Dns dns, Options options) {
    this.core = core;
    this.dns = dns;
    this.options = options;
  }

  private static final class Failure extends Exception {
    private static final long serialVersionUID = 1;
    private final Abi.FetchOutcome outcome;

    Failure(Abi.FetchOutcome outcome, String detail) {
      super(detail);
      this.outcome = outcome;
    }
  }

  @Override
  public Fetched fetch(String domain) {
    String host = Domains.below("mta-sts", domain);
    if (host == null) return Fetched.failed(Abi.FetchOutcome.DNS, "mta-sts." + domain + " is too long for DNS");
    long start = System.nanoTime();
    try (MeteredSocket tcp = new MeteredSocket()) {
      AtomicBoolean late = new AtomicBoolean();
      ScheduledFuture<?> deadline =
          deadlines.schedule(() -> end(tcp, late), options.timeout().toMillis(), TimeUnit.MILLISECONDS);
      try {
        return get(host, tcp, start);
      } catch (Failure failure) {
        if (late.get()) return Fetched.failed(Abi.FetchOutcome.TIMEOUT, "no complete answer from " + host + " in time");
        return Fetched.failed(failure.outcome, failure.getMessage());
      } finally {
        deadline.cancel(false);
      }
    } catch (IOException error) {
      return Fetched.failed(Abi.FetchOutcome.CONNECT, host + ": " + error.getMessage());
    }
  }

  private static void end(MeteredSocket tcp, AtomicBoolean late) {
    late.set(true);
    try {
      tcp.close(); // every read and write on it ends
    } catch (IOException error) {
      // It is closed all the same.
    }
  }

  private Fetched get(String host, MeteredSocket tcp, long start) throws Failure {
    dial(host, tcp, checkedAddresses(host), start);
    SSLSocket tls = handshake(host, tcp);
    // Closing the connection closes the TLS socket and the TCP one below.
    try (DefaultBHttpClientConnection http = new DefaultBHttpClientConnection(LIMITS)) {
      http.bind(tls);
      return exchange(host, http);
    } catch (HttpException error) {
      throw new Failure(exhausted(tcp, Abi.FetchOutcome.PROTOCOL), host + ": " + error.getMessage());
    } catch (IOException error) {
      throw new Failure(exhausted(tcp, Abi.FetchOutcome.INCOMPLETE), host + ": " + error.getMessage());
    }
  }

  private static Abi.FetchOutcome exhausted(MeteredSocket tcp, Abi.FetchOutcome otherwise) {
    return tcp.isExhausted() ? Abi.FetchOutcome.TOO_LARGE : otherwise;
  }

  private List<InetAddress> checkedAddresses(String host) throws Failure {
    List<InetAddress> found;
    try {
      found = dns.addresses(host);
    } catch (IOException error) {
      throw new Failure(Abi.FetchOutcome.DNS, "the lookup of " + host + " failed: " + error.getMessage());
    }
    if (found.isEmpty()) throw new Failure(Abi.FetchOutcome.DNS, host + " has no address");
    List<InetAddress> allowed =
        found.stream().filter(one -> Addresses.mayBeDialled(one, options.allowPrivateAddresses())).toList();
    if (allowed.isEmpty())
      throw new Failure(Abi.FetchOutcome.ADDRESS_FORBIDDEN, "no address of " + host + " may be dialled: " + found);
    return allowed.subList(0, Math.min(allowed.size(), MOST_ADDRESSES));
  }

  /** A socket can be dialled once, so the first address gets the connection and the others are tried before it. */
  private void dial(String host, MeteredSocket tcp, List<InetAddress> addresses, long start) throws Failure {
    long left = options.timeout().minusNanos(System.nanoTime() - start).toMillis();
    int patience = (int) Math.max(1, Math.min(CONNECT_MILLIS, left / addresses.size()));
    InetAddress reachable = addresses.size() == 1 ? addresses.get(0) : firstReachable(addresses, patience);
    try {
      tcp.connect(new InetSocketAddress(reachable, options.port()), patience);
    } catch (IOException error) {
      throw new Failure(Abi.FetchOutcome.CONNECT, host + " accepts no connection: " + error.getMessage());
    }
  }

  private InetAddress firstReachable(List<InetAddress> addresses, int patience) {
    for (InetAddress address : addresses) {
      try (java.net.Socket probe = new java.net.Socket()) {
        probe.connect(new InetSocketAddress(address, options.port()), patience);
        return address;
      } catch (IOException error) {
        // The next one, or the first again, which then says why.
      }
    }
    return addresses.get(0);
  }

  private SSLSocket handshake(String host, MeteredSocket tcp) throws Failure {
    SSLSocket tls;
    try {
      SSLContext trust = options.trust() == null ? SSLContext.getDefault() : options.trust();
      tls = (SSLSocket) trust.getSocketFactory().createSocket(tcp, host, options.port(), true);
      SSLParameters parameters = tls.getSSLParameters();
      parameters.setProtocols(new String[] {"TLSv1.3", "TLSv1.2"});
      parameters.setServerNames(List.of(new SNIHostName(host)));
      parameters.setApplicationProtocols(new String[] {"http/1.1"});
      // The chain is the JRE's to verify; the name is the core's. JSSE's own check takes a common name.
      parameters.setEndpointIdentificationAlgorithm(null);
      tls.setSSLParameters(parameters);
      tls.startHandshake();
      checkIdentity(host, tls.getSession().getPeerCertificates()[0]);
    } catch (IOException | java.security.NoSuchAlgorithmException error) {
      // Octets before the certificate is proven are anybody's: too many of them say nothing about the domain.
      Abi.FetchOutcome outcome = isAboutCertificate(error) ? Abi.FetchOutcome.CERTIFICATE : Abi.FetchOutcome.TLS;
      throw new Failure(outcome, "the TLS handshake with " + host + " failed: " + error.getMessage());
    }
    return tls;
  }

  private static boolean isAboutCertificate(Throwable error) {
    for (Throwable cause = error; cause != null; cause = cause.getCause())
      if (cause instanceof CertificateException || cause instanceof CertPathValidatorException) return true;
    return false;
  }

  private void checkIdentity(String host, Certificate certificate) throws Failure {
    List<String> names = dnsIds((X509Certificate) certificate);
    if (!core.matchesDnsId(names, host))
      throw new Failure(Abi.FetchOutcome.CERTIFICATE, "the certificate of " + host + " names " + names);
  }

  /** The dNSName SANs of a certificate; never its subject. */
  public static List<String> dnsIds(X509Certificate certificate) {
    List<String> names = new ArrayList<>();
    try {
      Collection<List<?>> all = certificate.getSubjectAlternativeNames();
      if (all != null) for (List<?> name : all) if (name.get(0).equals(2)) names.add((String) name.get(1));
    } catch (CertificateParsingException unreadable) {
      names.clear(); // then it names nobody
    }
    return names;
  }

  private Fetched exchange(String host, DefaultBHttpClientConnection http)
      throws Failure, IOException, HttpException {
    BasicClassicHttpRequest request = new BasicClassicHttpRequest("GET", PATH);
    request.addHeader("Host", host);
    request.addHeader("User-Agent", "mta-sts-engine");
    request.addHeader("Accept-Encoding", "identity");
    request.addHeader("Cache-Control", "no-cache");
    request.addHeader("Connection", "close");
    http.sendRequestHeader(request);
    http.flush();
    ClassicHttpResponse response = http.receiveResponseHeader();
    while (response.getCode() < 200) response = http.receiveResponseHeader(); // a flood ends with the budget
    refuseByHead(host, response);
    http.receiveResponseEntity(response);
    HttpEntity entity = response.getEntity();
    // JSSE does not tell a close_notify from a cut, so a body must say where it ends.
    if (entity == null || (entity.getContentLength() < 0 && !entity.isChunked()))
      throw new Failure(Abi.FetchOutcome.INCOMPLETE, host + " sent a body without length");
    byte[] body = readBody(host, entity);
    return new Fetched(Abi.FetchOutcome.OK, "", body, joined(response, "Content-Type"));
  }

  private static void refuseByHead(String host, ClassicHttpResponse response) throws Failure {
    int status = response.getCode();
    if (status >= 300 && status <= 399)
      throw new Failure(Abi.FetchOutcome.REDIRECT, host + " redirects (" + status + "); redirects are not followed");
    if (status != 200)
      throw new Failure(Abi.FetchOutcome.STATUS, host + " answered with status " + status + ", not 200");
    String encoding = joined(response, "Content-Encoding");
    if (encoding != null)
      throw new Failure(Abi.FetchOutcome.ENCODING, host + " sent Content-Encoding: " + encoding + "; none is accepted");
  }

  private static byte[] readBody(String host, HttpEntity entity) throws Failure, IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    byte[] chunk = new byte[8192];
    InputStream content = entity.getContent();
    for (int n; (n = content.read(chunk)) >= 0; ) {
      body.write(chunk, 0, n);
      if (body.size() > Abi.POLICY_LIMIT)
        throw new Failure(Abi.FetchOutcome.TOO_LARGE, "the policy of " + host + " is larger than 64 KiB");
    }
    return body.toByteArray();
  }

  /** Several fields of a name are joined, so that the core sees and refuses them. */
  private static String joined(ClassicHttpResponse response, String name) {
    List<String> values = new ArrayList<>();
    for (var header : response.getHeaders(name)) values.add(header.getValue());
    return values.isEmpty() ? null : String.join(", ", values);
  }

  @Override
  public void close() {
    deadlines.shutdownNow();
  }
}
