package org.mtasts;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** Between the entries in memory and the store: reads rows, carries out store and forget, notices other writers. */
final class Shelf {
  /** A row is looked at again at least this often, and before each record check: other processes write too. */
  private static final long CHECK_MILLIS = 60_000;

  private final Store store;
  private final Supplier<Step.Clock> clock;
  private final LongSupplier now;
  private final BiConsumer<String, Exception> onFault;
  private volatile long highWater;

  Shelf(Store store, Supplier<Step.Clock> clock, BiConsumer<String, Exception> onFault) {
    this.store = store;
    this.clock = clock;
    this.now = Clocks.steady(clock);
    this.onFault = onFault;
  }

  long highWater() {
    return highWater;
  }

  /** Reads what the store remembers beside policies; the domains it has. */
  List<String> open() {
    try {
      highWater = store.highWater();
      return store.domains();
    } catch (IOException error) {
      onFault.accept("", error);
      return List.of();
    }
  }

  /** Reads the row if that is due, or at once ({@code fresh}). False: it was never read, and cannot be. */
  boolean load(Entry entry, boolean fresh) {
    long uptime = clock.get().uptimeMillis();
    if (!fresh && entry.checkedAt >= 0 && uptime - entry.checkedAt < CHECK_MILLIS) return true;
    try {
      if (entry.unwritten && put(entry, entry.state)) return true;
      take(entry, store.get(entry.domain));
      entry.checkedAt = uptime;
      return true;
    } catch (IOException error) {
      onFault.accept(entry.domain, error);
      return entry.checkedAt >= 0;
    }
  }

  private static void take(Entry entry, Optional<Store.Row> row) {
    if (row.isPresent() && row.get().version() != entry.version) {
      entry.overwritten = entry.version == 0 ? new byte[0] : entry.state;
      entry.state = row.get().state();
      entry.version = row.get().version();
      entry.unwritten = false;
    } else if (row.isEmpty() && entry.version != 0) {
      // Deleted by another process it is gone here too; what was never stored is not undone by there being no row.
      entry.state = new byte[0];
      entry.version = 0;
    }
  }

  /**
   * A state that fails its checksum is no policy, and no proof that there was none (R-8461-CSM-12). What memory held before it
   * was read counts on, and takes its place in the store.
   */
  void dropDamaged(Entry entry) {
    onFault.accept(entry.domain, new IOException("the stored state fails its checksum"));
    entry.state = entry.overwritten;
    entry.overwritten = new byte[0];
    entry.damaged = true;
    entry.unwritten = entry.state.length > 0;
  }

  /** Carries out store or forget, durably. False: another process was faster; nothing has changed. */
  boolean persist(Entry entry, List<Step.Effect> effects, byte[] state) {
    boolean stores = effects.stream().anyMatch(effect -> effect.kind() == Abi.EffectKind.STORE);
    boolean forgets = effects.stream().anyMatch(effect -> effect.kind() == Abi.EffectKind.FORGET);
    try {
      if (stores) return put(entry, state);
      if (forgets) {
        if (!store.forget(entry.domain, entry.version)) return false;
        entry.version = 0;
        entry.unwritten = false;
      }
    } catch (IOException error) {
      // Said, and honoured from memory: a store that fails must not weaken what was learned.
      onFault.accept(entry.domain, error);
      entry.unwritten = stores;
    }
    return true;
  }

  private boolean put(Entry entry, byte[] state) throws IOException {
    long seen = now.getAsLong();
    OptionalLong version = store.put(entry.domain, state, entry.version, seen);
    if (version.isEmpty()) return false;
    entry.version = version.getAsLong();
    entry.damaged = false;
    entry.unwritten = false;
    highWater = Math.max(highWater, seen);
    return true;
  }
}
