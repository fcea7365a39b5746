'use strict'

/**
 * The whole coupling to the internals of Haraka's outbound lives in this file.
 *
 * A guard stands on ONE HMailItem instance, never on a prototype or a module: the get_mx hook puts it there and the
 * send_email hook takes it away at the start of the next attempt (a deferred message comes back as the same object).
 *
 * Under an enforce policy Haraka does not see an MX host before it is authenticated. The guard leads the session itself
 * through greeting, EHLO, STARTTLS and handshake (opening.js), so that whatever an unproven peer says costs that one MX
 * host and nothing else: no bounce, no plaintext, no flag in Redis. Then it plays a faultless opening to Haraka and
 * steps aside.
 */

const { handshake, OpeningError, untilStarttls } = require('./opening')
const { mxName } = require('./names')

// Methods of HMailItem that core calls through `this`, or that are called here.
const REPLACED = ['try_deliver', 'try_deliver_host_on_socket', 'get_force_tls', 'temp_fail']
const CALLED = ['extend_rcpt_with_dsn', 'sort_mx']

/** The methods a guard needs and this Haraka lacks. */
exports.missingSeams = (outbound) =>
  [...REPLACED, ...CALLED]
    .filter((method) => typeof outbound?.HMailItem?.prototype?.[method] !== 'function')
    .map((method) => `HMailItem.${method}`)
    .concat(typeof outbound?.net_utils?.get_mx === 'function' ? [] : ['outbound.net_utils.get_mx'])

/** Is TLS switched off for all of Haraka's outbound (enable_tls in outbound.ini)? */
exports.isTlsOff = (haraka_require) => haraka_require('outbound/config').cfg.enable_tls === false

/** Takes the guard away from a message, if there is one. */
exports.release = (hmail) => {
  for (const method of REPLACED) delete hmail[method]
}

/**
 * Puts a guard on a message: until it is told otherwise, no delivery of it starts.
 * @param {(error: Error) => void} onFault hears of what must not happen; the message is deferred then
 */
exports.hold = (hmail, onFault) => new Guard(hmail, onFault)

class Guard {
  constructor(hmail, onFault) {
    exports.release(hmail)
    this.hmail = hmail
    this.core = Object.getPrototypeOf(hmail)
    this.onFault = onFault
    this.refusal = 'MTA-STS: the policy was not known when delivery began'
    hmail.try_deliver = () => this.#defer(this.refusal)
  }

  get #domain() {
    return this.hmail.todo.domain
  }

  release() {
    exports.release(this.hmail)
  }

  /** What the message is deferred with, should its delivery begin all the same. */
  holdWith(refusal) {
    this.refusal = refusal
  }

  /** DENYSOFT follows: core's fixed "Temporary MX lookup error" gives way to the reason. */
  refuse(refusal) {
    this.refusal = refusal
    this.hmail.temp_fail = (_err, extra) => this.#defer(refusal, extra)
  }

  /** Watches what the policy would have done, and changes nothing. */
  observe(attempt) {
    exports.release(this.hmail)
    this.hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
      this.core.try_deliver_host_on_socket.call(this.hmail, mx, host, port, socket)
      watch(socket, (session) => {
        try {
          attempt.judge(mxName(mx), { ...session(), address: host })
        } catch (error) {
          this.onFault(error)
        }
      })
    }
  }

  /** Lets mail go to MX hosts that meet the policy, and to no other. */
  enforce(attempt) {
    const { hmail } = this
    exports.release(hmail)
    this.attempt = attempt
    this.all = null
    this.called = null
    this.rechecked = false
    // Core then consults neither no_tls_hosts nor the no-TLS flags in Redis, and sends nothing without TLS.
    hmail.get_force_tls = () => true
    hmail.try_deliver = () => this.#carefully(() => this.#nextHost())
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) =>
      this.#carefully(() => this.#authenticate(mx, host, port, socket), socket)
  }

  /** Nothing that goes wrong here may reach core or let mail out. */
  async #carefully(step, socket) {
    try {
      await step()
    } catch (error) {
      this.onFault(error)
      if (socket) hangUp(socket)
      this.#defer(`MTA-STS enforce ${this.#domain}: internal error: ${error.message}`)
    }
  }

  /** RFC 8461 section 5.1: in MX order, hosts that the policy does not permit count as unreachable (R-8461-8.4-01). */
  async #nextHost() {
    const { hmail, attempt } = this
    this.all ??= [...hmail.mxlist]
    if (this.called !== null) attempt.unreachable(this.called)
    this.called = null
    while (hmail.mxlist.length > 0) {
      const host = mxName(hmail.mxlist[0])
      if (attempt.entryFor(host).action === 'pkix') {
        this.called = host
        return this.core.try_deliver.call(hmail)
      }
      attempt.passOver(host)
      hmail.mxlist.shift()
    }
    return this.#exhausted()
  }

  /** No message is given up before DNS was asked for a newer policy (R-8461-5-06, R-8461-5.1-05). */
  async #exhausted() {
    const { hmail, attempt } = this
    if (attempt.failures.size === 0) return this.core.try_deliver.call(hmail)
    const newer = this.rechecked ? null : await attempt.engine.recheck(attempt)
    if (newer === null) {
      attempt.engine.deferred(attempt)
      return this.#defer(attempt.reason)
    }
    const { all } = this
    hmail.mxlist = [...all]
    if (newer.mode === 'none') this.release()
    else if (newer.mode === 'enforce') this.enforce(newer)
    else this.observe(newer)
    this.rechecked = true
    this.all = all
    return hmail.try_deliver()
  }

  async #authenticate(mx, host, port, socket) {
    const { hmail } = this
    const name = mxName(mx)
    this.called = null
    const opened = await this.#open(mx, name, host, socket)
    if (opened === null) {
      hangUp(socket)
      return hmail.try_deliver()
    }
    const { greeting, cert, cipher } = opened
    // Core would send in the clear what it is told to send now, had its socket lost the authenticated TLS session.
    if (!socket.isSecure()) throw new Error('the TLS session is not the one that was judged')
    this.core.try_deliver_host_on_socket.call(hmail, mx, host, port, socket)
    // Core remembers a host whose TLS broke, for a week and for every domain, as one to send to in the clear (D7).
    socket.prependListener('error', (error) => {
      if (error?.source === 'tls') error.source = 'mta-sts'
    })
    playOpening(socket, { name, greeting, cert, cipher })
  }

  /** An authenticated session, or null when the host failed. */
  async #open(mx, name, address, socket) {
    const { attempt } = this
    try {
      const greeting = await untilStarttls(socket, mx.bind_helo)
      const { cert, cipher } = await handshake(socket, attempt.tlsOptions(name))
      return attempt.judge(name, { ...facts(socket), address }) ? { greeting, cert, cipher } : null
    } catch (error) {
      if (!(error instanceof OpeningError)) throw error
      attempt.judge(name, { session: error.session, detail: error.message, address })
      return null
    }
  }

  #defer(reason, extra) {
    const { hmail } = this
    exports.release(hmail)
    // 4.7.5, "cryptographic failure"; should the message bounce at the end of its time, core makes it 5.7.5.
    for (const rcpt of hmail.todo.rcpt_to) {
      hmail.extend_rcpt_with_dsn(rcpt, { code: 451, msg: reason, cls: 4, sub: 7, det: 5 })
    }
    return this.core.temp_fail.call(hmail, reason, extra)
  }
}

const facts = ({ cleartext }) => ({ session: 'tls', peer: cleartext })

function hangUp(socket) {
  socket.removeAllListeners()
  socket.on('error', () => {})
  socket.destroy()
}

/**
 * Plays to core the opening that the guard led, over the TLS session that it left: core greets and asks for STARTTLS as
 * it always does, but what it says until "TLS is up" goes nowhere, and what it hears is good news.
 */
function playOpening(socket, { name, greeting, cert, cipher }) {
  const { upgrade } = socket
  const hear = (...lines) =>
    queueMicrotask(() => {
      for (const line of lines) socket.emit('line', `${line}\r\n`)
    })
  socket.write = (command) => {
    if (/^EHLO /i.test(command)) hear(`250-${name}`, '250 STARTTLS')
    else if (/^STARTTLS/i.test(command)) hear('220 ready')
    else socket.destroy()
    return true
  }
  socket.upgrade = (_options, secured) => {
    delete socket.write
    socket.upgrade = upgrade
    queueMicrotask(() => {
      socket.emit('secure')
      secured(true, undefined, cert, cipher)
    })
  }
  hear(greeting.replace(/^220[ -]?/, '220 '))
}

/** Says once, without taking part, what core made of a session: `tell` gets a function that describes it. */
function watch(socket, tell) {
  const { upgrade, write } = socket
  let offered = false
  let told = false
  const once = (session) => {
    if (!told) tell(session)
    told = true
  }
  socket.prependListener('line', (line) => {
    offered ||= /^250[ -]STARTTLS\s*$/i.test(line)
  })
  const broken = (error) => {
    const { cleartext } = socket
    if (!cleartext) return // no TLS was tried
    if (cleartext.authorizationError) once(() => facts(socket))
    else once(() => ({ session: 'handshake-failed', detail: `TLS handshake: ${error?.code ?? error}` }))
  }
  socket.prependListener('error', broken)
  socket.prependListener('close', () => broken('the connection was closed'))
  socket.write = function (command, ...rest) {
    if (/^MAIL /i.test(command)) {
      delete socket.write
      once(() => ({
        session: 'no-starttls',
        detail: `STARTTLS is ${offered ? 'offered but not used' : 'not offered'}`,
      }))
    }
    return write.call(this, command, ...rest)
  }
  socket.upgrade = (options, secured) =>
    upgrade(options, (...result) => {
      once(() => facts(socket))
      return secured(...result)
    })
}
