'use strict'

/** Attempts at MX hosts of policy domains, as a log line, a metric, and the event "outcome". */
class Outcomes {
  /**
   * @param log { line(level, text) }
   * @param metrics of mta-sts-engine
   * @param {import('node:events').EventEmitter} events
   * @param {(host: string) => string} shownHost a name of DNS made safe to log
   */
  constructor(log, metrics, events, shownHost) {
    this.log = log
    this.metrics = metrics
    this.events = events
    this.shownHost = shownHost
  }

  /** `outcome` is documented in README.md, "Outcomes". */
  record(outcome) {
    this.metrics.count('sessions_total', { mode: outcome.mode, result: resultOf(outcome) })
    this.log.line(outcome.success ? 'info' : 'notice', this.#describe(outcome))
    this.#tell(outcome)
  }

  /** A listener that fails is its own affair: neither mail nor the process may suffer. */
  #tell(outcome) {
    const listeners = this.events.rawListeners('outcome')
    if (listeners.length === 0) return
    const policy = Object.freeze({ ...outcome.policy, lines: Object.freeze([...outcome.policy.lines]) })
    const told = Object.freeze({ ...outcome, policy })
    for (const listener of listeners) {
      try {
        Promise.resolve(listener.call(this.events, told)).catch((error) => this.#complain(error))
      } catch (error) {
        this.#complain(error)
      }
    }
  }

  #complain(error) {
    this.log.line('error', `a listener to mta-sts outcomes failed: ${error?.stack ?? error}`)
  }

  deferred({ domain, policy, signed, reason }) {
    this.metrics.count('deferrals_total', {})
    const isEnforced = policy?.mode === 'enforce'
    const asked = [isEnforced && 'the policy', signed && 'its TLSA records'].filter(Boolean).join(' and ')
    const look = isEnforced ? `run: npx mta-sts query ${domain}` : 'look up the TLSA records of its MX hosts'
    this.log.line(
      'warn',
      `deferred, no MX host meets ${asked}; the message stays queued: ${reason} (to do: ${look}, and tell its postmaster)`,
    )
  }

  failOpen(reason, text) {
    this.metrics.count('fail_open_total', { reason })
    this.log.line('warn', text)
  }

  #describe({ domain, mx, address, policy, mode, success, why, detail, tlsVersion, ...outcome }) {
    const fields = {
      domain,
      mx: this.shownHost(mx),
      address,
      policy: policy.type,
      id: policy.id,
      mode,
      result: resultOf({ success, ...outcome }),
      why: success ? null : why,
      tls: tlsVersion,
      detail: detail ? JSON.stringify(detail) : null,
    }
    const shown = Object.entries(fields).filter(([, value]) => value !== null)
    return `outcome ${shown.map(([name, value]) => `${name}=${value}`).join(' ')}`
  }
}

const resultOf = ({ success, resultType }) => (success ? 'success' : (resultType ?? 'none'))

exports.Outcomes = Outcomes
