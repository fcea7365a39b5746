package org.mtasts;

import java.lang.System.Logger.Level;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * MTA-STS for a sending MTA: looks policies up, keeps them, refreshes them. The loop of docs/abi.md around {@link Core#step};
 * it decides nothing. Threads may share it. Close it before what it was given.
 */
public final class Client implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger("org.mtasts");
  private static final int CONFLICTS = 100;
  private static final int FLIGHTS = 64;

  /** Hears what an operator must hear. */
  public interface Observer {
    void notice(String domain, Step.Notice notice, String detail);

    /** The store failed; {@code domain} may be empty. */
    default void storeFault(String domain, Exception error) {
      LOG.log(Level.ERROR, "policy store: " + domain + " " + error.getMessage());
    }
  }

  /** {@code maxDomains} are held in memory; stored policies beyond that are read again when needed. */
  public record Options(
      Set<Abi.Leniency> leniency, Abi.OnFailure onFailure, int maxDomains, Observer observer, Supplier<Step.Clock> clock) {
    public static Options defaults() {
      return new Options(Set.of(), Abi.OnFailure.DEFER_BRIEFLY, 50_000, Client::log, Clocks.system());
    }
  }

  private final Core core;
  private final Dns dns;
  private final Fetcher fetcher;
  private final Options options;
  private final Shelf shelf;
  private final SecureRandom random = new SecureRandom();
  private final LinkedHashMap<String, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
  private final Map<String, ScheduledFuture<?>> wakes = new ConcurrentHashMap<>();
  private final ExecutorService workers;
  private final ExecutorService flights;
  private final ScheduledExecutorService timers;
  private volatile boolean closed;

  public Client(Core core, Dns dns, Fetcher fetcher, Store store, Options options) {
    this.core = core;
    this.dns = dns;
    this.fetcher = fetcher;
    this.options = options;
    shelf = new Shelf(store, options.clock(), options.observer()::storeFault);
    ThreadFactory daemons = task -> daemon(task);
    workers = Executors.newCachedThreadPool(daemons);
    flights = Executors.newFixedThreadPool(FLIGHTS, daemons);
    timers = Executors.newSingleThreadScheduledExecutor(daemons);
    List<String> stored = shelf.open();
    // Lets every stored policy name its next refresh.
    start(workers, () -> stored.forEach(this::refresh));
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "mtasts");
    thread.setDaemon(true);
    return thread;
  }

  private static void log(String domain, Step.Notice notice, String detail) {
    LOG.log(Level.WARNING, domain + ": " + notice.kind().word() + " " + detail);
  }

  /**
   * What to honour for a domain (A-labels). The discovery itself goes on after the deadline.
   *
   * @throws IllegalArgumentException it is no domain
   */
  public Decision resolve(String domain, Duration deadline) {
    return ask(Abi.Event.LOOKUP, domain, deadline);
  }

  /** Looks for a newer policy before mail is failed for good (RFC 8461 §5.1), and waits for it. */
  public Decision recheck(String domain, Duration deadline) {
    return ask(Abi.Event.RECHECK, domain, deadline);
  }

  /** What to do with each MX host under a decision: Core.plan with its policy. {@code dane} may be null. */
  public List<Delivery.PlanEntry> plan(Decision decision, List<String> hosts, Delivery.DaneFacts dane)
      throws CoreException {
    Decision.Policy policy = decision.policy();
    byte[] text = policy == null ? new byte[0] : policy.text();
    Set<Abi.Leniency> used = policy == null ? Set.of() : policy.used();
    return core.plan(new Delivery.PlanRequest(decision.verdict(), text, used, hosts, dane));
  }

  private Decision ask(Abi.Event event, String text, Duration deadline) {
    String domain = Domains.canonical(text);
    if (closed) return Decision.temporary(domain, "shutting down");
    if (Domains.below("_mta-sts", domain) == null) return Decision.withoutRecord(domain);
    Entry entry = use(domain);
    Entry.Waiter waiter = new Entry.Waiter(event, new CompletableFuture<>());
    // On a thread of its own: a store that hangs must not hold this caller longer than his deadline.
    start(workers, entry, () -> await(entry, waiter));
    try {
      return waiter.answer().get(deadline.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException late) {
      return nowOrPending(entry, waiter);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return Decision.temporary(domain, "interrupted");
    } catch (ExecutionException impossible) {
      throw new IllegalStateException(impossible);
    } finally {
      entry.users.decrementAndGet();
    }
  }

  /** The waiter is there before the event, so that no answer can pass it by. */
  private void await(Entry entry, Entry.Waiter waiter) {
    synchronized (entry) {
      if (closed) waiter.answer().complete(Decision.temporary(entry.domain, "shutting down"));
      entry.waiters.add(waiter);
      Decision decision = submit(entry, new Step.Plain(waiter.event()));
      if (decision != null) {
        entry.waiters.remove(waiter);
        waiter.answer().complete(decision);
      }
    }
  }

  /** This caller cannot wait longer; where the entry is busy (the store hangs) he is not made to wait for it. */
  private Decision nowOrPending(Entry entry, Entry.Waiter waiter) {
    CompletableFuture<Decision> answer = waiter.answer();
    start(workers, entry, () -> answer.complete(Objects.requireNonNullElse(peek(entry, waiter), pending(entry))));
    answer.completeOnTimeout(pending(entry), 1, TimeUnit.SECONDS);
    return answer.join();
  }

  private static Decision pending(Entry entry) {
    return Decision.temporary(entry.domain, entry.detail.isEmpty() ? "discovery is still running" : entry.detail);
  }

  private Decision peek(Entry entry, Entry.Waiter waiter) {
    synchronized (entry) {
      entry.waiters.remove(waiter);
      try {
        return decision(entry, step(entry, new Step.Plain(Abi.Event.DEADLINE), entry.checkedAt >= 0));
      } catch (CoreException damaged) {
        return null;
      }
    }
  }

  /** The entry of a domain, with one user more: whoever asks for it takes himself off again. */
  private Entry use(String domain) {
    synchronized (entries) {
      Entry entry = entries.computeIfAbsent(domain, Entry::new);
      entry.users.incrementAndGet();
      Iterator<Entry> oldest = entries.values().iterator();
      for (int i = 0; i < 16 && entries.size() > options.maxDomains() && oldest.hasNext(); i++) {
        Entry old = oldest.next();
        if (old.isIdle()) oldest.remove();
      }
      return entry;
    }
  }

  private void start(ExecutorService where, Runnable task) {
    try {
      where.execute(task);
    } catch (RejectedExecutionException closing) {
      // close() answers everybody who waits.
    }
  }

  /** A task that has to do with an entry, which stays in memory until it ends. */
  private void start(ExecutorService where, Entry entry, Runnable task) {
    entry.users.incrementAndGet();
    start(
        where,
        () -> {
          try {
            task.run();
          } finally {
            entry.users.decrementAndGet();
          }
        });
  }

  private void refresh(String domain) {
    Entry entry = use(domain);
    try {
      submit(entry, new Step.Plain(Abi.Event.REFRESH));
    } finally {
      entry.users.decrementAndGet();
    }
  }

  /** Handles one event and gives the answer to it, or null. A fault of ours is TEMP for everybody concerned. */
  private Decision submit(Entry entry, Step.Event event) {
    synchronized (entry) {
      try {
        return handle(entry, event);
      } catch (CoreException | RuntimeException error) {
        LOG.log(Level.ERROR, entry.domain + ": internal error", error);
        Decision decision = Decision.temporary(entry.domain, "internal error: " + error.getMessage());
        entry.answerAll(decision);
        return decision;
      }
    }
  }

  private Decision handle(Entry entry, Step.Event event) throws CoreException {
    if (event instanceof Step.RecordEnded) entry.queryInFlight = false;
    if (event instanceof Step.PolicyEnded) entry.getInFlight = false;
    List<Step.Effect> effects = transition(entry, event);
    Decision decision = decision(entry, effects);
    effects.forEach(effect -> carryOut(entry, effect));
    if (decision != null && !(event instanceof Step.Plain)) entry.answerAll(decision);
    return decision;
  }

  /**
   * Steps until the writes took effect. Where another process was faster the row is read anew and the same event stepped
   * again: step is pure, so that is always right, and nothing else has left by then.
   */
  private List<Step.Effect> transition(Entry entry, Step.Event event) throws CoreException {
    boolean readable = shelf.load(entry, false);
    for (int i = 0; i < CONFLICTS; i++) {
      List<Step.Effect> effects;
      try {
        effects = step(entry, event, readable);
      } catch (CoreException error) {
        if (error.code() != Abi.Code.STATE) throw error;
        shelf.dropDamaged(entry);
        continue;
      }
      if (effects.stream().anyMatch(effect -> effect.kind() == Abi.EffectKind.QUERY_RECORD)) {
        long before = entry.version;
        shelf.load(entry, true);
        if (entry.version != before) continue;
      }
      byte[] state = entry.state;
      for (Step.Effect effect : effects) if (effect.kind() == Abi.EffectKind.STATE) state = effect.state();
      if (shelf.persist(entry, effects, state)) {
        entry.state = state;
        return effects;
      }
      shelf.load(entry, true);
    }
    throw new IllegalStateException("the store changed under " + CONFLICTS + " attempts to write " + entry.domain);
  }

  private List<Step.Effect> step(Entry entry, Step.Event event, boolean readable) throws CoreException {
    Set<Abi.Flag> flags = EnumSet.noneOf(Abi.Flag.class);
    if (entry.queryInFlight) flags.add(Abi.Flag.QUERY_IN_FLIGHT);
    if (entry.getInFlight) flags.add(Abi.Flag.GET_IN_FLIGHT);
    if (entry.waiters.stream().anyMatch(waiter -> waiter.event() == Abi.Event.RECHECK))
      flags.add(Abi.Flag.RECHECK_WAITING);
    if (!readable || entry.damaged) flags.add(Abi.Flag.STORE_UNREADABLE);
    return core.step(
        new Step.Request(
            entry.domain,
            event,
            options.clock().get(),
            entry.state,
            flags,
            random.nextInt(),
            shelf.highWater(),
            options.leniency(),
            options.onFailure()));
  }

  private Decision decision(Entry entry, List<Step.Effect> effects) throws CoreException {
    Step.Answer answer = null;
    for (Step.Effect effect : effects) if (effect.answer() != null) answer = effect.answer();
    if (answer == null) return null;
    boolean settled = answer.status() == Abi.Status.CACHED || answer.status() == Abi.Status.FETCHED;
    return new Decision(
        entry.domain,
        answer.status(),
        answer.verdict(),
        answer.resultType(),
        answer.reason(),
        settled ? "" : entry.detail,
        policy(entry, answer.policy()),
        answer.reuse(),
        answer.recheck());
  }

  private Decision.Policy policy(Entry entry, Step.Held held) throws CoreException {
    if (held == null) return null;
    byte[] text = Arrays.copyOfRange(entry.state, held.offset(), held.offset() + held.length());
    List<String> mx = core.parsePolicy(text, held.used()).mx();
    return new Decision.Policy(
        held.mode(), held.id(), mx, held.maxAge(), held.age(), held.expiresIn(), held.used(), text);
  }

  private void carryOut(Entry entry, Step.Effect effect) {
    if (effect.notice() != null) notify(entry, effect.notice());
    if (closed) return; // nothing new begins, neither a flight nor a timer
    switch (effect.kind()) {
      case QUERY_RECORD -> {
        entry.queryInFlight = true;
        start(flights, entry, () -> query(entry));
      }
      case GET_POLICY -> {
        entry.getInFlight = true;
        start(flights, entry, () -> get(entry, effect.token()));
      }
      case WAKE_AT -> wake(entry.domain, effect.seconds());
      case FORGET -> cancel(wakes.remove(entry.domain));
      default -> {}
    }
  }

  /** An observer that fails must not keep the other effects from being carried out. */
  private void notify(Entry entry, Step.Notice notice) {
    try {
      options.observer().notice(entry.domain, notice, entry.detail);
    } catch (RuntimeException error) {
      LOG.log(Level.ERROR, entry.domain + ": observer", error);
    }
  }

  private void wake(String domain, long seconds) {
    Runnable due = () -> start(workers, () -> refresh(domain));
    try {
      cancel(wakes.put(domain, timers.schedule(due, seconds, TimeUnit.SECONDS)));
    } catch (RejectedExecutionException closing) {
      // Nothing is refreshed any more.
    }
  }

  private static void cancel(ScheduledFuture<?> wake) {
    if (wake != null) wake.cancel(false);
  }

  private void query(Entry entry) {
    String name = Domains.below("_mta-sts", entry.domain);
    Step.RecordEnded event;
    try {
      event = dns.txt(name);
    } catch (RuntimeException broken) { // must not end as "no record"
      LOG.log(Level.ERROR, entry.domain + ": TXT query", broken);
      event = new Step.RecordEnded(Abi.RecordOutcome.FAILED, List.of(), 0);
    }
    synchronized (entry) {
      if (event.outcome() == Abi.RecordOutcome.FAILED) entry.detail = "the TXT query for " + name + " failed";
      if (event.outcome() == Abi.RecordOutcome.NONE) entry.detail = "there is no TXT record at " + name;
      if (!closed) submit(entry, event);
    }
  }

  private void get(Entry entry, byte[] token) {
    Fetcher.Fetched got;
    try {
      got = fetcher.fetch(entry.domain);
    } catch (RuntimeException broken) {
      LOG.log(Level.ERROR, entry.domain + ": policy fetch", broken);
      got = Fetcher.Fetched.failed(Abi.FetchOutcome.ABORTED, "internal error: " + broken.getMessage());
    }
    synchronized (entry) {
      entry.detail = got.detail();
      if (!closed) submit(entry, new Step.PolicyEnded(token, got.outcome(), got.body(), got.contentType()));
    }
  }

  /** Ends flights and answers everybody who waits TEMP. Store, DNS and fetcher are the caller's to close, afterwards. */
  @Override
  public void close() {
    closed = true;
    timers.shutdownNow();
    flights.shutdownNow();
    List<Entry> all;
    synchronized (entries) {
      all = List.copyOf(entries.values());
    }
    for (Entry entry : all)
      synchronized (entry) {
        entry.answerAll(Decision.temporary(entry.domain, "shutting down"));
      }
    workers.shutdown();
  }
}
