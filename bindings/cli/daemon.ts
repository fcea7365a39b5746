import type { Server as HttpServer } from "node:http";
import type { Config, Listener, MtaListener } from "../../host/config/config.ts";
import type { Core } from "../../host/core/core.ts";
import { loadCore } from "../../host/core/load.ts";
import type { Dane } from "../../host/dane/dane.ts";
import type { DnsClient } from "../../host/dns/types.ts";
import { steadyTime, systemClock } from "../../host/engine/clock.ts";
import { createEngine, type Engine } from "../../host/engine/engine.ts";
import type { PolicyFetcher } from "../../host/https/types.ts";
import type { QuestionOptions } from "../../host/mx/question.ts";
import { DecisionRecorder } from "../../host/observe/decision-recorder.ts";
import { observeStore } from "../../host/observe/engine-observer.ts";
import { createObserveServer, type Health } from "../../host/observe/http.ts";
import { createLog, type Log } from "../../host/observe/log.ts";
import { createMetrics, type Metrics } from "../../host/observe/metrics.ts";
import { printable } from "../../host/observe/printable.ts";
import { MemoryStore } from "../../host/store/memory.ts";
import type { StoreListener, StoreStatus } from "../../host/store/notice.ts";
import { openPolicyStore } from "../../host/store/policy-store.ts";
import type { PolicyStore } from "../../host/store/types.ts";
import { Answerer } from "../postfix/answer.ts";
import { PostfixServer } from "../postfix/server.ts";
import type { DaemonStatus } from "./control-protocol.ts";
import { createControlServer } from "./control-server.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";
import { type LineQuestions, startLineServer } from "./line-listeners.ts";
import { byDeadline, cannotListen, listenerName, openServer, prepareControlDirectory, targetOf } from "./listeners.ts";
import { Observers } from "./observers.ts";
import { daneFor, dnsClientFor, fetcherFor } from "./outside.ts";
import { PolicyCensus } from "./policy-census.ts";
import { VERSION } from "./version.ts";

/** Milliseconds from the request to stop until connections are cut. */
const GRACE = 5_000;
/** Before that, whoever still waits for a discovery is answered TEMP, so that Postfix hears why. */
const LAST_WORDS = 1_000;
/** Beyond the fetch itself, a refresh waits for the TXT lookup. */
const REFRESH_EXTRA = 15_000;

/** Policies held at most with store.type memory; one more is honoured but not kept. */
const MEMORY_ROWS = 100_000;

/** The listeners of one kind and deadline, whatever they speak. */
type MtaServer = Pick<PostfixServer, "ports" | "connections" | "close">;

type DaemonStore = PolicyStore & { status(): StoreStatus };

/** Where decisions are recorded, and how many bytes of them at most. */
export interface Recording {
  readonly path: string;
  readonly maxBytes: number;
}

/** What the store takes for the time, in Unix seconds. */
const unixNow = steadyTime(systemClock());

/** All rooms of the house, put together as the configuration says. */
export class Daemon {
  readonly log: Log;
  readonly #config: Config;
  readonly #metrics: Metrics;
  readonly #observers: Observers;
  readonly #startedAt = performance.now();
  readonly #answerers: Answerer[] = [];
  readonly #mtas: MtaServer[] = [];
  readonly #http: HttpServer[] = [];
  readonly #cleanUps: (() => Promise<void>)[] = [];
  readonly #listening: string[] = [];
  readonly #recording: Recording | null;
  #dns: DnsClient | null = null;
  #dane: Dane | null = null;
  #fetcher: PolicyFetcher | null = null;
  #store: DaemonStore | null = null;
  #engine: Engine | null = null;
  #serving = false;

  private constructor(config: Config, recording: Recording | null) {
    this.#config = config;
    this.#recording = recording;
    this.#metrics = createMetrics({ version: VERSION });
    this.log = createLog({
      ...config.log,
      onEvent: (event) => this.#metrics.count("notices_total", { event }),
    });
    this.#observers = new Observers(this.log, this.#metrics);
  }

  /**
   * Starts everything, or nothing.
   * @throws CommandFailure when an address cannot be listened on, StoreError when an operator must look at the store.
   */
  static async start(config: Config, recording: Recording | null = null): Promise<Daemon> {
    const daemon = new Daemon(config, recording);
    try {
      await daemon.#open();
    } catch (error) {
      await daemon.abandon();
      throw error;
    }
    return daemon;
  }

  async #open(): Promise<void> {
    const { dns, https, policy } = this.#config;
    const core = await loadCore();
    if (this.#recording) this.#record(core, this.#recording);
    this.#dns = dnsClientFor(dns);
    this.#fetcher = fetcherFor(https, core, this.#dns);
    this.#store = await this.#openStore();
    this.#engine = await createEngine({
      core,
      dns: this.#dns,
      fetcher: this.#fetcher,
      store: this.#store,
      leniency: policy.leniency,
      onDiscoveryFailure: policy.onDiscoveryFailure,
      observer: this.#observers.engine,
    });
    this.#measure(this.#engine, this.#store);
    if (this.#config.listen.some(({ kind }) => kind === "postfix")) await this.#startDane(core);
    for (const kind of ["postfix", "exim", "opensmtpd"] as const)
      for (const [deadline, listeners] of byDeadline(kind, this.#config.listen))
        await this.#listenForMta(kind, listeners, { ...this.#sources(core), deadline }, core);
    for (const listener of this.#config.listen) await this.#listenForPeople(listener);
    this.#serving = true;
    this.log.event("daemon-started", { version: VERSION, listeners: this.#listening });
  }

  /** Before the first question is answered: mail that DANE protects must not go out while it is being tested. */
  async #startDane(core: Core): Promise<void> {
    this.#dane = daneFor(this.#config, core, {
      onChange: this.#observers.dnssec,
      watch: (dns) => ({
        mx: this.#observers.lookupMx(dns),
        addresses: dns.addresses.bind(dns),
        cname: dns.cname.bind(dns),
        tlsa: dns.tlsa.bind(dns),
      }),
    });
    if (this.#dane === null) this.log.event("dane-disabled", {});
    else await this.#dane.start();
  }

  /** Every decision goes to a file; when that ends, the daemon goes on without it. */
  #record(core: Core, { path, maxBytes }: Recording): void {
    const onEnd = (detail: string): void => {
      core.onStep = null;
      this.log.event("record-ended", { path, detail });
    };
    try {
      const recorder = new DecisionRecorder({ path, maxBytes, program: `mta-sts ${VERSION}`, onEnd });
      core.onStep = (request, step) => recorder.record(request, step);
      this.#cleanUps.push(async () => recorder.close());
    } catch (error) {
      throw new CommandFailure(EXIT.usage, `cannot record to ${printable(path)}: ${(error as Error).message}`);
    }
  }

  async #openStore(): Promise<DaemonStore> {
    const { type, path } = this.#config.store;
    if (type === "memory") return new MemoryStore({ now: unixNow, maxRows: MEMORY_ROWS });
    const tell = observeStore(this.log);
    const onEvent: StoreListener = (notice) => {
      tell(notice);
      if (notice.event === "store-quarantined" || notice.event === "store-persisting")
        void this.#engine?.storeChanged();
    };
    return openPolicyStore({ path, onEvent, now: unixNow });
  }

  #sources(core: Core): Omit<LineQuestions, "deadline"> {
    return {
      resolver: this.#engine as Engine,
      lookupMx: this.#observers.lookupMx(this.#dns as DnsClient),
      matchesMx: (pattern, host) => core.matchesMx(pattern, host),
      matchesDnsId: (names, host) => core.matchesDnsId(names, host),
    };
  }

  async #listenForMta(
    kind: MtaListener["kind"],
    listeners: readonly MtaListener[],
    questions: LineQuestions,
    core: Core,
  ): Promise<void> {
    try {
      const server =
        kind === "postfix"
          ? await this.#startPostfix(listeners, questions, core)
          : await startLineServer(kind, listeners, questions, this.#observers);
      this.#mtas.push(server);
      const ports = [...server.ports];
      for (const listener of listeners)
        this.#listening.push(listenerName(listener, listener.address.transport === "tcp" ? ports.shift() : undefined));
    } catch (error) {
      throw cannotListen(listeners, error);
    }
  }

  async #startPostfix(listeners: readonly MtaListener[], questions: QuestionOptions, core: Core): Promise<MtaServer> {
    const observer = this.#observers.postfix;
    const dane = this.#dane === null ? {} : { dane: { find: this.#dane.find, core } };
    const answerer = new Answerer({ ...questions, ...dane, observer });
    const listen = listeners.map(({ address }) => targetOf(address));
    const server = await PostfixServer.start({ listen, answer: answerer.answer.bind(answerer), observer });
    this.#answerers.push(answerer);
    return server;
  }

  async #listenForPeople(listener: Listener): Promise<void> {
    if ("deadline" in listener) return;
    const server = listener.kind === "http" ? this.#observeServer() : this.#controlServer();
    try {
      if (listener.kind === "control") prepareControlDirectory(listener.address.path);
      const { cleanUp, port } = await openServer(server, listener.address);
      this.#http.push(server);
      this.#cleanUps.push(cleanUp);
      this.#listening.push(listenerName(listener, port));
    } catch (error) {
      throw cannotListen([listener], error);
    }
  }

  #observeServer(): HttpServer {
    const onError = (error: unknown) => this.#fault("the HTTP server", error, "the page was answered 500");
    return createObserveServer({ metrics: this.#metrics, health: () => this.#health(), onError });
  }

  #controlServer(): HttpServer {
    return createControlServer({
      engine: this.#engine as Engine,
      status: () => this.#status(),
      onChange: () => {
        for (const answerer of this.#answerers) answerer.forgetReplies();
      },
      refreshDeadline: this.#config.https.timeout + REFRESH_EXTRA,
      onError: (error) => this.#fault("the control socket", error, "the request was answered 500"),
    });
  }

  #measure(engine: Engine, store: DaemonStore): void {
    const census = new PolicyCensus(store, unixNow);
    this.#metrics.beforeScrape(async () => {
      const { policies, refreshFailing } = await census.read();
      for (const mode of ["enforce", "testing", "none"] as const)
        this.#metrics.set("policies", { mode }, policies[mode]);
      this.#metrics.set("refresh_failing", {}, refreshFailing);
      this.#metrics.set("store_persisting", {}, store.status().persisting ? 1 : 0);
      this.#metrics.set("cache_memory_domains", {}, engine.domainsInMemory);
      this.#metrics.set("flights", {}, engine.flights);
      this.#metrics.set("dane_active", {}, this.#dane?.active ? 1 : 0);
    });
  }

  #health(): Health {
    const { persisting, reason, unwritten } = this.#store?.status() ?? { persisting: false, reason: "", unwritten: 0 };
    return {
      serving: this.#serving,
      persisting,
      reason,
      resolver: this.#observers.resolver.text,
      dane: this.#dane?.text ?? "off",
      version: VERSION,
      uptimeSeconds: Math.floor((performance.now() - this.#startedAt) / 1000),
      store: this.#store?.kind ?? "none",
      unwritten,
      waiting: this.#engine?.waiting ?? 0,
      flights: this.#engine?.flights ?? 0,
      memoryDomains: this.#engine?.domainsInMemory ?? 0,
      connections: this.#mtas.reduce((sum, server) => sum + server.connections, 0),
    };
  }

  #status(): DaemonStatus {
    const { version: program, reason, ...health } = this.#health();
    return {
      version: 1,
      program: String(program),
      pid: process.pid,
      ...health,
      reason: String(reason),
      storePath: this.#config.store.type === "sqlite" ? this.#config.store.path : null,
      config: this.#config.file,
      listeners: this.#listening,
    };
  }

  #fault(where: string, error: unknown, outcome: string): void {
    const detail = error instanceof Error ? error.message : String(error);
    this.log.event("internal-error", { where, detail, error: error as Error, outcome });
  }

  /** Stops accepting, answers what is pending, closes the engine and then the store. Takes little more than 5 s. */
  async stop(cause: string): Promise<void> {
    this.#serving = false;
    const drained = Promise.all(this.#mtas.map((server) => server.close(GRACE)));
    const lastWords = setTimeout(() => this.#hurry(), GRACE - LAST_WORDS);
    await drained;
    clearTimeout(lastWords);
    for (const server of this.#http) server.close();
    await this.#engine?.close();
    await this.#closeRest();
    this.log.event("daemon-stopped", { cause });
  }

  /** Who still waits is answered now: TEMP from the engine, what is known without MX names from the binding. */
  #hurry(): void {
    void this.#engine?.close();
    this.#dns?.close();
    this.#dane?.close();
  }

  /** After a fault of our own: no more answers, but everything acknowledged goes to disk. */
  async abandon(): Promise<void> {
    this.#serving = false;
    await Promise.all(this.#mtas.map((server) => server.close(0)));
    for (const server of this.#http) server.close();
    await this.#engine?.close();
    await this.#closeRest();
  }

  async #closeRest(): Promise<void> {
    await this.#fetcher?.close();
    this.#dns?.close();
    this.#dane?.close();
    for (const server of this.#http) server.closeAllConnections();
    await Promise.all(this.#cleanUps.splice(0).map((cleanUp) => cleanUp()));
    await this.#store?.close();
  }
}
