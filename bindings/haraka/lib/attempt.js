'use strict'

/** MX hosts that are named in a reason, and passed-over ones that are recorded one by one; the rest are counted. */
const NAMED = 5
const RECORDED = 20
const LONGEST_REASON = 500

const NO_TLS = { tlsVersion: 0, chain: 'no-certificate', names: [] }

/**
 * One attempt at a message for a domain with a policy: what the policy says of each MX host, and what is recorded of
 * each session with one. Decides by the decision core alone and knows nothing of Haraka.
 */
class Attempt {
  /**
   * @param engine a PolicyEngine
   * @param decision the engine's, verdict "policy"
   * @param {'enforce'|'testing'|'report-only'} mode how the policy is applied; only "enforce" changes deliveries
   */
  constructor(engine, decision, mode) {
    this.engine = engine
    this.decision = decision
    this.mode = mode
    this.entries = new Map()
    this.failures = new Map()
    this.unreached = new Map()
    this.rechecked = false
  }

  get domain() {
    return this.decision.domain
  }

  /** May this MX host be tried (R-8461-4-02)? Throws only when the core itself fails. */
  permits(host) {
    return this.#entry(host).action === 'pkix'
  }

  #entry(host) {
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
   * @param session { session, peer?: the TLSSocket after its handshake, certificate?: what its getPeerCertificate gave,
   * refusal?: why Node itself ended it, detail?, address? }
   * @returns {boolean} may mail go over this session as far as the policy is concerned?
   */
  judge(host, { session, peer, certificate, refusal, detail = '', address = null }) {
    const entry = this.#entry(host)
    const facts = peer || refusal ? this.#facts(peer, certificate, refusal) : NO_TLS
    const judged = this.engine.core.judge({ entry, session, ...facts, last: false })
    if (judged.why === 'not-connected') this.unreachable(host, detail)
    else if (!judged.compliant) this.failures.set(host, describe(judged, detail))
    this.#record(host, judged, { address, detail, tlsVersion: peer?.getProtocol() ?? null })
    return judged.compliant && judged.verdict === 'deliver'
  }

  #facts(peer, certificate, refusal) {
    if (refusal) return this.engine.refusedFacts(refusal)
    if (this.mode === 'enforce') return this.engine.sessionFacts(peer, certificate)
    return this.engine.watchedFacts(this.domain, peer, certificate)
  }

  /** An MX host that the policy does not permit was passed over: no connection was made. */
  passOver(host) {
    if (this.failures.has(host)) return
    if (this.failures.size < RECORDED) this.judge(host, { session: 'not-connected' })
    else this.failures.set(host, 'not-in-policy')
  }

  /** No session with it could begin: no failure of the policy, but part of the reason. */
  unreachable(host, why) {
    this.unreached.set(host, why)
  }

  /** Did any MX host fail the policy? */
  get failed() {
    return this.failures.size > 0
  }

  /** Why no MX host is left, for the log, the deferred hook and the DSN (R-BIND-ALL-03). */
  get reason() {
    const { id } = this.decision.policy
    const unreached = [...this.unreached].filter(([host]) => !this.failures.has(host))
    const all = [...this.failures, ...unreached].map(([host, why]) => `${this.engine.shownHost(host)}: ${why}`)
    const more = all.length > NAMED ? `; and ${all.length - NAMED} more` : ''
    const named = all.slice(0, NAMED).join('; ').slice(0, LONGEST_REASON)
    return `MTA-STS enforce ${this.domain} (id ${id}): ${named}${more}`
  }

  /** The attempt that a newer policy calls for, once; null when there is none, or when DNS was asked a moment ago. */
  async recheck() {
    if (this.rechecked) return null
    const newer = await this.engine.recheck(this)
    if (newer !== null) newer.rechecked = true
    return newer
  }

  deferred() {
    this.engine.deferred(this)
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

/** "certificate-expired", "validation-failure: not-in-policy (...)": the RFC 8460 word, then ours where it says more. */
function describe({ resultType, why }, detail) {
  const words = resultType === null ? why : resultType === 'validation-failure' ? `${resultType}: ${why}` : resultType
  return detail === '' ? words : `${words} (${detail})`
}

exports.Attempt = Attempt
