package org.mtasts;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/** What this process holds of one Policy Domain. Everything in it is guarded by its monitor: one event after the other. */
final class Entry {
  /** A caller that waits for what is being found out. */
  record Waiter(Abi.Event event, CompletableFuture<Decision> answer) {}

  final String domain;
  byte[] state = {};
  long version;
  /** Milliseconds of uptime at the last look at the row; -1 before the first. */
  long checkedAt = -1;
  /** The stored row failed its checksum and was not replaced yet: it may have been an enforce policy. */
  boolean damaged;
  /** The store failed to take the state; memory alone has it. */
  volatile boolean unwritten;
  /** The state that the last reading of the row replaced, in case what was read is damaged. */
  byte[] overwritten = {};
  boolean queryInFlight;
  boolean getInFlight;
  String detail = "";
  final List<Waiter> waiters = new ArrayList<>();

  Entry(String domain) {
    this.domain = domain;
  }

  /** Callers, events and flights that have to do with it. Looked at without the monitor, which a slow store may hold. */
  final AtomicInteger users = new AtomicInteger();

  /** May it be dropped from memory without anybody noticing? */
  boolean isIdle() {
    return users.get() == 0 && !unwritten;
  }

  void answerAll(Decision decision) {
    for (Waiter waiter : waiters) waiter.answer().complete(decision);
    waiters.clear();
  }
}
