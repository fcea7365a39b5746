'use strict'

/** Attempts at MX hosts of policy domains, as a log line, a metric, and the event "outcome". */
class Outcomes {
  /**
   * @param log { line(level, text) }
   * @param metrics of mta-sts-engine
   * @param {import('node:events').EventEmitter} events
   */
  constructor(log, metrics, events) {
    this.log = log
    this.metrics = metrics
    this.events = events
  }

  /** `outcome` is documented in README.md, "Outcomes". */
  record(outcome) {
    const result = outcome.success ? 'success' : (outcome.resultType ?? 'none')
    this.metrics.count('sessions_total', { mode: outcome.mode, result })
    this.log.line(outcome.success ? 'info' : 'notice', describe(outcome))
    for (const listener of this.events.listeners('outcome')) {
      try {
        listener(outcome)
      } catch (error) {
        this.log.line('error', `a listener to mta-sts outcomes failed: ${error.stack}`)
      }
    }
  }

  deferred(reason) {
    this.metrics.count('deferrals_total', {})
    this.log.line('warn', `deferred, no MX host meets the policy; the message stays queued: ${reason}`)
  }

  failOpen(reason, text) {
    this.metrics.count('fail_open_total', { reason })
    this.log.line('warn', text)
  }
}

function describe({ domain, mx, address, policy, mode, success, resultType, why, detail, tlsVersion }) {
  const fields = {
    domain,
    mx,
    address,
    policy: policy.type,
    id: policy.id,
    mode,
    result: success ? 'success' : (resultType ?? 'none'),
    why: success ? null : why,
    tls: tlsVersion,
    detail: detail ? JSON.stringify(detail) : null,
  }
  const shown = Object.entries(fields).filter(([, value]) => value !== null)
  return `outcome ${shown.map(([name, value]) => `${name}=${value}`).join(' ')}`
}

exports.Outcomes = Outcomes
