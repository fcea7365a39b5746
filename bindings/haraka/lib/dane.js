'use strict'

/** The states in which an MX host's TLSA records, or the lack of an answer, ask for something. */
const BINDING = new Set(['usable', 'unusable', 'failed', 'address-failed'])

/** DANE as the plugin uses it: MX, address and TLSA records with their DNSSEC status, while the resolver validates. */
class Dane {
  /**
   * @param host the engine package @param core the decision core @param dns its DNS client
   * @param settings of config.js: { signed, bogus }, names for the self-test; null switches DANE off
   * @param {(passes: boolean, detail: string) => void} onChange hears the first result of the self-test and each change
   */
  constructor(host, core, dns, settings, onChange) {
    this.host = host
    this.core = core
    this.dns = dns
    this.selfTest =
      settings &&
      new host.DnssecSelfTest({
        dns,
        ...settings,
        onChange: (trust, detail) => onChange(trust === 'validates', detail),
      })
  }

  /** Resolves once it is known for the first time whether the resolver validates; never rejects. */
  async start() {
    await this.selfTest?.start()
  }

  /** Does DANE apply at all? */
  get applies() {
    return this.selfTest?.passes === true
  }

  /**
   * What DNS says of a domain's MX hosts, everything looked up before anybody connects (R-7672-2.2.2-01, R-7672-10-01).
   * @param {number} deadline milliseconds; what is not known by then has failed
   * @returns {Promise<SignedHosts|{failed: string}|null>} null where DANE asks for nothing. Never rejects.
   */
  async lookUp(domain, deadline) {
    if (!this.applies) return null
    const destination = { domain, port: 25, bracketed: false }
    const found = await this.host.lookUpDane(this.dns, this.core, destination, AbortSignal.timeout(Math.ceil(deadline)))
    if (found.kind === 'failed') return { failed: found.detail }
    // Unsigned MX records may be an attacker's, and so may the hosts they name (R-7672-2.2.1-03).
    if (found.mx === 'insecure' || !found.hosts.some(({ state }) => BINDING.has(state))) return null
    return new SignedHosts(this.host, domain, found)
  }

  close() {
    this.selfTest?.close()
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
