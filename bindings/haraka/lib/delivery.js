'use strict'

const config = require('./config')
const guard = require('./guard')
const { within } = require('./within')

/** Milliseconds a message may wait for a policy, and how much of the hook's own patience is left beyond it. */
const DEADLINE = 25_000
const MARGIN = 2_000

/** What the get_mx hook answers for one message, and the guard it leaves on it. */
class Delivery {
  /** @param plugin the plugin object @param hmail Haraka's message @param {string} domain the recipient's */
  constructor(plugin, hmail, domain) {
    this.plugin = plugin
    this.hmail = hmail
    this.domain = domain
    const { timeout } = plugin
    this.end = Date.now() + (timeout > 0 ? Math.max(500, Math.min(DEADLINE, timeout * 1000 - MARGIN)) : DEADLINE)
  }

  /** @returns {Promise<unknown[]>} the arguments of next(): [] to go on. Never rejects. */
  async answer() {
    try {
      this.guard = guard.hold(this.hmail, (error) => this.#fault(error))
      return await this.#decide()
    } catch (error) {
      this.#fault(error)
      return this.#unknown(`internal error: ${error.message}`, 'please report it with the CRIT line before this one')
    }
  }

  get #requireCore() {
    return (name) => this.plugin.haraka_require(name)
  }

  get #mode() {
    return config.modeFor(this.plugin.settings, this.domain).mode
  }

  get #left() {
    return Math.max(1, this.end - Date.now())
  }

  async #decide() {
    const { plugin, domain } = this
    const { policies } = plugin
    if (!policies) {
      const why = `the policy engine does not run (${plugin.why_no_engine ?? 'it is starting'})`
      return this.#unknown(why, 'it is tried again by itself; mend what the line "engine did not start" names')
    }
    const policyDomain = policies.policyDomain(domain)
    if (policyDomain === null) return this.#letGo()
    const [mxs, signed] = await Promise.all([this.#mailExchangers(), this.#signedHosts(policies)])
    if (mxs?.length === 0) {
      // Nothing is asked for a domain that takes no mail (R-7505-3-01). Core asks again and bounces; should it hear of
      // hosts this time, the guard still stands.
      this.guard.holdBack(`MTA-STS ${domain}: DNS named no MX hosts at first, then some; the message stays queued`)
      return []
    }
    if (signed?.failed) {
      const advice = 'their zone may be signed badly, or the resolver is out of order: check DNSSEC of the domain'
      return this.#unknown(`the MX records cannot be had: ${signed.failed}`, advice, 'DANE')
    }
    const decision = await policies.resolve(policyDomain, this.#left)
    // A host that TLSA records authenticate need not wait for what a policy may say.
    if (decision.verdict === 'temp' && !(signed?.anyUsable && this.#mode === 'enforce')) {
      return this.#unknown(`${decision.reason} ${decision.detail}`.trim(), `run: npx mta-sts query ${policyDomain}`)
    }
    const attempt = policies.attemptFor(decision, signed)
    return attempt === null ? this.#letGo() : this.#apply(attempt, mxs)
  }

  /** [] when the domain takes no mail; null when DNS did not say: core asks again then, and the guard meets the hosts. */
  async #mailExchangers() {
    const { plugin, domain } = this
    try {
      const mxs = await within(guard.mailExchangers(this.#requireCore, domain), this.#left / 2)
      if (mxs !== null && guard.hasAddress(mxs) && (await this.#hasMxRecords())) guard.nameless(mxs)
      return mxs
    } catch (error) {
      plugin.logdebug(`MX lookup of ${domain}: ${error.message}`)
      return null
    }
  }

  /** The MX hosts where DANE asks for something; null where it does not. A Haraka without TLS is no DANE client. */
  async #signedHosts({ dane }) {
    return guard.isTlsOff(this.#requireCore) ? null : dane.lookUp(this.domain, this.#left / 2)
  }

  /** An address may stand for an implicit MX only when it is known that there are no MX records. */
  async #hasMxRecords() {
    return (await within(this.plugin.policies.hasMxRecords(this.domain), this.#left / 2)) !== false
  }

  async #apply(attempt, mxs) {
    if (isReport(this.hmail)) return this.#exempt(attempt)
    if (attempt.mode !== 'enforce') {
      if (attempt.mode === 'report-only' && attempt.binds) this.#sayReportOnly(`${observed(attempt)}, not enforced`)
      this.guard.observe(attempt)
      return []
    }
    if (guard.isTlsOff(this.#requireCore)) {
      return this.#unknown('enable_tls is off in outbound.ini, but the policy asks for TLS', 'switch it on')
    }
    this.guard.enforce(attempt)
    return mxs === null ? [] : [OK, this.hmail.sort_mx(mxs)]
  }

  /** Reports on failures must not fail with what they report (RFC 8460 section 3). */
  #exempt(attempt) {
    if (attempt.mode === 'enforce') {
      const what = `a TLS report to ${this.domain} is delivered whatever its policy or its TLSA records say`
      this.#failOpen('tlsrpt-report', what)
    }
    return this.#letGo()
  }

  /** What the policy asks for cannot be had: the message waits, unless it is exempt or policies are only observed. */
  #unknown(why, advice, who = 'MTA-STS') {
    const { domain } = this
    const notHeld = `mail to ${domain} is not held back although ${why} (to do: ${advice})`
    if (isReport(this.hmail)) this.#failOpen('tlsrpt-report', `a TLS report: ${notHeld}`)
    else if (this.#mode === 'report-only') this.#sayReportOnly(notHeld)
    else return this.#refuse(`${who} ${domain}: ${why}; the message stays queued`, advice)
    return this.#letGo()
  }

  /** The reason goes into the DSN, too; what an operator can do is for the log alone. */
  #refuse(reason, advice) {
    this.plugin.logwarn(`${reason} (to do: ${advice})`)
    this.guard?.refuse(reason)
    return [DENYSOFT, reason]
  }

  #sayReportOnly(what) {
    const { override } = config.modeFor(this.plugin.settings, this.domain)
    const by = override === null ? '[main] mode' : `[domain.${this.domain}], ${override.reason}`
    this.#failOpen('report-only', `report-only (${by}): ${what}`)
  }

  #failOpen(reason, text) {
    const { policies } = this.plugin
    if (policies) policies.outcomes.failOpen(reason, text)
    else this.plugin.logwarn(text) // no engine, no counters
  }

  #letGo() {
    this.guard?.release()
    return []
  }

  #fault(error) {
    this.plugin.logcrit(`mta-sts failed on mail to ${this.domain}: ${error.stack}`)
  }
}

const observed = ({ domain, policy, signed }) => {
  const enforced = policy?.mode === 'enforce' ? `the enforce policy ${policy.id} of ${domain}` : null
  return `${[enforced, signed && `TLSA records of ${domain}`].filter(Boolean).join(' and ')} ${signed ? 'are' : 'is'} observed`
}

/** The mark that whoever queues a TLS report puts on it: README.md, "TLS reports". */
const isReport = ({ todo }) => todo.notes?.mta_sts?.exempt === 'tlsrpt-report'

exports.Delivery = Delivery
