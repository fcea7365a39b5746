package org.mtasts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Client and a store that fails, is damaged, or is written to by somebody else; names and addresses at the edge. */
class ClientStoreTest {
  private static final Core CORE = new Core();
  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final byte[] BODY =
      Frame.utf8("version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 864000\n");
  private static final Step.RecordEnded RECORD =
      new Step.RecordEnded(Abi.RecordOutcome.ANSWERED, List.of(Core.txtRdata("v=STSv1; id=1;")), 300);
  private static final Step.RecordEnded NOTHING = new Step.RecordEnded(Abi.RecordOutcome.NONE, List.of(), 300);

  private volatile Step.RecordEnded said = RECORD;
  private volatile long seconds;
  private final Supplier<Step.Clock> clock =
      () -> new Step.Clock(2_000_000_000 + seconds, (1_000_000 + seconds) * 1000, 1);

  /** DNS of one domain: what was said. */
  private final Dns dns =
      new Dns() {
        @Override
        public Step.RecordEnded txt(String name) {
          if (said == null) throw new IllegalStateException("broken");
          return said;
        }

        @Override
        public List<InetAddress> addresses(String name) {
          return List.of();
        }
      };

  private Client client(Store store) {
    Fetcher fetcher = domain -> new Fetcher.Fetched(Abi.FetchOutcome.OK, "", BODY, "text/plain");
    Client.Observer failing =
        new Client.Observer() {
          @Override
          public void notice(String domain, Step.Notice notice, String detail) {
            // The client does without what its observer does.
            throw new IllegalStateException("an observer that fails");
          }

          @Override
          public void storeFault(String domain, Exception error) {}
        };
    return new Client(
        CORE, dns, fetcher, store, new Client.Options(Set.of(), Abi.OnFailure.DEFER_BRIEFLY, 100, failing, clock));
  }

  private static Decision ask(Client client) {
    return client.resolve("example.com", DEADLINE);
  }

  /** Reads and writes fail while it is broken. */
  private static final class BrokenStore extends MemoryStore {
    volatile boolean broken = true;

    @Override
    public Optional<Row> get(String domain) throws IOException {
      if (broken) throw new IOException("I/O error");
      return super.get(domain);
    }

    @Override
    public OptionalLong put(String domain, byte[] state, long expected, long now) throws IOException {
      if (broken) throw new IOException("I/O error");
      return super.put(domain, state, expected, now);
    }
  }

  @Test
  @DisplayName("a store that cannot be read makes no policy temporary (R-8461-CSM-13)")
  void unreadable() {
    said = NOTHING;
    try (Client client = client(new BrokenStore())) {
      assertEquals(Abi.Verdict.TEMP, ask(client).verdict());
    }
  }

  @Test
  @DisplayName("a policy found live is honoured though the store fails, and written when it works again (R-8461-CSM-13)")
  void unwritable() {
    BrokenStore store = new BrokenStore();
    try (Client client = client(store)) {
      assertEquals(Abi.Status.FETCHED, ask(client).status());
      said = NOTHING;
      seconds = 120;
      assertEquals(Abi.Verdict.POLICY, ask(client).verdict());
      store.broken = false;
      seconds = 240;
      assertEquals(Abi.Verdict.POLICY, ask(client).verdict());
    }
    assertEquals(List.of("example.com"), store.domains());
  }

  @Test
  @DisplayName("a damaged row is temporary until a policy takes its place (R-8461-CSM-12)")
  void damaged() throws IOException {
    MemoryStore store = new MemoryStore();
    store.put("example.com", new byte[300], 0, 0);
    said = NOTHING;
    try (Client client = client(store)) {
      assertEquals(Abi.Verdict.TEMP, ask(client).verdict());
    }
    said = RECORD;
    try (Client client = client(store)) {
      assertEquals(Abi.Status.FETCHED, ask(client).status());
    }
  }

  @Test
  @DisplayName("a row that is damaged under a running client is replaced by what memory holds (R-8461-CSM-12)")
  void damagedLater() throws IOException {
    MemoryStore store = new MemoryStore();
    try (Client client = client(store)) {
      ask(client);
      long version = store.put("example.com", new byte[9], store.get("example.com").get().version(), 0).getAsLong();
      said = NOTHING;
      for (seconds = 120; seconds <= 240; seconds += 120) assertEquals(Abi.Verdict.POLICY, ask(client).verdict());
      assertNotEquals(version, store.get("example.com").get().version());
    }
  }

  @Test
  @DisplayName("of two clients on one store neither loses the policy of the other")
  void two() {
    MemoryStore store = new MemoryStore();
    try (Client one = client(store);
        Client other = client(store)) {
      assertEquals(Abi.Status.FETCHED, ask(one).status());
      said = NOTHING;
      assertEquals(Abi.Verdict.POLICY, ask(other).verdict());
    }
  }

  @Test
  @DisplayName("a resolver that throws is a failed lookup, not a missing record; a closed client answers TEMP")
  void faults() {
    said = null;
    Client client = client(new MemoryStore());
    try (client) {
      assertEquals(Abi.Verdict.TEMP, ask(client).verdict());
    }
    assertEquals(Abi.Verdict.TEMP, ask(client).verdict());
  }

  @ParameterizedTest(name = "\"{0}\" is no domain and never reaches a URL (R-8461-3.3-20)")
  @ValueSource(strings = {"", ".", "a..b", "ü.de", "\u212Aa.de", "192.0.2.1", "[::1]", "a_b.de", "a.de:443", "-a.de"})
  void noDomain(String text) {
    try (Client client = client(new MemoryStore())) {
      org.junit.jupiter.api.Assertions.assertThrows(
          IllegalArgumentException.class, () -> client.resolve(text, DEADLINE));
    }
  }

  @ParameterizedTest(name = "{0} is not dialled (R-8461-3.3-21)")
  @ValueSource(
      strings = {
        "127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255", "::1", "::", "fe80::1",
        "fd00::1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "4000::1", "::ffff:127.0.0.1"
      })
  void notPublic(String address) throws UnknownHostException {
    assertFalse(Addresses.mayBeDialled(InetAddress.getByName(address), false));
  }

  @ParameterizedTest(name = "{0} is dialled")
  @ValueSource(strings = {"8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"})
  void isPublic(String address) throws UnknownHostException {
    assertTrue(Addresses.mayBeDialled(InetAddress.getByName(address), false));
  }
}
