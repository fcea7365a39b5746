package org.mtasts;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every store: compare-and-swap, versions that never come back, the high-water time. */
class StoreTest {
  private static final byte[] ONE = {0, 1, -1};
  private static final byte[] TWO = {2};
  @TempDir Path folder;

  private Store open(String kind) throws IOException {
    return kind.equals("memory") ? new MemoryStore() : new FileStore(folder);
  }

  @ParameterizedTest(name = "{0}: a write under an old version changes nothing, and a version is never used again")
  @ValueSource(strings = {"memory", "file"})
  void compareAndSwap(String kind) throws IOException {
    Store store = open(kind);
    long first = store.put("example.com", ONE, 0, 5).getAsLong();
    assertArrayEquals(ONE, store.get("example.com").get().state());
    long second = store.put("example.com", TWO, first, 5).getAsLong();
    assertEquals(OptionalLong.empty(), store.put("example.com", ONE, first, 5));
    assertEquals(OptionalLong.empty(), store.put("example.com", ONE, 0, 5));
    assertFalse(store.forget("example.com", first));
    assertArrayEquals(TWO, store.get("example.com").get().state());
    assertTrue(store.forget("example.com", second));
    assertTrue(store.forget("example.com", 0));
    assertNotEquals(second, store.put("example.com", ONE, 0, 5).getAsLong());
    assertEquals(List.of("example.com"), store.domains());
  }

  @ParameterizedTest(name = "{0}: the high-water time only rises")
  @ValueSource(strings = {"memory", "file"})
  void highWater(String kind) throws IOException {
    Store store = open(kind);
    assertEquals(0, store.highWater());
    store.put("a.test", ONE, 0, 100);
    store.put("b.test", ONE, 0, 50);
    assertEquals(100, store.highWater());
  }

  @Test
  @DisplayName("two stores on one folder see each other's writes")
  void shared() throws IOException {
    Store one = new FileStore(folder);
    Store two = new FileStore(folder);
    long version = one.put("example.com", ONE, 0, 5).getAsLong();
    assertEquals(version, two.get("example.com").get().version());
    assertTrue(two.put("example.com", TWO, version, 5).isPresent());
    assertEquals(OptionalLong.empty(), one.put("example.com", ONE, version, 5));
  }

  @Test
  @DisplayName("a file that is cut is a store that fails, not a domain without a policy (R-8461-CSM-13)")
  void cut() throws IOException {
    Store store = new FileStore(folder);
    store.put("example.com", ONE, 0, 5);
    Files.write(folder.resolve("example.com.state"), new byte[3]);
    assertThrows(IOException.class, () -> store.get("example.com"));
  }

  @Test
  @DisplayName("what is no domain never becomes a path")
  void path() throws IOException {
    Store store = new FileStore(folder);
    assertThrows(IllegalArgumentException.class, () -> store.get("../example"));
  }
}
