'use strict'

/**
 * One attempt at a message for a domain with a policy: what the policy says of each MX host, and what is recorded of
 * each session with one. Decides by the decision core alone and knows nothing of Haraka.
 */
class Attempt {
  /**
   * @param engine of engine.js: { core, identity, trustFor, recheck, record }
   * @param decision the engine's, verdict "policy"
   * @param {'enforce'|'testing'|'report-only'} mode how the policy is applied; only "enforce" changes deliveries
   */
  constructor(engine, decision, mode) {
    this.engine = engine
    this.decision = decision
    this.mode = mode
    this.entries = new Map()
    this.failures = new Map()
    this.unreached = new Set()
  }

  get domain() {
    return this.decision.domain
  }

  /** The plan entry of an MX host (R-8461-4-02). Throws only when the core itself fails. */
  entryFor(host) {
    let entry = this.entries.get(host)
    if (entry === undefined) {
      const { lines, leniencies } = this.decision.policy
      const policy = Buffer.from(`${lines.join('\n')}\n`)
      const decision = { verdict: 'policy', policy, leniency: leniencies }
      entry = this.engine.core.plan({ decision, hosts: [host] })[0]
      this.entries.set(host, entry)
    }
    return entry
  }

  /** Options for tls.connect: the peer is judged by `judge`, and Node's own `authorized` agrees with it. */
  tlsOptions(host) {
    return {
      servername: host, // R-8461-7.1-01
      secureContext: this.engine.trustFor(this.domain),
      rejectUnauthorized: false,
      checkServerIdentity: (_host, certificate) => this.#identityError(host, certificate),
    }
  }

  /** Called from inside Node's handshake, where a throw would end the process: a fault of ours is a refusal. */
  #identityError(host, certificate) {
    try {
      return this.engine.identityError(host, certificate)
    } catch (error) {
      return error
    }
  }

  /**
   * Judges one session and records it.
   *
   * @param {string} host MX host name
   * @param session { session, peer?: the TLSSocket after its handshake, detail?, address? }
   * @returns {boolean} may mail go over this session as far as the policy is concerned?
   */
  judge(host, { session, peer, detail = '', address = null }) {
    const entry = this.entryFor(host)
    const facts = peer ? this.#factsOf(peer) : NO_TLS
    const judged = this.engine.core.judge({ entry, session, ...facts, last: false })
    if (!judged.compliant) this.failures.set(host, describe(judged, detail))
    this.#record(host, judged, { address, detail, tlsVersion: peer?.getProtocol() ?? null })
    return judged.compliant && judged.verdict === 'deliver'
  }

  /** An MX host that the policy does not permit was passed over: no connection was made. */
  passOver(host) {
    if (!this.failures.has(host)) this.judge(host, { session: 'not-connected' })
  }

  /** No connection to any address of it: no failure of the policy, but part of the reason. */
  unreachable(host) {
    this.unreached.add(host)
  }

  /** Why no MX host is left, for the log, the deferred hook and the DSN (R-BIND-ALL-03). */
  get reason() {
    const { id } = this.decision.policy
    const unreached = [...this.unreached].filter((host) => !this.failures.has(host))
    const hosts = [...this.failures, ...unreached.map((host) => [host, 'no connection'])].map((pair) => pair.join(': '))
    return `MTA-STS enforce ${this.domain} (id ${id}): ${hosts.join('; ')}`
  }

  #factsOf(peer) {
    return this.mode === 'enforce' ? this.engine.sessionFacts(peer) : this.engine.watchedFacts(this.domain, peer)
  }

  #record(host, { resultType, compliant, why }, seen) {
    const { id, mode, lines } = this.decision.policy
    this.engine.record({
      domain: this.domain,
      mx: host,
      policy: { type: 'sts', id, mode, lines },
      mode: this.mode,
      success: compliant,
      resultType,
      why,
      ...seen,
    })
  }
}

const NO_TLS = { tlsVersion: 0, chain: 'no-certificate', names: [] }

/** "certificate-expired", "validation-failure: not-in-policy (...)": the RFC 8460 word, then ours where it says more. */
function describe({ resultType, why }, detail) {
  const words = resultType === null ? why : resultType === 'validation-failure' ? `${resultType}: ${why}` : resultType
  return detail === '' ? words : `${words} (${detail})`
}

exports.Attempt = Attempt
