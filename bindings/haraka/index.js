'use strict'

const cluster = require('node:cluster')
const { EventEmitter } = require('node:events')
const path = require('node:path')

const config = require('./lib/config')
const { Delivery } = require('./lib/delivery')
const { PolicyEngine } = require('./lib/engine')
const guard = require('./lib/guard')
const { openMetricsPage, sumOfWorkers } = require('./lib/metrics-page')
const { version } = require('./package.json')

/** Milliseconds until an engine that could not start is tried again. */
const RETRY = 30_000
/** The content type of Prometheus' text format. */
const TEXT = 'text/plain; version=0.0.4; charset=utf-8'

exports.register = function () {
  this.load_mta_sts_ini()
  if (!this.settings.enabled) return

  const missing = guard.missingSeams((name) => this.haraka_require(name))
  // Throwing here stops Haraka, which is the safe direction: mail stays queued.
  if (missing.length > 0) throw new Error(`mta-sts: this version of Haraka lacks ${missing.join(', ')}; not starting`)
  this.publish()

  this.register_hook('init_master', 'start_master')
  this.register_hook('init_child', 'start_worker')
  // First: a message that comes back must not carry the guard of its last attempt, not even to a route of its own.
  this.register_hook('send_email', 'reset_guard', -100)
  this.register_hook('get_mx', 'reset_guard', -100)
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
  const started = this.settings
  try {
    const policies = await PolicyEngine.start(started, { log, events: this.events, version })
    if (started !== this.settings) policies.use(this.settings) // read again in the meantime
    if (cluster.isWorker) policies.metrics.shareWithPrimary()
    this.policies = policies
    if (guard.isTlsOff((name) => this.haraka_require(name))) {
      this.logwarn('enable_tls is off in outbound.ini: DANE is not applied, and mail to enforcing domains waits')
    }
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
  return { serving: true, persisting, mode, dane: this.policies.dane.text, reason }
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
  if (!this.settings.enabled) return next()
  new Delivery(this, hmail, domain)
    .answer()
    .then((answer) => next(...answer))
    .catch((error) => this.logcrit(`Haraka failed after the MX hosts of ${domain} were known: ${error.stack}`))
}
