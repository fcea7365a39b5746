'use strict'

const { X509Certificate } = require('node:crypto')

const { Attempt } = require('./attempt')
const { modeFor } = require('./config')
const { Dane } = require('./dane')
const { Outcomes } = require('./outcomes')

/** Milliseconds a message waits for the look at a newer policy before it is deferred. */
const RECHECK_DEADLINE = 25_000

/** Policies held in memory at most; all others are read from the store again. */
const MAX_DOMAINS = 50_000

const LEVELS = { info: 'info', warn: 'warn', error: 'error' }

/**
 * The policy engine as the plugin uses it: the parts of mta-sts-engine put together as mta-sts.ini says, open and
 * sharing one store file with the other workers.
 */
class PolicyEngine {
  /**
   * @param settings of config.js
   * @param {{ log: { line(level, text) }, events: EventEmitter, version: string }} surroundings
   * @throws when the store, a CA file or the engine package cannot be used
   */
  static async start(settings, surroundings) {
    // The engine is an ES module: this is the only way in from CommonJS.
    const host = await import('mta-sts-engine')
    host.refuseUnsafeEnvironment()
    const policies = new PolicyEngine(host, settings, surroundings)
    try {
      await policies.#open(settings)
      return policies
    } catch (error) {
      await policies.close().catch(() => {}) // the first fault is the one to tell
      throw error
    }
  }

  constructor(host, settings, { log, events, version }) {
    this.host = host
    this.log = log
    this.metrics = host.createMetrics({ version })
    this.outcomes = new Outcomes(log, this.metrics, events, (host) => this.shownHost(host))
    this.use(settings)
  }

  async #open({ storePath, dnsServers, trustAd, dane, httpsCaPem, allowPrivateAddresses, onDiscoveryFailure }) {
    const { host } = this
    this.core = await host.loadCore()
    const servers = orDefault(dnsServers)
    this.dns = host.createDnsClient({ servers })
    this.fetcher = host.createPolicyFetcher({
      dns: this.dns,
      caPem: httpsCaPem,
      allowPrivateAddresses,
      matchesDnsId: (names, name) => this.core.matchesDnsId(names, name),
    })
    const told = this.#events()
    this.store = await host.openPolicyStore({ path: storePath, onEvent: this.#onStoreEvent(host.observeStore(told)) })
    this.engine = await host.createEngine({
      core: this.core,
      dns: this.dns,
      fetcher: this.fetcher,
      store: this.store,
      onDiscoveryFailure,
      maxDomains: MAX_DOMAINS,
      observer: host.observeEngine(told, this.metrics),
    })
    this.dane = new Dane(host, this.core, { ...dane, servers, trustAd: orDefault(trustAd) }, (trust, detail) => {
      told.event(trust === 'validates' ? 'dane-on' : 'dane-off', { detail })
    })
    this.metrics.beforeScrape(() => this.#measure())
    await this.dane.start()
  }

  #measure() {
    this.metrics.set('store_persisting', {}, this.store.status().persisting ? 1 : 0)
    this.metrics.set('cache_memory_domains', {}, this.engine.domainsInMemory)
    this.metrics.set('flights', {}, this.engine.flights)
    this.metrics.set('dane_active', {}, this.dane.active ? 1 : 0)
  }

  #onStoreEvent(tell) {
    return (notice) => {
      tell(notice)
      if (['store-quarantined', 'store-persisting'].includes(notice.event)) void this.engine?.storeChanged()
    }
  }

  /** The events of mta-sts-engine in Haraka's log. */
  #events() {
    return {
      event: (name, fields) => {
        this.metrics.count('notices_total', { event: name })
        const { level, message, todo } = this.host.eventLine(name, fields)
        this.log.line(LEVELS[level], `${name}: ${message}${todo === null ? '' : ` (to do: ${todo})`}`)
      },
      debug: (message) => this.log.line('debug', message),
    }
  }

  /**
   * Takes what can be changed while mail flows; the rest needs a restart.
   * @throws when a CA file holds no certificate; what was in force before then stays
   */
  use(settings) {
    const { certificatesOf, pkixTrust } = this.host
    const { mxCaPem, domains } = settings
    // Tens of milliseconds each, so made now and not while a message waits.
    const made = (caPem) => ({
      context: pkixTrust(mxCaPem, caPem),
      anchors: [mxCaPem, caPem]
        .filter(Boolean)
        .flatMap((pem) => certificatesOf(pem).map((one) => new X509Certificate(one))),
    })
    const trust = new Map([[undefined, made(undefined)]])
    for (const { caPem } of domains.values()) if (!trust.has(caPem)) trust.set(caPem, made(caPem))
    this.settings = settings
    this.trust = trust
  }

  /** The trust anchors for the MX hosts of a domain, as a SecureContext. */
  trustFor(domain) {
    return this.trust.get(this.settings.domains.get(domain)?.caPem).context
  }

  /** The facts of a session that the plugin made itself: its chain was verified against `trustFor`. */
  sessionFacts(peer, certificate) {
    return this.host.sessionFacts(peer, certificate)
  }

  /** The facts of a session of core's, whose chain Node verified against its own roots, held against ours. */
  watchedFacts(domain, peer, certificate) {
    const facts = this.host.sessionFacts(peer, certificate)
    const { anchors } = this.trust.get(this.settings.domains.get(domain)?.caPem)
    // [mx] ca_file stands in place of Node's roots, that of a domain beside them.
    const mayDiffer =
      facts.chain === 'untrusted' ? anchors.length > 0 : facts.chain === 'valid' && this.settings.mxCaPem
    return mayDiffer ? { ...facts, chain: this.host.chainTo(anchors, this.host.peerChain(peer)) } : facts
  }

  /** The facts of a session of core's that Node ended because of the certificate. */
  refusedFacts(reason) {
    return this.host.refusedFacts(reason)
  }

  /** A name of DNS for a log line or a DSN: one word, whatever it holds. */
  shownHost(host) {
    return /^[a-z0-9._-]+$/.test(host) ? host : JSON.stringify(this.host.printable(host))
  }

  /** Does the domain have MX records? Null when that cannot be found out. */
  async hasMxRecords(domain) {
    const { kind } = await this.dns.mx(domain)
    return kind === 'failed' ? null : kind === 'records'
  }

  /** What a certificate lacks to be one of this host (R-8461-4.2-03, -04): an Error, or undefined. */
  identityError(host, certificate) {
    if (this.core.matchesDnsId(this.host.dnsIdsOf(certificate.raw), host)) return undefined
    return Object.assign(new Error(`the certificate does not name ${host}`), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  }

  /** The Policy Domain of a recipient domain; null for what cannot have a policy, such as an address literal. */
  policyDomain(domain) {
    return this.host.canonicalDomain(domain)
  }

  /** @returns the engine's decision; never rejects for anything the network does. `deadline`: milliseconds */
  resolve(domain, deadline) {
    return this.engine.resolve(domain, { deadline })
  }

  /** What a server's certificates are worth by TLSA records, for a plan entry "dane" (R-7672-3.2-01). */
  daneFacts(peer, { records, references }) {
    const certificates = this.host.peerChain(peer).map(({ raw }) => raw)
    const { chain, names, detail } = this.host.verifyPeer(this.core, { certificates, records, references })
    return { tlsVersion: this.host.sessionFacts(peer).tlsVersion, chain, names, detail }
  }

  /**
   * The attempt that a decision and signed MX records call for; null when neither asks for anything.
   * @param signed the MX hosts of dane.js, or null
   */
  attemptFor(decision, signed) {
    const policy = decision.verdict === 'policy' && decision.policy.mode !== 'none' ? decision.policy : null
    if (policy === null && signed === null) return null
    const { mode } = modeFor(this.settings, decision.domain)
    const applied = signed === null && policy.mode === 'testing' ? 'testing' : mode
    return new Attempt(this, decision, applied, signed)
  }

  /**
   * No MX host met the policy: is there a newer one (R-8461-5.1-05)?
   * @returns null when nothing has changed, an Attempt under the new policy, or { mode: 'none' } when there is none now
   */
  async recheck({ decision, policy, signed }) {
    if (policy === null || !decision.recheck) return null
    const now = await this.engine.recheck(decision.domain, { deadline: RECHECK_DEADLINE })
    if (now.verdict === 'temp' || isSamePolicy(now.policy, decision.policy)) return null
    return this.attemptFor(now, signed) ?? { mode: 'none' }
  }

  record(outcome) {
    this.outcomes.record(outcome)
  }

  deferred(attempt) {
    this.outcomes.deferred(attempt)
  }

  async close() {
    this.dane?.close()
    await this.engine?.close()
    await this.fetcher?.close()
    this.dns?.close()
    await this.store?.close()
  }
}

/** An empty list in mta-sts.ini is one that was not given. */
const orDefault = (list) => (list.length > 0 ? list : undefined)

const isSamePolicy = (now, before) =>
  now !== null &&
  now.id === before.id &&
  now.lines.length === before.lines.length &&
  now.lines.every((line, i) => line === before.lines[i])

exports.PolicyEngine = PolicyEngine
