'use strict'

/** The states in which an MX host's TLSA records, or the lack of an answer, ask for something. */
const BINDING = new Set(['usable', 'unusable', 'failed', 'address-failed'])

/** DANE as the plugin uses it: MX, address and TLSA records with their DNSSEC status, while the resolver validates. */
class Dane {
  /**
   * @param host the engine package @param core the decision core
   * @param settings { mode, signed, bogus } of config.js, and { servers, trustAd } for createDnsClient
   * @param {(trust: string, detail: string) => void} onChange hears the self-test's first result and each change
   */
  constructor(host, core, { mode, signed, bogus, servers, trustAd }, onChange) {
    this.host = host
    this.running = null
    if (mode === 'off') return
    // Nobody else is asked: the word of another resolver would pass for "insecure" where a believed one has failed.
    const dns = host.createDnsClient({ servers, trustAd, onlyTrusted: true })
    this.selfTest = new host.DnssecSelfTest({ dns, signed, bogus, onChange })
    this.running = new host.Dane({ dns, core, selfTest: this.selfTest, close: () => dns.close() })
  }

  /**
   * Resolves once it is known for the first time whether the resolver validates, after one DNS timeout at the latest: a
   * slow answer must not open a window in which mail goes out without DANE. Never rejects.
   */
  async start() {
    await this.selfTest?.start()
  }

  /** Does DANE apply at all? */
  get active() {
    return this.running?.active === true
  }

  /** For /healthz: "on", or why not. */
  get text() {
    return this.running?.text ?? 'off'
  }

  /**
   * What DNS says of a domain's MX hosts, everything looked up before anybody connects (R-7672-2.2.2-01, R-7672-10-01).
   * @param {number} deadline milliseconds; what is not known by then has failed
   * @returns {Promise<SignedHosts|{failed: string}|null>} null where DANE asks for nothing. Never rejects.
   */
  async lookUp(domain, deadline) {
    if (!this.active) return null
    const destination = { domain, port: 25, bracketed: false }
    const found = await this.running.find(destination, AbortSignal.timeout(Math.ceil(deadline)))
    if (found === null) return null
    if (found.kind === 'failed') return { failed: found.detail }
    // Unsigned MX records may be an attacker's, and so may the hosts they name (R-7672-2.2.1-03).
    if (found.mx === 'insecure' || !found.hosts.some(({ state }) => BINDING.has(state))) return null
    return new SignedHosts(this.host, domain, found)
  }

  close() {
    this.running?.close()
  }
}

/** The MX hosts that signed records name, at least one of which asks for something by DANE. */
class SignedHosts {
  constructor({ referenceNames }, domain, { mx, expanded, hosts }) {
    this.hosts = new Map(
      hosts.map((host) => {
        const base = host.base ?? host.host
        return [host.host.toLowerCase(), { ...host, base, references: referenceNames({ base, domain, expanded, mx }) }]
      }),
    )
  }

  /** Is there a host that its TLSA records can authenticate? */
  get anyUsable() {
    return [...this.hosts.values()].some(({ state }) => state === 'usable')
  }

  /** @returns { state, base, records, references, detail }; a host that the signed records do not name has failed */
  of(host) {
    const unknown = {
      state: 'failed',
      base: host,
      records: [],
      references: [],
      detail: 'the signed MX records name it not',
    }
    return this.hosts.get(host) ?? unknown
  }
}

exports.Dane = Dane
