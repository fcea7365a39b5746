'use strict'

const cluster = require('node:cluster')
const { EventEmitter } = require('node:events')
const path = require('node:path')

const config = require('./lib/config')
const guard = require('./lib/guard')
const { DEADLINE, PolicyEngine } = require('./lib/engine')
const { openMetricsPage, sumOfWorkers } = require('./lib/metrics-page')
const { within } = require('./lib/within')
const { version } = require('./package.json')

/** Milliseconds until an engine that could not start is tried again. */
const RETRY = 30_000
/** The content type of Prometheus' text format. */
const TEXT = 'text/plain; version=0.0.4; charset=utf-8'

exports.register = function () {
  this.load_mta_sts_ini()
  if (!this.settings.enabled) return

  const missing = guard.missingSeams(this.haraka_require('outbound'))
  // Throwing here stops Haraka, which is the safe direction: mail stays queued.
  if (missing.length > 0) throw new Error(`mta-sts: this version of Haraka lacks ${missing.join(', ')}; not starting`)
  this.publish()

  this.register_hook('init_master', 'start_master')
  this.register_hook('init_child', 'start_worker')
  // First: a message that comes back must not carry the guard of its last attempt.
  this.register_hook('send_email', 'reset_guard', -100)
  // Last: a route that another plugin gives is not taken from MX records and is exempt.
  this.register_hook('get_mx', 'apply_policy', 100)
}

exports.load_mta_sts_ini = function () {
  const root = process.env.HARAKA || path.dirname(this.config.root_path)
  const ini = this.config.get('mta-sts.ini', config.ini_options, (error) => this.reload_mta_sts_ini(error))
  this.settings = config.read(ini, root)
  for (const domain of config.expired(this.settings)) {
    this.logwarn(`mta-sts.ini: the day of [domain.${domain}] has passed; the section has no effect, remove it`)
  }
}

/** A file with a fault changes nothing. */
exports.reload_mta_sts_ini = function (error) {
  const before = this.settings
  try {
    if (error instanceof Error) throw error
    this.load_mta_sts_ini()
    this.policies?.use(this.settings)
    const restart = config.needRestart(before, this.settings)
    if (restart.length > 0) this.logwarn(`mta-sts.ini: restart Haraka for the new ${restart.join(', ')}`)
    this.lognotice('mta-sts.ini was read again')
  } catch (fault) {
    this.settings = before
    this.logerror(`mta-sts.ini was not read again, the settings before it stay: ${fault.message}`)
  }
}

/** Without a cluster this process delivers; with one the master only sums up the metrics of its workers. */
exports.start_master = async function (next, server) {
  if (!server.cluster) await this.start_engine()
  await this.serve_metrics(server)
  next()
}

exports.start_worker = async function (next) {
  await this.start_engine()
  next()
}

/** Never rejects: mail waits until an engine runs. */
exports.start_engine = async function () {
  const log = { line: (level, text) => this[`log${level}`](text) }
  try {
    this.policies = await PolicyEngine.start(this.settings, { log, events: this.events, version })
    if (cluster.isWorker) this.policies.metrics.shareWithPrimary()
    this.lognotice(`MTA-STS is applied, mode ${this.settings.mode}; policies are kept in ${this.settings.storePath}`)
  } catch (error) {
    this.why_no_engine = error.message
    const outcome = this.settings.mode === 'enforce' ? 'all mail to MX hosts waits' : 'nothing is observed'
    this.logcrit(`the MTA-STS engine did not start; ${outcome}; next try in ${RETRY / 1000} s: ${error.stack}`)
    this.retry = setTimeout(() => this.start_engine(), RETRY)
    this.retry.unref()
  }
}

/** What other plugins may use, from their own register() on when they stand behind this one: README.md, "Outcomes". */
exports.publish = function () {
  this.events = new EventEmitter()
  const { notes } = globalThis.server ?? this.server
  notes.mta_sts = { events: this.events, metrics: async () => this.policies?.metrics.text() ?? '' }
}

/** Never rejects: mail matters more than its metrics. */
exports.serve_metrics = async function (server) {
  const { metricsListen } = this.settings
  if (metricsListen === null) return
  try {
    const own = { contentType: TEXT, text: () => server.notes.mta_sts.metrics() }
    this.page = await openMetricsPage(metricsListen, {
      metrics: server.cluster ? await sumOfWorkers() : own,
      health: () => this.health(server),
      onError: (error) => this.logerror(`mta-sts metrics: ${error.message}`),
    })
  } catch (error) {
    this.logerror(`mta-sts metrics are not served on ${metricsListen.host}:${metricsListen.port}: ${error.message}`)
  }
}

/** For /healthz; the master of a cluster knows no more than that it has workers. */
exports.health = function (server) {
  const { mode } = this.settings
  if (server.cluster) return { serving: Object.keys(cluster.workers).length > 0, persisting: true, mode }
  if (!this.policies) return { serving: false, persisting: true, mode, reason: this.why_no_engine ?? 'starting' }
  const { persisting, reason } = this.policies.store.status()
  return { serving: true, persisting, mode, reason }
}

exports.shutdown = function () {
  clearTimeout(this.retry)
  this.page?.close()
  this.policies?.close().catch((error) => this.logerror(`mta-sts did not close cleanly: ${error.message}`))
}

exports.reset_guard = (next, hmail) => {
  guard.release(hmail)
  next()
}

exports.apply_policy = function (next, hmail, domain) {
  this.decide(hmail, domain)
    .catch((error) => this.on_fault(hmail, domain, error))
    .then((answer) => next(...answer))
    .catch((error) => this.logcrit(`Haraka failed after the MX hosts of ${domain} were known: ${error.stack}`))
}

/** What get_mx answers: [] for "go on", or a return code with its argument. */
exports.decide = async function (hmail, domain) {
  if (!this.settings.enabled) return []
  const held = guard.hold(hmail, (error) => this.logcrit(`mta-sts, mail to ${domain}: ${error.stack}`))
  if (!this.policies) {
    return this.give_up(held, domain, `the policy engine does not run (${this.why_no_engine ?? 'it is starting'})`)
  }
  if (isReport(hmail)) return this.exempt(held, domain)
  const policyDomain = this.policies.policyDomain(domain)
  if (policyDomain === null) return go(held)
  const started = Date.now()
  const mxs = await this.mail_exchangers(domain)
  if (mxs === null) {
    // Core asks again and bounces or defers by what it hears. Should it hear of hosts this time, the guard still stands.
    held.holdWith(`MTA-STS ${domain}: the MX lookup gave no hosts at first, then some`)
    return []
  }
  const decision = await this.policies.resolve(policyDomain, Math.max(1, DEADLINE - (Date.now() - started)))
  if (decision.verdict === 'temp')
    return this.give_up(held, policyDomain, `${decision.reason} ${decision.detail}`.trim())
  const attempt = this.policies.attemptFor(decision)
  if (attempt === null) return go(held)
  return this.apply(held, hmail, attempt, mxs)
}

exports.apply = function (held, hmail, attempt, mxs) {
  if (attempt.mode === 'enforce') {
    if (guard.isTlsOff((name) => this.haraka_require(name))) {
      return this.give_up(held, attempt.domain, 'enable_tls is off in outbound.ini, but the policy asks for TLS')
    }
    held.enforce(attempt)
    return [OK, hmail.sort_mx(mxs)]
  }
  held.observe(attempt)
  if (attempt.mode === 'report-only') this.say_report_only(attempt)
  return []
}

/** The MX hosts of a domain as core would find them; null when there is none, or the lookup failed (R-7505-3-01). */
exports.mail_exchangers = async function (domain) {
  const { net_utils } = this.haraka_require('outbound')
  try {
    const mxs = await within(net_utils.get_mx(domain), DEADLINE / 2)
    return mxs?.some(({ exchange }) => exchange) ? mxs : null
  } catch (error) {
    this.logdebug(`MX lookup of ${domain}: ${error.message}`)
    return null
  }
}

/** The policy is not known: the message waits, unless policies are only observed. */
exports.give_up = function (held, domain, why) {
  const { mode } = config.modeFor(this.settings, domain)
  if (mode === 'report-only') {
    this.policies?.outcomes.failOpen('report-only', `report-only: mail to ${domain} is not held back: ${why}`)
    return go(held)
  }
  const refusal = `MTA-STS ${domain}: ${why}; the message stays queued`
  this.logwarn(refusal)
  held.refuse(refusal)
  return [DENYSOFT, refusal]
}

/** Reports on failures must not fail with what they report (RFC 8460 section 3). */
exports.exempt = function (held, domain) {
  this.policies.outcomes.failOpen('tlsrpt-report', `a TLS report to ${domain} is delivered whatever its policy says`)
  return go(held)
}

exports.say_report_only = function ({ domain, decision }) {
  const { override } = config.modeFor(this.settings, domain)
  const why = override === null ? '[main] mode' : `[domain.${domain}], ${override.reason}`
  const text = `report-only (${why}): the enforce policy ${decision.policy.id} of ${domain} is observed, not enforced`
  this.policies.outcomes.failOpen('report-only', text)
}

/** A fault of ours: the message waits, under a guard. */
exports.on_fault = function (hmail, domain, error) {
  this.logcrit(`mta-sts failed on mail to ${domain}, it is deferred: ${error.stack}`)
  if (this.settings.mode === 'report-only') {
    guard.release(hmail)
    return []
  }
  return [DENYSOFT, 'mta-sts: internal error']
}

function go(held) {
  held.release()
  return []
}

/** The mark that whoever queues a TLS report puts on it: README.md, "TLS reports". */
function isReport(hmail) {
  return hmail.todo.notes?.mta_sts?.exempt === 'tlsrpt-report'
}
