package org.mtasts;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;

/** Forgets everything with the process: for tests, and for those who keep nothing on purpose. */
public class MemoryStore implements Store {
  private final Map<String, Row> rows = new TreeMap<>();
  private long versions;
  private long highWater;

  @Override
  public synchronized Optional<Row> get(String domain) throws java.io.IOException {
    return Optional.ofNullable(rows.get(domain));
  }

  @Override
  public synchronized OptionalLong put(String domain, byte[] state, long expected, long now)
      throws java.io.IOException {
    if (version(domain) != expected) return OptionalLong.empty();
    rows.put(domain, new Row(state.clone(), ++versions));
    highWater = Math.max(highWater, now);
    return OptionalLong.of(versions);
  }

  @Override
  public synchronized boolean forget(String domain, long expected) throws java.io.IOException {
    if (version(domain) != expected) return false;
    rows.remove(domain);
    return true;
  }

  private long version(String domain) {
    Row row = rows.get(domain);
    return row == null ? 0 : row.version();
  }

  @Override
  public synchronized List<String> domains() {
    return List.copyOf(rows.keySet());
  }

  @Override
  public synchronized long highWater() {
    return highWater;
  }
}
