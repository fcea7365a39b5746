'use strict'

/** MX hosts that are named in a reason, and passed-over ones that are recorded one by one; the rest are counted. */
const NAMED = 5
const RECORDED = 20
const LONGEST_REASON = 500

const NO_TLS = { tlsVersion: 0, chain: 'no-certificate', names: [] }

/** Actions of the plan under which the guard leads the session, and of those the ones that need no certificate authority. */
const LED = new Set(['pkix', 'dane', 'encrypt'])
const BEYOND_PKIX = new Set(['dane', 'encrypt'])
/** Reasons to pass a host over that DNS gave, not the policy. */
const FROM_DNS = new Set(['tlsa-failed', 'dane-required', 'address-failed', 'no-address'])

/**
 * One attempt at a message for a domain with a policy, or with signed MX records, whose hosts may have TLSA records: what
 * both together ask of each MX host, and what is recorded of each session with one. Decides by the decision core alone
 * and knows nothing of Haraka.
 */
class Attempt {
  /**
   * @param engine a PolicyEngine
   * @param decision the engine's
   * @param {'enforce'|'testing'|'report-only'} mode how it is applied; only "enforce" changes deliveries
   * @param signed the signed MX hosts, of dane.js; null where DANE asks for nothing
   */
  constructor(engine, decision, mode, signed = null) {
    this.engine = engine
    this.decision = decision
    this.mode = mode
    this.signed = signed
    this.entries = new Map()
    this.failures = new Map()
    this.unreached = new Map()
    this.rechecked = false
  }

  get domain() {
    return this.decision.domain
  }

  /** The policy that applies, null when there is none, or one of mode none. */
  get policy() {
    const { policy } = this.decision
    return policy === null || policy.mode === 'none' ? null : policy
  }

  /** Would any MX host be treated as without MTA-STS and DANE, were this attempt not there? */
  get binds() {
    return this.signed !== null || this.policy?.mode === 'enforce'
  }

  /** May this MX host be tried (R-8461-4-02, R-7672-2.1.2-03)? Throws only when the core itself fails. */
  permits(host) {
    return this.#entry(host).action !== 'skip'
  }

  /** Must it prove itself before Haraka hears of it? If not, the session is Haraka's own. */
  leads(host) {
    return LED.has(this.#entry(host).action)
  }

  /** Is it in order that Node knows nobody who vouches for its certificate? */
  needsNoAuthority(host) {
    return BEYOND_PKIX.has(this.#entry(host).action)
  }

  /** Is a session that is Haraka's own to be held against the policy? */
  watches(host) {
    return this.#entry(host).evaluate
  }

  #entry(host) {
    let entry = this.entries.get(host)
    if (entry === undefined) {
      entry = this.#plan(host, this.signed?.of(host))
      this.entries.set(host, entry)
    }
    return entry
  }

  #plan(host, tlsa) {
    const request = { decision: { verdict: this.decision.verdict === 'temp' ? 'temp' : 'none' }, hosts: [host] }
    if (this.policy) {
      const { lines, leniencies } = this.policy
      const policy = Buffer.from(`${lines.join('\n')}\n`)
      request.decision = { verdict: 'policy', policy, leniency: leniencies }
    }
    if (tlsa) request.dane = { mxSecure: true, states: [tlsa.state] }
    return this.engine.core.plan(request)[0]
  }

  /** Options for tls.connect: the peer is judged by `judge`, and Node's own `authorized` agrees with it where PKIX counts. */
  tlsOptions(host) {
    return {
      // R-8461-7.1-01; under DANE the TLSA base domain (R-7672-8.1-01, AMB-18).
      servername: this.needsNoAuthority(host) ? this.signed.of(host).base : host,
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
  judge(host, seen) {
    const entry = this.#entry(host)
    const judged = this.#judge(entry, seen)
    const { detail = '', address = null, peer } = seen
    const told = { address, detail: judged.detail ?? detail, tlsVersion: peer?.getProtocol() ?? null }
    if (judged.why === 'not-connected') this.unreachable(host, detail)
    else if (judged.verdict !== 'deliver') this.failures.set(host, describe(judged, told.detail))
    this.#record(host, entry, judged, told)
    if (entry.action === 'dane' && this.policy?.mode === 'testing') this.#judgeByPolicy(host, seen, told)
    return judged.verdict === 'deliver'
  }

  #judge(entry, { session, peer, certificate, refusal }) {
    const { core } = this.engine
    if (!peer && !refusal) return core.judge({ entry, session, ...NO_TLS, last: false })
    if (entry.action !== 'dane') {
      return core.judge({ entry, session, ...this.#facts(entry, peer, certificate, refusal), last: false })
    }
    // A session that Node ended because of the certificate: nothing is left of it to be held against the records.
    if (!peer) return core.judge({ entry, session: 'handshake-failed', ...NO_TLS, last: false })
    const { references, records } = this.signed.of(entry.host)
    const { detail, ...facts } = this.engine.daneFacts(peer, { records, references })
    return { detail, ...core.judge({ entry, session, ...facts, references, last: false }) }
  }

  #facts({ action }, peer, certificate, refusal) {
    if (refusal) return this.engine.refusedFacts(refusal)
    const isOurs = this.mode === 'enforce' && LED.has(action)
    return isOurs
      ? this.engine.sessionFacts(peer, certificate)
      : this.engine.watchedFacts(this.domain, peer, certificate)
  }

  /** What a testing policy would have said of a session that DANE decided on; for its report only. */
  #judgeByPolicy(host, seen, told) {
    const entry = this.#plan(host)
    this.#record(host, entry, this.#judge(entry, seen), { ...told, detail: seen.detail ?? '' })
  }

  /** An MX host that is not permitted was passed over: no connection was made. */
  passOver(host) {
    if (this.failures.has(host)) return
    const detail = this.signed?.of(host).detail ?? ''
    if (this.failures.size < RECORDED) this.judge(host, { session: 'not-connected', detail })
    else this.failures.set(host, this.#entry(host).reason)
  }

  /** No session with it could begin: no failure of what is asked, but part of the reason. */
  unreachable(host, why) {
    this.unreached.set(host, why)
  }

  /** Did any MX host fail what is asked of it? */
  get failed() {
    return this.failures.size > 0
  }

  /** Why no MX host is left, for the log, the deferred hook and the DSN (R-BIND-ALL-03). */
  get reason() {
    const unreached = [...this.unreached].filter(([host]) => !this.failures.has(host))
    const all = [...this.failures, ...unreached].map(([host, why]) => `${this.engine.shownHost(host)}: ${why}`)
    const more = all.length > NAMED ? `; and ${all.length - NAMED} more` : ''
    const named = all.slice(0, NAMED).join('; ').slice(0, LONGEST_REASON)
    return `${this.#demands}: ${named}${more}`
  }

  /** Who asks for something: "MTA-STS enforce example.com (id 1)", "DANE example.com", or both. */
  get #demands() {
    const { policy, domain } = this
    const dane = [...this.entries.values()].some((entry) => asksByDane(entry))
    if (policy?.mode !== 'enforce') return `DANE ${domain}`
    return `MTA-STS enforce ${domain} (id ${policy.id})${dane ? ' and DANE' : ''}`
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

  #record(host, entry, { resultType, compliant, why }, seen) {
    const byDane = asksByDane(entry)
    if (!byDane && this.policy === null) return // nobody asked for anything
    this.engine.record({
      domain: this.domain,
      mx: host,
      policy: byDane ? this.#tlsaPolicy(host) : this.#stsPolicy(),
      mode: byDane || this.policy.mode === 'enforce' ? this.mode : 'testing',
      success: compliant,
      resultType,
      why,
      ...seen,
    })
  }

  #stsPolicy() {
    const { id, mode, lines } = this.policy
    return { type: 'sts', id, mode, lines }
  }

  /** RFC 8460 section 4.4: the policy domain is the TLSA base domain, the policy the records. */
  #tlsaPolicy(host) {
    const { base, records } = this.signed.of(host)
    return { type: 'tlsa', id: null, mode: null, base, lines: records.map(presentation) }
  }
}

/** Is it DANE that decides on this MX host? */
const asksByDane = ({ action, reason, evaluate }) =>
  action === 'dane' || (action === 'encrypt' && !evaluate) || FROM_DNS.has(reason)

/** "3 1 1 0123..." */
const presentation = (record) =>
  `${record[0]} ${record[1]} ${record[2]} ${Buffer.from(record).toString('hex', 3).toUpperCase()}`

/** "certificate-expired", "validation-failure: not-in-policy (...)": the RFC 8460 word, then ours where it says more. */
function describe({ resultType, why }, detail) {
  const more = resultType === 'validation-failure' || /tlsa|dane/.test(why)
  const words = resultType === null ? why : more ? `${resultType}: ${why}` : resultType
  return detail === '' ? words : `${words} (${detail})`
}

exports.Attempt = Attempt
