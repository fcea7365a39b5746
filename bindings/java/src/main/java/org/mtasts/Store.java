package org.mtasts;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Where policies outlive the process. Writes are compare-and-swap: several processes may share one store. An IOException
 * means that the store cannot do it now; that is never "no policy".
 */
public interface Store {
  /** The octets of one Policy Domain, and the version they were written under (never 0, never used again). */
  record Row(byte[] state, long version) {}

  Optional<Row> get(String domain) throws IOException;

  /**
   * Writes durably if the row still has the expected version (0: there is none); its new version, or empty on conflict.
   * {@code now} (Unix seconds) raises the high-water time.
   */
  OptionalLong put(String domain, byte[] state, long expected, long now) throws IOException;

  /** Deletes if the row still has the expected version; false on conflict. */
  boolean forget(String domain, long expected) throws IOException;

  List<String> domains() throws IOException;

  /** The highest {@code now} ever written, 0 for a new store. */
  long highWater() throws IOException;
}
