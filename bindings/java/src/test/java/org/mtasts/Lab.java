package org.mtasts;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The project's lab, steered over its JSON lines: real DNS and real TLS on loopback. Needs `npm run build` and node. */
final class Lab implements AutoCloseable {
  private static final Path MAIN = Path.of("..", "..", "dist", "test", "lab", "main.js");
  private final Process process;
  private final BufferedReader answers;
  private final Writer commands;
  private final JsonObject ready;
  private int last;

  Lab() throws IOException {
    process = new ProcessBuilder("node", MAIN.toString()).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    answers = process.inputReader(StandardCharsets.UTF_8);
    commands = process.outputWriter(StandardCharsets.UTF_8);
    ready = say("{}");
  }

  private JsonObject say(String line) throws IOException {
    commands.write(line + "\n");
    commands.flush();
    return JsonParser.parseString(answers.readLine()).getAsJsonObject();
  }

  /** A method of World (test/lab/world.ts); each argument is JSON text. One at a time. */
  synchronized JsonElement call(String command, String... json) {
    JsonObject request = new JsonObject();
    request.addProperty("id", ++last);
    request.addProperty("command", command);
    JsonArray args = new JsonArray();
    for (String one : json) args.add(JsonParser.parseString(one));
    request.add("args", args);
    try {
      JsonObject answer = say(request.toString());
      if (!answer.get("ok").getAsBoolean()) throw new AssertionError(answer);
      return answer.get("value");
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private int port(String of) {
    return ready.getAsJsonObject(of).get("port").getAsInt();
  }

  DnsJavaDns dns() {
    return new DnsJavaDns(List.of(new InetSocketAddress("127.0.0.1", port("dns"))), Duration.ofSeconds(1));
  }

  PolicyFetcher fetcher(Core core, Duration timeout, boolean allowPrivate) {
    return new PolicyFetcher(core, dns(), new PolicyFetcher.Options(trust(), timeout, allowPrivate, port("https")));
  }

  private SSLContext trust() {
    try {
      KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
      roots.load(null);
      byte[] pem = ready.get("caPem").getAsString().getBytes(StandardCharsets.US_ASCII);
      var certificate = CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem));
      roots.setCertificateEntry("lab", certificate);
      TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(roots);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, trust.getTrustManagers(), null);
      return context;
    } catch (IOException | java.security.GeneralSecurityException error) {
      throw new IllegalStateException(error);
    }
  }

  /** Ends the lab with its stdin. */
  @Override
  public void close() throws IOException {
    commands.close();
    process.onExit().join();
  }
}
